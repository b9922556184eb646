"""What is wrong with labelled solutions for a base model, before any hour is spent: the inside of `prmkit doctor`.

Nothing is looked at but what the code of training (`make_pool`, `Objective`) and of scoring (`StepReader`) make of the
data; no weights are loaded. The checks are in `prmkit.training.checks`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prmkit.errors import InputError, PrmkitError
from prmkit.files import read_json
from prmkit.models import load_config, load_tokenizer, resolve_model
from prmkit.records import LabeledSolution, StepLabel
from prmkit.rewards.metadata import RewardMetadata
from prmkit.rewards.trained_on import read_trained
from prmkit.steps import METADATA_FILE, find_text_format
from prmkit.tables import Row
from prmkit.training.checks.findings import Check, Status
from prmkit.training.checks.labels import boundaries, data_checks, readable
from prmkit.training.checks.leakage import leakage_checks
from prmkit.training.checks.subject import Base, Subject
from prmkit.training.checks.text import separator_check, text_checks
from prmkit.training.data import Example, Pool, make_pool
from prmkit.training.objectives import Objective


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The training to come; fields as of `prmkit.training.config.TrainConfig`."""

    base: str
    """Causal language model: a folder, a hub name or `demo`."""
    objective: Objective
    """What to learn."""
    max_length: int = 2048
    """Token ids of a solution at most; the base's own context if that is less."""
    validation: float = 0.1
    """Share of the problems held out, in [0, 1)."""
    seed: int = 0
    """Of the split."""
    prompt: str | None = None
    """Overrides the base's prompt format."""
    separator: str | None = None
    """Overrides the base's step separator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedStep:
    """A step as it is read."""

    text: str
    """Decoded from its ids, without its separator."""
    read: str
    """Its separator, decoded; the model is read at the last token of it."""
    label: StepLabel
    """Of that token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedRow:
    """A training row as a person can read it."""

    solution: str
    """Its name."""
    place: str
    """In the data."""
    tokens: int
    """Ids in all."""
    prompt: str
    """Decoded from its ids."""
    steps: tuple[MarkedStep, ...]
    """With the label of each."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was found."""

    checks: tuple[Check, ...]
    """All that could be made."""
    rows: tuple[MarkedRow, ...]
    """Some rows of the training split, those with the most different labels first."""

    @property
    def violations(self) -> list[str]:
        """Names of the checks that are violated."""
        return [each.name for each in self.checks if each.status is Status.VIOLATION]

    def to_json(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "violations": self.violations,
            "warnings": [each.name for each in self.checks if each.status is Status.WARNING],
            "checks": [each.to_json() for each in self.checks],
            "rows": [asdict(each) for each in self.rows],
        }


def examine(plan: Plan, placed: Sequence[tuple[str, Row]], *, test: Sequence[str] = (), rows: int = 3) -> Diagnosis:
    """Make every check.

    Args:
        plan: The training to come.
        placed: Rows of `LABEL_SCHEMA`, good or bad, each with its place.
        test: Problem texts of a test set that training must not have seen; none skips that check.
        rows: Training rows to decode at most.

    Raises:
        InputError: There are no rows, or the base cannot be used.
        MissingFileError: The base is not there.
    """
    if not placed:
        raise InputError("there are no labelled solutions to look at")
    base = load_base(plan)
    records, faults, checks = readable(placed)
    checks.append(separator_check(base, [step for _, record in records for step in record.solution.steps]))
    try:
        pool = _pool(plan, base, [record for _, record in records])
    except PrmkitError as error:
        return Diagnosis(checks=(*checks, boundaries(faults, (), ()), _no_pool(str(error))), rows=())
    subject = Subject(
        base=base,
        objective=plan.objective,
        records={record.solution.name: (place, record) for place, record in records},
        pool=pool,
        max_length=_limit(plan, base),
    )
    checks += data_checks(subject, faults) + leakage_checks(subject, test) + text_checks(subject)
    return Diagnosis(checks=tuple(checks), rows=tuple(marked_rows(subject, rows)))


def load_base(plan: Plan) -> Base:
    """Everything of the base but its weights; errors as of `examine`."""
    path = resolve_model(plan.base)
    tokenizer = load_tokenizer(path)
    file = Path(path) / METADATA_FILE
    is_reward = file.is_file() and "kind" in read_json(file)
    return Base(
        path=path,
        tokenizer=tokenizer,
        config=load_config(path),
        text_format=find_text_format(Path(path), tokenizer, plan.prompt, plan.separator),
        own_format=find_text_format(Path(path), tokenizer) if file.is_file() or tokenizer.chat_template else None,
        metadata=RewardMetadata.read(Path(path)) if is_reward else None,
        trained_on=read_trained(Path(path)) or frozenset(),
    )


def _limit(plan: Plan, base: Base) -> int:
    context = getattr(base.config.get_text_config(), "max_position_embeddings", None)
    return min(plan.max_length, context or plan.max_length)


def _pool(plan: Plan, base: Base, labeled: Sequence[LabeledSolution]) -> Pool:
    """As training makes it."""
    return make_pool(
        labeled,
        base.tokenizer,
        base.text_format,
        max_length=_limit(plan, base),
        validation=plan.validation,
        seed=plan.seed,
        cut=not plan.objective.needs_whole_solutions,
    )


def _no_pool(reason: str) -> Check:
    message = f"training would stop at once, and what follows could not be checked: {reason}"
    return Check(name="pool", status=Status.VIOLATION, message=message)


def marked_rows(subject: Subject, most: int) -> list[MarkedRow]:
    """Training rows decoded, those with the most different labels first."""
    varied = sorted(subject.pool.training, key=lambda example: -len(set(example.labels)))
    return [_marked(subject, example) for example in varied[:most]]


def _marked(subject: Subject, example: Example) -> MarkedRow:
    decode, encoded = subject.base.decode, example.encoded
    width = len(subject.base.separator_ids)
    starts = [encoded.prompt_length, *(end + 1 for end in encoded.ends)]
    return MarkedRow(
        solution=example.name,
        place=subject.place(example.name),
        tokens=len(encoded.ids),
        prompt=decode(encoded.ids[: encoded.prompt_length]),
        steps=tuple(
            MarkedStep(
                text=decode(encoded.ids[start : end + 1 - width]),
                read=decode(encoded.ids[end + 1 - width : end + 1]),
                label=label,
            )
            for start, end, label in zip(starts, encoded.ends, example.labels, strict=False)
        ),
    )
