"""Labelled solutions to training examples: encoded once, deduplicated, cut at step boundaries, split by problem.

PRM and ORM are made from the same examples and the same split; what each learns from an example is an `Objective`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from prmkit.errors import InputError, ShapeError
from prmkit.files import fingerprint
from prmkit.records import FinishReason, LabeledSolution, StepEstimate, StepLabel
from prmkit.steps import EncodedSolution, TextFormat, encode_solution
from prmkit.texts import place, squeezed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Soft = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A solution as token ids, with a label for each step boundary in them."""

    name: str
    """Of the solution, for messages."""
    problem_id: str
    """Examples of one problem are never split."""
    encoded: EncodedSolution
    """What the model reads."""
    labels: tuple[StepLabel, ...]
    """Class of each step."""
    soft_labels: tuple[Soft, ...]
    """Posterior mass of (incorrect, neutral, correct) for each step."""
    estimates: tuple[StepEstimate, ...]
    """Successes and rollouts of each step."""
    correct: bool | None
    """Whether the solution's answer is right; None where nobody graded it."""

    def __post_init__(self) -> None:
        if not len(self.encoded.ends) == len(self.labels) == len(self.soft_labels) == len(self.estimates):
            raise ShapeError(
                f"solution {self.name}: {len(self.encoded.ends)} step boundaries but {len(self.labels)} labels, "
                f"{len(self.soft_labels)} soft labels and {len(self.estimates)} estimates"
            )
        if not self.labels:
            raise ShapeError(f"solution {self.name}: not one step with a label")


@dataclass(frozen=True, slots=True)
class Row:
    """An example under an objective."""

    ids: list[int]
    """Token ids."""
    prompt_length: int
    """How many of them are the prompt."""
    positions: list[int]
    """Indices in `ids` at which there is a loss; at least one."""
    targets: np.ndarray
    """float32 `[P, 3]`, the wanted distribution over the classes, or `[P, 1]`, the wanted probability."""
    language: bool = False
    """Whether the model is to keep predicting the text of the solution too."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Everything a training run reads, and what was left out."""

    training: list[Example]
    """To learn from."""
    validation: list[Example]
    """Of other problems; empty where no share was held out."""
    solutions: int
    """Read, before anything was left out."""
    duplicates: int
    """Left out: same problem and steps as an earlier one."""
    cut: int
    """Longer than the limit and cut after the last step that fits."""
    too_long: int
    """Left out: longer than the limit and not cut (not even the first step fits, or the whole is needed)."""
    unfinished: int
    """Left out where the whole is needed: solutions that were cut after a step before they came here."""
    ungraded: int
    """Left out where outcomes are learned: nobody said whether they are right."""
    surplus: int
    """Left out: beyond the limit of solutions per problem."""
    data: str
    """Fingerprint of all labelled solutions."""

    def counts(self) -> dict[str, int]:
        """As stored with the model."""
        steps = Counter(label for example in self.training for label in example.labels)
        return {
            "solutions": self.solutions,
            "duplicates": self.duplicates,
            "cut": self.cut,
            "too_long": self.too_long,
            "unfinished": self.unfinished,
            "ungraded": self.ungraded,
            "surplus": self.surplus,
            "training_solutions": len(self.training),
            "validation_solutions": len(self.validation),
            "training_problems": len({example.problem_id for example in self.training}),
            "validation_problems": len({example.problem_id for example in self.validation}),
            "training_problems_one_kind": self.one_kind(),
            "training_solutions_correct": sum(bool(example.correct) for example in self.training),
            **{f"training_steps_{label.name.lower()}": steps[label] for label in StepLabel},
        }

    def one_kind(self) -> int:
        """Problems of the training split whose graded solutions are all right or all wrong: no pair to tell apart."""
        kinds: dict[str, set[bool]] = {}
        for example in self.training:
            if example.correct is not None:
                kinds.setdefault(example.problem_id, set()).add(example.correct)
        return sum(len(found) == 1 for found in kinds.values())

    def one_class(self, *, steps: bool) -> str | None:
        """The only class there is to learn from, by name: of the steps, or of the solutions; None if there are more."""
        if steps:
            found = {label.name.lower() for example in self.training for label in example.labels}
        else:
            found = {"correct" if example.correct else "incorrect" for example in self.training}
        return found.pop() if len(found) == 1 else None


def make_pool(
    labeled: Sequence[LabeledSolution],
    tokenizer: "PreTrainedTokenizerBase",
    text_format: TextFormat,
    *,
    max_length: int,
    validation: float,
    seed: int,
    cut: bool = True,
    outcomes: bool = False,
    per_problem: int | None = None,
) -> Pool:
    """Encode, deduplicate, cut and split.

    Args:
        labeled: Labelled solutions.
        tokenizer: Of the base model.
        text_format: Of the base model.
        max_length: Token ids of an example at most. A longer one is cut after the last step that fits.
        validation: Share of the problems to hold out, in [0, 1).
        seed: Of the split.
        cut: False leaves longer ones out whole, and so those that lack their end already.
        outcomes: True leaves solutions out that were never graded.
        per_problem: Training solutions of a problem at most, drawn by the seed; None keeps all.

    Raises:
        InputError: Nothing is left to train on.
    """
    if not 0 <= validation < 1:
        raise InputError(f"the validation share must be in [0, 1), got {validation}")
    different = unique(labeled)
    ended = [each for each in different if cut or each.solution.finish is not FinishReason.STEP]
    usable = [each for each in ended if not outcomes or each.solution.correct is not None]
    ids = problem_ids(usable)
    whole = [_example(each, ids[_text(each)], tokenizer, text_format) for each in usable]
    long = [example for example in whole if len(example.encoded.ids) > max_length]
    kept = [shorter for example in whole if (shorter := _fit(example, max_length, cut)) is not None]
    held_out = held_out_problems([example.problem_id for example in kept], validation, seed)
    learned = [example for example in kept if example.problem_id not in held_out]
    training = learned if per_problem is None else _capped(learned, per_problem, seed)
    if not training:
        raise InputError(
            f"no solution to train on: {len(labeled)} labelled solutions, {len(different) - len(ended)} without their "
            f"end, {len(ended) - len(usable)} never graded (field 'correct'), {len(whole) - len(kept)} longer than "
            f"{max_length} tokens, {len(kept)} of {len(held_out)} problems held out for validation"
        )
    return Pool(
        training=training,
        validation=[example for example in kept if example.problem_id in held_out],
        solutions=len(labeled),
        duplicates=len(labeled) - len(different),
        cut=len(long) - (len(whole) - len(kept)),
        too_long=len(whole) - len(kept),
        unfinished=len(different) - len(ended),
        ungraded=len(ended) - len(usable),
        surplus=len(learned) - len(training),
        data=fingerprint([_parts(each) for each in labeled]),
    )


def _text(labeled: LabeledSolution) -> str:
    return squeezed(labeled.solution.problem.problem)


def problem_ids(labeled: Sequence[LabeledSolution]) -> dict[str, str]:
    """One id for each problem text, white space aside: the first it comes with. A split by the ids of the source would
    put one problem on both sides where it has two.
    """
    ids: dict[str, str] = {}
    for each in labeled:
        ids.setdefault(_text(each), each.solution.problem.problem_id)
    return ids


def unique(labeled: Sequence[LabeledSolution]) -> list[LabeledSolution]:
    """The first of every problem text and steps."""
    first: dict[tuple[str, tuple[str, ...]], LabeledSolution] = {}
    for each in labeled:
        first.setdefault((each.solution.problem.problem, each.solution.steps), each)
    return list(first.values())


def held_out_problems(problem_ids: Sequence[str], share: float, seed: int) -> set[str]:
    """The problems of the validation split: those whose hash with the seed falls below the share, at least one.

    A problem's side depends on its id and the seed alone, so pools that share problems agree on them.
    """
    if not share or not problem_ids:
        return set()
    places = {each: place(f"{seed}/validation/{each}") for each in problem_ids}
    return {each for each, at in places.items() if at < share} or {min(places, key=lambda each: places[each])}


def _capped(examples: Sequence[Example], most: int, seed: int) -> list[Example]:
    """At most so many of each problem, in their order."""
    members: dict[str, list[int]] = {}
    for index in sorted(range(len(examples)), key=lambda each: place(f"{seed}/cap/{examples[each].name}")):
        members.setdefault(examples[index].problem_id, []).append(index)
    return [examples[index] for index in sorted(index for each in members.values() for index in each[:most])]


def _parts(labeled: LabeledSolution) -> list[object]:
    counts = [(each.successes, each.rollouts) for each in labeled.estimates]
    solution = labeled.solution
    outcome = [solution.name, solution.finish, solution.correct]
    return [solution.problem.problem, solution.steps, labeled.labels, labeled.soft_labels, counts, outcome]


def _example(
    labeled: LabeledSolution, problem_id: str, tokenizer: "PreTrainedTokenizerBase", text_format: TextFormat
) -> Example:
    solution = labeled.solution
    return Example(
        name=solution.name,
        problem_id=problem_id,
        encoded=encode_solution(tokenizer, text_format, solution.problem.problem, solution.steps),
        labels=labeled.labels,
        soft_labels=labeled.soft_labels,
        estimates=labeled.estimates,
        correct=solution.correct,
    )


def _fit(example: Example, max_length: int, cut: bool) -> Example | None:
    """The example within the length limit, cut after a whole step; None if it must be left out."""
    encoded = example.encoded
    if len(encoded.ids) <= max_length:
        return example
    steps = sum(end < max_length for end in encoded.ends)
    if not cut or not steps:
        return None
    ends = encoded.ends[:steps]
    return replace(
        example,
        encoded=EncodedSolution(encoded.ids[: ends[-1] + 1], ends, encoded.prompt_length),
        labels=example.labels[:steps],
        soft_labels=example.soft_labels[:steps],
        estimates=example.estimates[:steps],
    )
