"""What runs inside a worker process: LaTeX to sympy by latex2sympy2_extended, comparison by math-verify.

latex2sympy2_extended walks an ANTLR parse tree and never evaluates text; math-verify's other parser, which calls
sympy's `parse_expr` and with it `eval`, is not used. Only `prmkit.grading.pool` calls this module, because neither
library bounds its time or memory.
"""

import logging
import math
import os
import resource
import time
from functools import lru_cache
from typing import Any

CPU_SECONDS = 5
"""CPU time of one comparison; the kernel counts whole seconds, so the worker ends after 5 to 7."""
MEMORY_BYTES = 2 << 30
"""Address space of one worker."""


def set_up() -> None:
    """Make this process a worker: import the parsers, keep quiet, limit memory and forbid core dumps."""
    import latex2sympy2_extended  # noqa: F401  the first comparison is not to pay for it
    import math_verify  # noqa: F401

    logging.disable(logging.CRITICAL)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    _limit(resource.RLIMIT_AS, MEMORY_BYTES)
    _limit(resource.RLIMIT_CORE, 0)


def compare(gold: str, pred: str) -> tuple[str, str, float]:
    """Compare two answers within the limits of this process.

    Returns:
        Outcome (`equal`, `different` or `unknown`), the rule that decided, and the CPU seconds it took.
    """
    begun = time.process_time()
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime) + CPU_SECONDS)
    try:
        outcome, rule = _compare(gold, pred)
    except MemoryError:
        outcome, rule = "unknown", "memory limit"
    except RecursionError:
        outcome, rule = "unknown", "too deep"
    finally:
        _limit(resource.RLIMIT_CPU, resource.RLIM_INFINITY)
    return outcome, rule, time.process_time() - begun


def _compare(gold: str, pred: str) -> tuple[str, str]:
    from math_verify import verify

    gold_value, pred_value = _parse(gold), _parse(pred)
    if gold_value is None or pred_value is None:
        return "different", "unreadable"
    equal = verify(gold_value, pred_value, timeout_seconds=None, raise_on_error=False)
    return ("equal" if equal else "different"), "sympy"


@lru_cache(maxsize=512)
def _parse(text: str) -> Any:
    """The sympy value of an answer; None where it cannot be read."""
    from latex2sympy2_extended import NormalizationConfig, normalize_latex
    from math_verify.parser import parse_latex_cached

    # units=False: its list of units has ab, c, h, st, ... and would read 2ab as 2
    config = NormalizationConfig(malformed_operators=True, nits=True, units=False, boxed="none")
    try:
        return parse_latex_cached(normalize_latex(text, config))
    except (MemoryError, RecursionError):
        raise
    except Exception:  # the libraries raise whatever comes; malformed text has no value
        return None


def _limit(kind: int, soft: int) -> None:
    """Lower or raise a soft limit as far as the hard one allows."""
    hard = resource.getrlimit(kind)[1]
    beyond = hard != resource.RLIM_INFINITY and (soft == resource.RLIM_INFINITY or soft > hard)
    resource.setrlimit(kind, (hard if beyond else soft, hard))
