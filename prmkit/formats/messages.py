"""Rejection sampling: the best solutions of a run as fine-tuning data, one conversation per row.

    {"messages": [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "1 + 1 = 2."}],
     "problem_id": "p", "solution_id": "3", "score": 0.93, "correct": true}

TRL's SFTTrainer, Axolotl and OpenAI's fine-tuning read `messages`. The best of n by a reward model is what RAFT (Dong
et al. 2023, arXiv:2304.06767) fine-tunes on; all right solutions with different equations is RFT (Yuan et al. 2023,
arXiv:2308.01825). The options are `prmkit.formats.options.MessageOptions`.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from prmkit import fields
from prmkit.errors import InputError
from prmkit.formats.options import Answers, Distinct, MessageOptions, Over
from prmkit.formats.rowwise import write_objects
from prmkit.grading import grade_many
from prmkit.models import load_tokenizer, resolve_model
from prmkit.records import FinishReason, Problem, Solution
from prmkit.steps import TextFormat, find_text_format
from prmkit.tables import Row, convert_row, read_rows, row_problem, row_score, row_solution
from prmkit.texts import place, squeezed

_CALCULATION = re.compile(r"<<[^<>\n]*>>")
_MARKUP = re.compile(r"\$|\\[()\[\]]|\\(?:(?:left|right)(?![A-Za-z])|[,;!])")
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-"})
_COMMANDS = (("\\times", "*"), ("\\cdot", "*"), ("\\div", "/"), ("\\dfrac", "\\frac"))
_TERM = r"\d+(?:[.,]\d+)*|\\[A-Za-z]+|(?<![A-Za-z\\])[B-HJ-Zb-z](?![A-Za-z])|[-+*/^_=(){}<>%!|]"
_FORMULA = re.compile(rf"(?:(?:{_TERM})[ \t]*)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A solution that may be chosen."""

    problem: Problem
    """What it solves."""
    solution_id: str
    """Unique within its problem in the source."""
    steps: tuple[str, ...]
    """May be none where a search wrote none."""
    finish: FinishReason
    """END: whole."""
    correct: bool | None = None
    """Whether its answer is right; None where that is not known."""
    score: float | None = None
    """Of a reward model; None where there is none."""

    @property
    def text(self) -> str:
        """As it is graded and compared."""
        return "\n".join(self.steps)

    @property
    def group(self) -> str:
        """The problem's text, white space aside: what tells problems apart."""
        return squeezed(self.problem.problem)


def candidate(solution: Solution, score: float | None = None) -> Candidate:
    """A solution with its score; a score that is not finite is none."""
    return Candidate(
        problem=solution.problem,
        solution_id=solution.solution_id,
        steps=solution.steps,
        finish=solution.finish,
        correct=solution.correct,
        score=score if score is not None and math.isfinite(score) else None,
    )


def read_candidates(source: Path) -> list[Candidate]:
    """The solutions of a run of `prmkit sample`, `label`, `score` or `search`, or of a table of its columns.

    Raises:
        MissingFileError: Nothing there, or a directory without finished shards.
        InputError: A row is wrong, or a solution is there twice; the message gives the place.
    """
    found: list[Candidate] = []
    places: dict[tuple[str, str], str] = {}
    for where, row in read_rows(source, ("problem_id", "problem")):
        for each in convert_row(where, row, _row_candidates):
            name = each.problem.problem_id, each.solution_id
            if name in places:
                raise InputError(f"{where}: solution {'/'.join(name)} is at {places[name]} already; keep one of them")
            places[name] = where
            found.append(each)
    return found


def _row_candidates(row: Row) -> list[Candidate]:
    if "candidates" in row:
        return _searched(row)
    if row.get("score") is None:
        return [candidate(row_solution(row))]
    scored = row_score(row)
    return [candidate(scored.solution, scored.score)]


def _searched(row: Row) -> list[Candidate]:
    """The candidates of a search; which of them are right is not stored."""
    solutions = fields.nested(row, "candidates", "a list of lists of texts", str)
    scores = fields.many(row, "scores", "a list of numbers", int | float | None)
    finishes = fields.many(row, "finishes", "a list of texts", str)
    if not len(solutions) == len(scores) == len(finishes):
        lengths = f"{len(solutions)}, {len(scores)} and {len(finishes)}"
        raise InputError(f"fields 'candidates', 'scores' and 'finishes' differ in length: {lengths}")
    return [
        Candidate(
            problem=row_problem(row),
            solution_id=f"{row.get('method') or 'search'}-{index}",
            steps=steps,
            finish=fields.member(FinishReason, finish, "finishes"),
            score=score if score is not None and math.isfinite(score) else None,
        )
        for index, (steps, score, finish) in enumerate(zip(solutions, scores, finishes, strict=True))
    ]


def choose(candidates: Sequence[Candidate], options: MessageOptions) -> tuple[list[Candidate], list[str]]:
    """The solutions to fine-tune on: whole, right, scored high enough, different, and of these the best.

    Solutions rank by score; equal scores, and all where there are none, by `prmkit.texts.place` of seed and ids, so
    never by their order in the source. Problems are told apart by their text.

    Returns:
        What is chosen, problem by problem in the order of the source and best first (over all: best first); and what is
        to be said about it, whatever was left out among it.

    Raises:
        InputError: A minimum is asked for, and nothing has a score.
    """
    notes = _about_scores(candidates, options)
    left = _narrow(candidates, _whole, "not whole (cut by a limit of tokens, or under way when a search ended)", notes)
    if options.answers is Answers.RIGHT:
        left = _right(left, notes)
    usable = {each.group for each in left}
    if options.min_score is not None:
        left = _narrow(left, _reaching(options.min_score), f"they score below {options.min_score:g}", notes)
    left = sorted(left, key=lambda each: _rank(each, options.seed))
    if options.distinct is not Distinct.NONE:
        same = _same_text if options.distinct is Distinct.TEXT else _same_equations
        reason = f"the same as one that ranks higher (--distinct {options.distinct})"
        left = _narrow(left, _first(1, same), reason, notes)
    problems = {group: index for index, group in enumerate(dict.fromkeys(each.group for each in candidates))}
    if options.over is Over.ALL:
        left = _narrow(left, _first(options.best, lambda _: None), f"not among the best {options.best} of all", notes)
    else:
        left = sorted(left, key=lambda each: problems[each.group])
        most = _first(options.best or len(left), lambda each: each.group)
        left = _narrow(left, most, f"not among the best {options.best} of their problem", notes)
    if empty := len(problems) - len({each.group for each in left}):
        none = f"{len(problems) - len(usable)} of them no whole{' and right' * (options.answers is Answers.RIGHT)} one"
        notes.append(f"{empty} of {len(problems)} problems have no solution in the output, {none}")
    return left, notes


def _narrow(
    candidates: Sequence[Candidate], wanted: Callable[[Candidate], bool], reason: str, notes: list[str]
) -> list[Candidate]:
    """Those that are wanted; how many are not, and why, goes to the notes."""
    kept = [each for each in candidates if wanted(each)]
    if len(kept) < len(candidates):
        notes.append(f"{len(candidates) - len(kept)} solutions are left out: {reason}")
    return kept


def _right(candidates: Sequence[Candidate], notes: list[str]) -> list[Candidate]:
    """Those whose answers are not wrong, with a verdict wherever the reference answer is known."""
    ungraded = [each for each in candidates if each.correct is None and each.problem.answer is not None]
    verdicts = iter(grade_many([(each.problem.known_answer(), each.text) for each in ungraded]))
    asked = set(map(id, ungraded))
    graded = [replace(each, correct=next(verdicts).equal) if id(each) in asked else each for each in candidates]
    left = _narrow(graded, lambda each: each.correct is not False, "their answers are wrong (--answers any)", notes)
    if unknown := sum(each.correct is None for each in left):
        notes.append(f"{unknown} solutions have no reference answer and may be chosen, right or wrong")
    return left


def _about_scores(candidates: Sequence[Candidate], options: MessageOptions) -> list[str]:
    """What has to be said first: some or all solutions have none."""
    unscored = sum(each.score is None for each in candidates)
    if unscored < len(candidates):
        return [f"{unscored} solutions have no score and rank behind those that have one"] if unscored else []
    if options.min_score is not None:
        raise InputError("--min-score needs scores, and there are none in --data; prmkit score writes them")
    return ["no scores in --data: the best are chosen at random, by --seed and ids"] if options.best else []


def _whole(each: Candidate) -> bool:
    return each.finish is FinishReason.END and bool(each.steps)


def _reaching(least: float) -> Callable[[Candidate], bool]:
    return lambda each: each.score is not None and _plain(each.score) >= least


def _plain(score: float) -> float:
    """Without the noise of float32 tables (0.9, not 0.8999999762)."""
    return round(score, 6)


def _rank(each: Candidate, seed: int) -> tuple[float, float]:
    address = f"{seed}/{each.problem.problem_id}/{each.solution_id}"
    return math.inf if each.score is None else -each.score, place(address)


def _first(number: int, key: Callable[[Candidate], Hashable]) -> Callable[[Candidate], bool]:
    """Says yes to the first so many of each key."""
    met: Counter[Hashable] = Counter()

    def wanted(each: Candidate) -> bool:
        met[name := key(each)] += 1
        return met[name] <= number

    return wanted


def _same_text(each: Candidate) -> Hashable:
    return each.group, squeezed(each.text)


def _same_equations(each: Candidate) -> Hashable:
    return each.group, equations(each.text) or squeezed(each.text)


def equations(text: str) -> tuple[str, ...]:
    """The equations of a text in order, without blanks and the signs of LaTeX's mathematics; what tells reasoning paths
    apart in RFT (Yuan et al. 2023, on GSM8K's calculator marks, which repeat what the text says).
    """
    text = _MARKUP.sub(" ", _CALCULATION.sub("", text).translate(_SIGNS))
    for command, sign in _COMMANDS:
        text = text.replace(command, sign)
    runs = ("".join(run[0].split()) for run in _FORMULA.finditer(text))
    return tuple(run for run in runs if "=" in run and run.strip("="))


def find_format(options: MessageOptions) -> TextFormat:
    """Prompt and separator: as asked for, else the policy's, else the bare problem and a blank line.

    Raises:
        MissingFileError: There is no such policy.
        InputError: The prompt holds no `{problem}`, or the separator is empty.
    """
    if options.policy is not None:
        policy = resolve_model(options.policy)
        return find_text_format(Path(policy), load_tokenizer(policy), options.prompt, options.separator)
    return TextFormat(
        prompt="{problem}" if options.prompt is None else options.prompt,
        separator=TextFormat.separator if options.separator is None else options.separator,
    )


def conversation(each: Candidate, text_format: TextFormat, options: MessageOptions) -> Row:
    """A solution as a row: the user's turn is the prompt as a chat template gets it, the assistant's the steps."""
    turns = [] if options.system is None else [{"role": "system", "content": options.system}]
    turns.append({"role": "user", "content": text_format.prompt.replace("{problem}", each.problem.problem).strip()})
    turns.append({"role": "assistant", "content": text_format.separator.join(each.steps)})
    if options.only_messages:
        return {"messages": turns}
    return {
        "messages": turns,
        "problem_id": each.problem.problem_id,
        "solution_id": each.solution_id,
        "score": None if each.score is None else _plain(each.score),
        "correct": each.correct,
    }


def write_messages(path: Path, candidates: Sequence[Candidate], options: MessageOptions) -> list[str]:
    """Choose solutions and write them as JSON lines, a JSON array or Parquet, by the name's ending.

    Returns:
        Sentences for the user: what was left out and why, and what was written.

    Raises:
        InputError: As of `choose` and `find_format`, nothing is left to write, or the ending is another one.
    """
    text_format = find_format(options)
    chosen, notes = choose(candidates, options)
    write_objects(path, [conversation(each, text_format, options) for each in chosen], notes)
    problems = len({each.group for each in chosen})
    return [*notes, f"{len(chosen)} conversations about {problems} problems in {path}"]
