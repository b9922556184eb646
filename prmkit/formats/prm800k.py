"""PRM800K (Lightman et al. 2023): steps of MATH solutions rated -1 (wrong), 0 (neutral) or 1 (right) by people.

A row has `question` (`problem`, in phase 2 `pre_generated_steps`) and `label` (`finish_reason` and `steps`). Each of
those steps holds `completions`, which are *alternatives* of one step and never follow each other; the solution is what
`chosen_completion` picks of them, or the `human_completion` written where all were wrong.

- Phase 2: the solution is `pre_generated_steps`, whole. Its steps have the rating of the completion with the same text;
  those after the first error were never rated.
- Phase 1: the solution is the chosen path. Where nothing was chosen it ends, with a completion rated wrong if there is
  one.

Read as verdicts for audits (`read_prm800k`), or as labelled data (`read_prm800k_labels`), which can be written too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError
from prmkit.files import text_field
from prmkit.formats.judged import CLASSES, cut_note, judged_labels
from prmkit.formats.known import KnownProblems
from prmkit.formats.options import ReadOptions, WriteOptions
from prmkit.formats.outside import labeled_as
from prmkit.formats.rowwise import Reading, read_each, write_objects
from prmkit.formats.verdicts import RATINGS, JudgedSolution, Verdicts, field_of, placed_rows, steps_of
from prmkit.grading import equivalent
from prmkit.records import FinishReason, LabeledSolution, Problem, Solution, StepLabel
from prmkit.tables import Row

_FINISHED = {"solution": True, "found_error": None}
"""Usable finish reasons, and what they say of the answer; `bad_problem` and `give_up` leave the row out."""
_UNUSABLE = ("bad_problem", "give_up")

_Rated = tuple[str, StepTruth | None]


def read_prm800k(path: Path) -> list[JudgedSolution]:
    """Read one file of labels. Rows that the labeler gave up, or whose problem is broken, are left out.

    Returns:
        Solutions named `<file name>-<row, from 0>`: the rows have no id.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row lacks a field or holds something else; the message names file and row.
    """
    judged = [_judged(row, where, f"{path.stem}-{index}") for index, (where, row) in enumerate(placed_rows(path))]
    return [each for each in judged if each is not None]


def _judged(row: Row, where: str, name: str) -> JudgedSolution | None:
    question = field_of(row, "question", dict, "an object", where)
    label = field_of(row, "label", dict, "an object", f"{where}")
    finish = field_of(label, "finish_reason", str, "text", f"{where}, label")
    if finish in _UNUSABLE:
        return None
    if finish not in _FINISHED:
        known = ", ".join((*_FINISHED, *_UNUSABLE))
        raise InputError(f"{where}, label: field 'finish_reason' must be one of {known}, found {finish!r}")
    labelled = field_of(label, "steps", list, "a list of objects", f"{where}, label")
    places = [f"{where}, label step {number}" for number in range(len(labelled))]
    if not all(isinstance(step, dict) for step in labelled):
        raise InputError(f"{where}, label: field 'steps' must be a list of objects")
    rated = [_completions(step, place) for step, place in zip(labelled, places, strict=True)]
    if question.get("pre_generated_steps"):
        texts = steps_of(question, "pre_generated_steps", f"{where}, question")
        path = [
            (text, dict(rated[index]).get(text) if index < len(rated) else None) for index, text in enumerate(texts)
        ]
    else:
        path = _chosen_path(labelled, rated, places)
    if not path:
        raise InputError(f"{where}, label: no step was chosen or written")
    return JudgedSolution(
        name=name,
        problem=text_field(question, "problem", f"{where}, question"),
        steps=tuple(text for text, _ in path),
        verdicts=Verdicts(truths=tuple(truth for _, truth in path), answer_right=_FINISHED[finish]),
    )


def _completions(step: Row, where: str) -> list[_Rated]:
    """Texts and ratings of the alternatives of one step."""
    found: list[_Rated] = []
    for each in field_of(step, "completions", list, "a list of objects", where):
        rating = each.get("rating") if isinstance(each, dict) else "no object"
        if rating is not None and (type(rating) is not int or rating not in RATINGS):
            raise InputError(f"{where}: field 'rating' of a completion must be -1, 0, 1 or null, found {rating!r}")
        found.append((text_field(each, "text", where).strip(), None if rating is None else RATINGS[rating]))
    return found


def _chosen_path(steps: list[Any], rated: list[list[_Rated]], places: list[str]) -> list[_Rated]:
    path: list[_Rated] = []
    for step, completions, where in zip(steps, rated, places, strict=True):
        chosen, human = step.get("chosen_completion"), step.get("human_completion")
        if chosen is not None:
            if type(chosen) is not int or not 0 <= chosen < len(completions):
                raise InputError(f"{where}: field 'chosen_completion' is {chosen!r}, of {len(completions)} completions")
            path.append(completions[chosen])
        elif human is not None:
            text = human.get("text") if isinstance(human, dict) else human
            path.append((text_field({"human_completion": text}, "human_completion", where).strip(), StepTruth.NEEDED))
        else:
            return path + [each for each in completions if each[1] is StepTruth.WRONG][:1]
    return path


def read_prm800k_labels(path: Path, options: ReadOptions | None = None) -> Reading:
    """One file of labels as labelled solutions: the one that was followed, and each rated alternative as its sibling.

    A sibling has the steps before the alternative, then the alternative, and ends there; no two alternatives are ever
    steps of one solution. `correct` is true for `solution`; for `found_error` the given answers are compared.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row lacks a field or holds something else; the message names file and row.
    """
    options = options or ReadOptions()
    known = KnownProblems(options.problems)
    cut: list[int] = []

    def convert(row: Row, where: str, name: str) -> Iterator[LabeledSolution]:
        judged = _judged(row, where, name)
        if judged is None:
            return
        question, label = row["question"], row["label"]
        answer = question.get("ground_truth_answer")
        problem = known.find(judged.problem, answer=None if answer is None else str(answer))
        right = _answer_right(problem, question, label["finish_reason"])
        judged = replace(judged, verdicts=replace(judged.verdicts, answer_right=right))
        main = judged_labels(judged, problem, options, where)
        if main is not None:
            whole = label["finish_reason"] == "solution" or bool(question.get("pre_generated_steps"))
            finish = main.solution.finish if whole else FinishReason.STEP
            yield replace(main, solution=replace(main.solution, finish=finish))
        kept = () if main is None else main.labels
        cut.append(len(judged.steps) - len(kept))
        for solution, labels in _siblings(judged, problem, kept, [_completions(one, where) for one in label["steps"]]):
            yield labeled_as(solution, labels, options, where)

    reading = read_each(path, options, convert)
    return replace(reading, notes=[*reading.notes, *cut_note(sum(cut))])


def _siblings(
    judged: JudgedSolution, problem: Problem, kept: Sequence[StepLabel], rated: Sequence[Sequence[_Rated]]
) -> Iterator[tuple[Solution, list[StepLabel]]]:
    """Solutions that end with a rated alternative to a step of the main one, up to where that has labels."""
    for depth, completions in enumerate(rated[: len(kept) + 1]):
        for place, (text, truth) in enumerate(completions):
            if truth is not None and text not in judged.steps[depth : depth + 1]:
                solution = Solution(
                    solution_id=f"{judged.name}.{depth}.{place}",
                    problem=problem,
                    steps=(*judged.steps[:depth], text),
                    finish=FinishReason.STEP,
                )
                yield solution, [*kept[:depth], CLASSES[truth]]


def _answer_right(problem: Problem, question: Row, finish: str) -> bool | None:
    """What is known of the final answer."""
    if finish == "solution":
        return True
    answer = question.get("pre_generated_answer")
    return None if answer is None or problem.answer is None else equivalent(problem.answer, str(answer))


def write_prm800k(path: Path, labeled: Sequence[LabeledSolution], options: WriteOptions) -> list[str]:  # noqa: ARG001
    """Write a row per solution; one that is cut after its last step (`FinishReason.STEP`) and equals another up to
    there becomes an alternative in the other's row.

    Returns:
        What could not be written.
    """
    trunks: dict[tuple[str, tuple[str, ...]], list[_Trunk]] = {}
    rows: list[_Trunk] = []
    unfinished = dropped = 0
    for each in sorted(labeled, key=lambda one: (one.solution.finish is FinishReason.STEP, -len(one.labels))):
        problem, steps = each.solution.problem.problem_id, each.solution.steps
        near = trunks.get((problem, steps[:-1]), []) if each.solution.finish is FinishReason.STEP else []
        if near:
            mine = [one for one in near if each.solution.solution_id.startswith(f"{one.labeled.solution.solution_id}.")]
            (mine or near)[0].alternatives.setdefault(len(steps) - 1, []).append(each)
        elif StepLabel.INCORRECT not in each.labels and not each.solution.correct:
            unfinished += 1
        else:
            rows.append(_Trunk(each))
            dropped += len(steps) - rows[-1].judged
            for depth in range(rows[-1].judged):
                trunks.setdefault((problem, steps[:depth]), []).append(rows[-1])
    order = {id(each): place for place, each in enumerate(labeled)}
    rows.sort(key=lambda row: order[id(row.labeled)])
    unknown = "have neither an incorrect step nor a right answer, and PRM800K has no finish reason for that"
    notes = [f"{unfinished} solutions are left out: they {unknown}"] if unfinished else []
    notes += [f"{dropped} labels after a first error are left out: PRM800K judges no step there"] if dropped else []
    write_objects(path, [row.to_json() for row in rows], notes, nested=True)
    return notes


@dataclass
class _Trunk:
    """A solution that becomes a row, and the alternatives to its steps, by the step's index."""

    labeled: LabeledSolution
    alternatives: dict[int, list[LabeledSolution]] = field(default_factory=dict)

    @property
    def judged(self) -> int:
        """Steps up to the first error."""
        labels = self.labeled.labels
        return labels.index(StepLabel.INCORRECT) + 1 if StepLabel.INCORRECT in labels else len(labels)

    def to_json(self) -> Row:
        """The row."""
        solution = self.labeled.solution
        wrong = StepLabel.INCORRECT in self.labeled.labels
        whole = wrong and solution.finish is not FinishReason.STEP
        return {
            "labeler": "prmkit",
            "timestamp": None,
            "generation": None,
            "is_quality_control_question": False,
            "is_initial_screening_question": False,
            "question": {
                "problem": solution.problem.problem,
                "ground_truth_solution": solution.problem.solution,
                "ground_truth_answer": solution.problem.answer,
                "pre_generated_steps": list(solution.steps) if whole else None,
                "pre_generated_answer": None,
                "pre_generated_verifier_score": None,
            },
            "label": {
                "steps": [self._step(index) for index in range(self.judged)],
                "total_time": None,
                "finish_reason": "found_error" if wrong else "solution",
            },
        }

    def _step(self, index: int) -> Row:
        choices = [self.labeled, *self.alternatives.get(index, [])]
        return {
            "completions": [
                {"text": each.solution.steps[index], "rating": int(each.labels[index]), "flagged": None}
                for each in choices
            ],
            "human_completion": None,
            "chosen_completion": None if self.labeled.labels[index] is StepLabel.INCORRECT else 0,
        }
