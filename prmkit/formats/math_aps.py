r"""MATH-APS: trees of rollouts that OpenR's implementation of OmegaPRM (Luo et al. 2024, arXiv:2406.06592) wrote.

    {"question": P, "final_answer": A, "reasoning_steps": {"text": P, "mc_value": 0.75, "children": [NODE, ...]}}
    {"question": P, "final_answer": A, "reasoning_steps": [{"solution_prefix": "P\n\na\n\nb", "mc_value": 1.0}, ...]}

A node is a step (one or more paragraphs) and the share of right completions among those drawn after it. Its children
are alternatives: each path to a leaf becomes a solution, and paths share steps. A leaf of value 1 is a rollout whose
answer was found right; any other leaf is a beginning from which nothing led to the answer. How many completions a value
stands for is not stored: OpenR's own settings (k = 16, drawn twice) make 32.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

from prmkit.errors import InputError
from prmkit.files import text_field
from prmkit.formats.known import KnownProblems
from prmkit.formats.options import ReadOptions, WriteOptions
from prmkit.formats.outside import GRADED_RIGHT, Given, counted, labeled_as, step_values
from prmkit.formats.rowwise import Reading, read_each, write_objects
from prmkit.formats.verdicts import field_of
from prmkit.records import FinishReason, LabeledSolution, Problem, Solution, StepEstimate
from prmkit.tables import Row


@dataclass
class _Node:
    """A step and what may follow it."""

    values: list[float] = field(default_factory=list)
    """One for every time that it was estimated; equal alternatives are one node."""
    children: "dict[str, _Node]" = field(default_factory=dict)
    """By their text."""

    @property
    def value(self) -> float | None:
        """Mean of the values, which stand for equally many rollouts."""
        return fmean(self.values) if self.values else None

    def add(self, text: str, value: float, *, again: bool = True) -> "_Node":
        """The child of this text, new or not; a blank one adds no step.

        Args:
            text: The step.
            value: Its value.
            again: Whether the value of a known child is a further estimate of it.
        """
        if not text:
            return self
        child = self.children.setdefault(text, _Node())
        if again or not child.values:
            child.values.append(value)
        return child

    def given(self, options: ReadOptions, where: str) -> Given:
        """Its value, or counts where it is known how many rollouts a value stands for."""
        if options.rollouts is None:
            return fmean(self.values)
        counts = [counted(value, options.rollouts, where).successes for value in self.values]
        return StepEstimate(successes=sum(counts), rollouts=options.rollouts * len(counts))

    def paths(self) -> Iterator[list[tuple[str, "_Node"]]]:
        """Every way to a leaf."""
        for text, child in self.children.items():
            if not child.children:
                yield [(text, child)]
            yield from ([(text, child), *rest] for rest in child.paths())

    def to_json(self, text: str) -> Row:
        """As the tree form has it."""
        children = [child.to_json(step) for step, child in self.children.items()]
        return {"text": text, "mc_value": self.value, "children": children}


def read_math_aps(path: Path, options: ReadOptions | None = None) -> Reading:
    """Read trees, or lists of prefixes, whose tree is found again from the texts.

    Raises:
        MissingFileError: There is no such file.
        InputError: A row lacks a field or holds something else; the message names place and field.
    """
    options = options or ReadOptions()
    known = KnownProblems(options.problems)

    def convert(row: Row, where: str, name: str) -> Iterator[LabeledSolution]:
        question = text_field(row, "question", where)
        answer = text_field(row, "final_answer", where) if row.get("final_answer") is not None else None
        problem = known.find(question, answer=answer)
        steps = field_of(row, "reasoning_steps", dict | list, "a tree or a list of prefixes", where)
        place = f"{where}, reasoning_steps"
        root = _tree(steps, place) if isinstance(steps, dict) else _from_prefixes(steps, question, place)
        for number, nodes in enumerate(root.paths()):
            yield _solution(f"{name}.{number}", problem, nodes, options, where)

    reading = read_each(path, options, convert)
    return replace(reading, notes=[*reading.notes, "the values of the bare problems are left out (no counts)"])


def _solution(
    name: str, problem: Problem, nodes: Sequence[tuple[str, _Node]], options: ReadOptions, where: str
) -> LabeledSolution:
    given = [node.given(options, where) for _, node in nodes]
    right = nodes[-1][1].value == 1
    if right:
        given[-1] = GRADED_RIGHT
    solution = Solution(
        solution_id=name,
        problem=problem,
        steps=tuple(text for text, _ in nodes),
        finish=FinishReason.END if right else FinishReason.STEP,
        correct=True if right else None,
    )
    return labeled_as(solution, given, options, where)


def _value(node: Any, where: str) -> float:
    value = node.get("mc_value") if isinstance(node, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"{where}: field 'mc_value' must be a number in [0, 1], found {value!r}")
    return float(value)


def _tree(node: Row, where: str) -> _Node:
    """The tree form; the root's own text is the problem."""
    root = _Node()
    todo = [(root, child) for child in _children(node, where)]
    while todo:
        parent, child = todo.pop(0)
        value, text = _value(child, where), field_of(child, "text", str, "text", where)
        added = parent.add(text.strip(), value)
        todo += [(added, each) for each in _children(child, where)]
    return root


def _children(node: Row, where: str) -> list[Row]:
    children: list[Row] = field_of(node, "children", list, "a list of nodes", where)
    return children


def _from_prefixes(prefixes: Sequence[Any], question: str, where: str) -> _Node:
    """The tree of a list of prefixes: each hangs at the longest other one that it continues after a blank line."""
    nodes = {question.strip(): _Node()}
    root = nodes[question.strip()]
    listed = [(_prefix(each, f"{where}[{at}]"), _value(each, f"{where}[{at}]")) for at, each in enumerate(prefixes)]
    for text, value in sorted(listed, key=lambda each: len(each[0])):
        if text in nodes:
            nodes[text].values.append(value)
            continue
        cut = len(text)
        while (cut := text.rfind("\n\n", 0, cut + 1)) >= 0 and text[:cut].rstrip() not in nodes:
            pass
        if cut < 0:
            raise InputError(f"{where}: the prefix {text[:60]!r}... does not begin with the question")
        start = text[:cut].rstrip()
        nodes[text] = nodes[start].add(text[len(start) :].strip(), value)
    return root


def _prefix(each: Any, where: str) -> str:
    if not isinstance(each, dict):
        raise InputError(f"{where}: expected an object with 'solution_prefix' and 'mc_value', found {each!r}")
    return text_field(each, "solution_prefix", where).strip()


def write_math_aps(path: Path, labeled: Sequence[LabeledSolution], options: WriteOptions) -> list[str]:  # noqa: ARG001
    """Write a tree per problem; the values are `LabeledSolution.values`.

    Returns:
        What could not be written: of solutions that begin with the same steps, a step has one value, the first.
    """
    rows, differing = [], 0
    by_problem = sorted(labeled, key=lambda each: each.solution.problem.problem_id)
    for _, group in groupby(by_problem, key=lambda each: each.solution.problem.problem_id):
        same = list(group)
        problem = same[0].solution.problem
        bare = next((each.problem_estimate for each in same if each.problem_estimate is not None), None)
        root = _Node([] if bare is None else [bare.rate])
        for each in same:
            node = root
            for step, value in zip(each.solution.steps, step_values(each), strict=True):
                node = node.add(step.strip(), value, again=False)
                differing += node.value != value
        rows.append(
            {
                "question": problem.problem,
                "final_answer": problem.answer,
                "reasoning_steps": root.to_json(problem.problem),
                "question_id": problem.problem_id,
            }
        )
    write_objects(path, rows, nested=True)
    return [f"{differing} values of steps differ from an equal beginning's and are left out"] if differing else []
