"""PRM800K (Lightman et al. 2023): steps of MATH solutions rated -1 (wrong), 0 (neutral) or 1 (right) by people.

A row has `question` (`problem`, in phase 2 `pre_generated_steps`) and `label` (`finish_reason` and `steps`). Each of
those steps holds `completions`, which are *alternatives* of one step and never follow each other; the solution is what
`chosen_completion` picks of them, or the `human_completion` written where all were wrong.

- Phase 2: the solution is `pre_generated_steps`, whole. Its steps have the rating of the completion with the same text;
  those after the first error were never rated.
- Phase 1: the solution is the chosen path. Where nothing was chosen it ends, with a completion rated wrong if there is
  one.
"""

from pathlib import Path
from typing import Any

from prmkit.demo.oracle import StepTruth
from prmkit.errors import InputError
from prmkit.files import text_field
from prmkit.formats.verdicts import RATINGS, JudgedSolution, Verdicts, field_of, placed_rows, steps_of
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
