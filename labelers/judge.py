r"""A language model as judge of solutions: which step is the first wrong one. Any completer can be asked.

The prompt is `PROMPT`, in the chat template of models that have one; the verdict is the last `\boxed{INDEX}` of what
the judge writes (-1: no error). Anything else is no verdict; it is counted, and the solution keeps no second opinion.
"""

import asyncio
import re
from dataclasses import dataclass, replace

import pyarrow as pa

from labelers.worker import Done, raise_exits
from prmkit.completers import Completer, Request, Sampling, draw_seed
from prmkit.records import FinishReason, Solution

PROMPT = """The following is a math problem and a solution, cut into paragraphs that are tagged and numbered from 0:

[Problem]

{problem}

[Solution]

{solution}

Check the solution paragraph by paragraph. Give the number of the earliest paragraph that is wrong; if none is wrong, \
give -1. Put your final answer, a number only, in \\boxed{{}}."""
"""What the judge is asked; the task and the tags are those of ProcessBench's critic models."""

JUDGEMENT_SCHEMA = pa.schema(
    [
        pa.field("solution", pa.string()),
        pa.field("first_error", pa.int32()),
        pa.field("said", pa.string()),
    ]
)
"""One row per solution: its name, the verdict (-1: no error; null: none that could be read), what the judge wrote."""

_BOXED = re.compile(r"\\boxed\{\s*(-?\d+)\s*\}")


def judge_prompt(solution: Solution) -> str:
    """The question about one solution."""
    paragraphs = [f"<paragraph_{at}>\n{step}\n</paragraph_{at}>" for at, step in enumerate(solution.steps)]
    return PROMPT.format(problem=solution.problem.problem, solution="\n\n".join(paragraphs))


def parse_verdict(said: str, steps: int) -> int | None:
    """The index of the first error in what a judge wrote, -1 for none; None where it gives no such number."""
    boxed = _BOXED.findall(said)
    return int(boxed[-1]) if boxed and -1 <= int(boxed[-1]) < steps else None


@dataclass(frozen=True, kw_only=True)
class JudgeTask:
    """Ask for the first error of solutions; picklable, and everything that decides the verdicts besides the engine."""

    sampling: Sampling
    """How the judge's answer is drawn; one cut by the token limit is no verdict."""
    seed: int = 0
    """Of all draws."""

    @property
    def schema(self) -> pa.Schema:
        """Of the rows that `run` returns: a judgement file (`prmkit.formats.verdicts`)."""
        return JUDGEMENT_SCHEMA

    def name(self, item: Solution) -> str:
        """What to call an item in messages."""
        return item.name

    def group(self, item: Solution) -> str:
        """Solutions share nothing but the head of the prompt."""
        return item.name

    async def run(self, completer: Completer, items: list[Solution]) -> list[Done | Exception]:
        """One row per solution, or what went wrong with it; all are under way at once."""
        results = await asyncio.gather(*(self._judge(completer, item) for item in items), return_exceptions=True)
        return raise_exits(results)

    async def _judge(self, completer: Completer, solution: Solution) -> Done:
        tokenizer = completer.tokenizer
        asking = replace(completer.text_format, prompt="{problem}\n\n")  # not the policy's own instruction
        prompt = tuple(asking.prompt_ids(tokenizer, judge_prompt(solution)))
        seed = draw_seed(self.seed, "judge", solution.problem.problem_id, prompt, 0)
        completion = await completer.complete(Request(prompt_ids=prompt, sampling=self.sampling, seed=seed))
        said = str(tokenizer.decode(completion.token_ids, skip_special_tokens=True))
        finished = completion.finish is not FinishReason.LENGTH
        first_error = parse_verdict(said, len(solution.steps)) if finished else None
        return Done(rows=[{"solution": solution.name, "first_error": first_error, "said": said}])
