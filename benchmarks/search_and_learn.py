"""The peer of `benchmarks.beam_search`: beam search as Hugging Face's search-and-learn does it, one problem at a time.

`beam_search` is our own writing of the algorithm that they published (src/sal/search/beam_search.py of
huggingface/search-and-learn): n beams under way are continued by one step each, the whole text of every beam is
scored, the best n / width of those that did not end are kept and repeated until they are n again. It ends when none is
under way.
`Engine` and `Scores` are what it runs on here: `LLM.generate` on text, and padded batches through the reward model.
`theirs` runs their own code, from a checkout of it, on the same two, and `check_same` that both write the same tokens.
Their answer parser wants old packages, kept apart from ours by

    pip install --target FOLDER --no-deps latex2sympy2==1.9.1 antlr4-python3-runtime==4.7.2 word2number

and PYTHONPATH=FOLDER; the rest works with current ones.
"""

import copy
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from prmkit.models import load_tokenizer
from prmkit.rewards.base import RewardModel
from prmkit.steps import TextFormat, split_text

READ_TOGETHER = 8
"""Solutions in a batch of the reward model, as theirs for RLHFlow's."""


@dataclass
class Beam:
    """A solution so far."""

    text: str = ""
    scores: list[float] = field(default_factory=list)
    """Of its steps."""


def beam_search(
    prompt: str,
    generate: Callable[[Sequence[str], bool], list[tuple[str, bool]]],
    score: Callable[[Sequence[str]], list[list[float]]],
    rank: Callable[[Sequence[float]], float],
    *,
    n: int,
    width: int,
    iterations: int,
) -> list[Beam]:
    """Search one problem.

    Args:
        prompt: What stands before every solution.
        generate: From texts, and whether this is the last iteration, which writes to the end: for each what follows,
            and whether it ended there instead of with a step.
        score: From solutions the scores of their steps.
        rank: From scores of steps the score of a solution.
        n: Beams under way.
        width: One in so many is kept.
        iterations: Steps at most.

    Returns:
        The first n that ended, repeated where they are fewer; none where none ended.
    """
    active = [Beam() for _ in range(n)]
    ended: list[Beam] = []
    for iteration in range(iterations):
        active = [copy.deepcopy(each) for each in islice(cycle(active), n)]
        drawn = generate([prompt + each.text for each in active], iteration == iterations - 1)
        for beam, (text, _) in zip(active, drawn, strict=True):
            beam.text += text
        for beam, scores in zip(active, score([each.text for each in active]), strict=True):
            beam.scores = scores
        done = [end or not text for text, end in drawn]
        ended += [beam for beam, end in zip(active, done, strict=True) if end]
        active = [beam for beam, end in zip(active, done, strict=True) if not end]
        if not active:
            break
        best = np.argsort([rank(each.scores) for each in active])[-(n // width) :]
        active = [active[index] for index in sorted(best)]
    return list(islice(cycle(ended), n))


class Engine:
    """vLLM's `LLM`, which counts what it writes. Start it before anything else in a process."""

    def __init__(self, policy: str, text_format: TextFormat, slots: int) -> None:
        """Start it with the settings of our completer."""
        from prmkit.completers.vllm import cpu_arguments, prepare_vllm

        prepare_vllm()
        from vllm import LLM

        self.llm = LLM(policy, max_num_seqs=slots, enable_prefix_caching=True, **cpu_arguments(policy, slots))
        self.tokenizer = load_tokenizer(policy)
        self.text_format = text_format
        self.limit = 0
        """Tokens of one call."""
        self.tokens = self.draws = 0

    def generate(self, prompts: Sequence[str], parameters: Any = None, use_tqdm: bool = False) -> list[Any]:
        """As `LLM.generate`, with the policy's separator in place of any other."""
        if parameters.stop:
            parameters.stop = [self.text_format.separator]
        outputs = self.llm.generate(list(prompts), parameters, use_tqdm=use_tqdm)
        self.draws += len(outputs)
        self.tokens += sum(len(each.outputs[0].token_ids) for each in outputs)
        return list(outputs)

    def step(self, prompts: Sequence[str], last: bool) -> list[tuple[str, bool]]:
        """For `beam_search`; a step cut by the limit counts as an end."""
        from vllm import SamplingParams

        parameters = SamplingParams(
            temperature=1.0,
            max_tokens=self.limit,
            stop=None if last else [self.text_format.separator],
            include_stop_str_in_output=True,
        )
        found = [each.outputs[0] for each in self.generate(prompts, parameters)]
        return [(each.text, each.stop_reason is None) for each in found]

    def get_tokenizer(self) -> Any:
        """The policy's own, on which a chat template can be set; the one of `LLM` passes calls on and forgets it."""
        return self.tokenizer


class Scores:
    """A reward model that reads whole solutions, and how much time it took."""

    def __init__(self, model: RewardModel, text_format: TextFormat) -> None:
        """Take a model, or an oracle."""
        self.model, self.text_format = model, text_format
        self.seconds = 0.0
        """Of the processor."""

    def score(self, questions: Sequence[str], outputs: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        """For each problem the scores of the steps of each of its solutions: the front of their reward models."""
        began = time.thread_time()
        pairs = [(question, text) for question, texts in zip(questions, outputs, strict=True) for text in texts]
        found = iter(whole_scores(self.model, [(each, self.steps(text)) for each, text in pairs]))
        self.seconds += time.thread_time() - began
        return [[next(found) for _ in texts] for texts in outputs]

    def steps(self, text: str) -> list[str]:
        """Of a solution; an empty one has a step that says so."""
        return split_text(text, self.text_format.separator) or ["(nothing)"]


def whole_scores(model: RewardModel, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
    """Scores of steps: a classifier reads all tokens of all solutions, in padded batches; an oracle as it does."""
    from benchmarks.scoring import padded
    from prmkit.rewards.scorer import ClassifierReward

    if not isinstance(model, ClassifierReward):
        return model.score_steps(solutions)
    rows = [model.encode(problem, steps) for problem, steps in solutions]
    tokens = READ_TOGETHER * max(len(row.ids) for row in rows)
    return [model.scores(model.probabilities(each)) for each in padded(model.model, rows, tokens=tokens, in_order=True)]


def ours_of_theirs(engine: Engine, scores: Scores, problem: str, *, n: int, width: int, iterations: int) -> str:
    """The best solution of a problem by `beam_search`; empty where there is none."""
    rank = scores.model.solution_score
    beams = beam_search(
        engine.text_format.prompt.replace("{problem}", problem),
        engine.step,
        lambda texts: scores.score([problem], [texts])[0],
        rank,
        n=n,
        width=width,
        iterations=iterations,
    )
    return max(beams, key=lambda each: rank(each.scores), default=Beam()).text


def theirs(checkout: Path) -> Callable[..., str]:
    """The same by their own code, in the folder of a checkout."""
    sys.path.insert(0, str(checkout / "src"))
    try:
        from sal.config import Config  # type: ignore[import-not-found]
        from sal.search import beam_search as search  # type: ignore[import-not-found]
    except ImportError as error:
        sys.exit(f"{checkout}: their code cannot be imported: {error}")

    def best(engine: Engine, scores: Scores, problem: str, *, n: int, width: int, iterations: int) -> str:
        turns = "{% for each in messages if each.role != 'system' %}{{ each.content }}"
        between = engine.text_format.prompt.replace("{problem}", "").replace("\n", "\\n")
        config = Config(
            approach="beam_search",
            search_batch_size=1,
            n=n,
            beam_width=width,
            num_iterations=iterations,
            temperature=1.0,
            max_tokens=engine.limit,
            agg_strategy=str(scores.model.aggregation),
            custom_chat_template=turns + "{% if each.role == 'user' %}{{ '" + between + "' }}{% endif %}{% endfor %}",
        )
        return str(search({"problem": [problem]}, config, engine, scores)["pred"][0])

    return best


def check_same(search: Callable[..., str], engine: Engine, scores: Scores, problems: Sequence[str]) -> None:
    """Whether a search writes the very tokens that `beam_search` writes, from the same seed."""
    import torch

    engine.limit = 60
    for problem in problems:
        found: list[tuple[str, int]] = []
        for each in (ours_of_theirs, search):
            torch.manual_seed(0)  # the engine samples in this process
            before = engine.tokens
            text = each(engine, scores, problem, n=16, width=4, iterations=8)
            found.append((text, engine.tokens - before))
        assert found[0] == found[1], f"their code and ours differ: {found}"
