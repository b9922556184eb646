"""What the subcommands of `prmkit evaluate` share: the model, the output folder, and how results are written."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from prmkit.cli.options import progress, say
from prmkit.cli.reward_options import RewardOptions
from prmkit.errors import InputError

if TYPE_CHECKING:
    from prmkit.evaluation.judged import JudgedScores
    from prmkit.formats.verdicts import JudgedSolution
    from prmkit.report import Table
    from prmkit.rewards.base import RewardModel

CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.json"
ROWS_FILE = "solutions.jsonl"


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """The model, and where results go."""

    model: tuple[str, ...]
    """Folder of `prmkit train`, a published PRM (folder or hub name), or judge:MODEL; several make an ensemble."""
    out: Path
    """Folder of metrics.json and solutions.jsonl; results of the same command in it are replaced."""
    calibration: Literal["stored", "none"] = "stored"
    """stored: apply what `prmkit calibrate` left in the checkpoint; none: scores as the model gives them."""
    seed: int = 0
    """Of the bootstrap, and of whatever is drawn."""
    rewards: Annotated[RewardOptions, tyro.conf.arg(name="")] = field(default_factory=RewardOptions)

    def load(self, **options: Any) -> "RewardModel":
        """The model, or several as one; options as of `prmkit.rewards.named.load_any`.

        Raises:
            InputError: The seed is negative, of which numpy would complain after all the scoring.
        """
        if self.seed < 0:
            raise InputError(f"--seed must not be negative, got {self.seed}")
        return self.rewards.load(self.model, calibrated=self.calibration == "stored", **options)

    def begin(self, command: str, data: "Iterable[tuple[str, Any]]", **decides: Any) -> None:
        """Take OUT for this evaluation, if it is free or held the same one before.

        Args:
            command: Its subcommand.
            data: Name and contents of every solution.
            decides: Whatever else decides the results.
        """
        from prmkit.runs import check_folder, contents, write_config

        config = {
            "command": f"evaluate {command}",
            **self.rewards.identity(self.model),
            "calibration": self.calibration,
            "seed": self.seed,
            "data": contents(data),
            **decides,
        }
        check_folder(self.out, CONFIG_FILE, config)
        write_config(self.out, CONFIG_FILE, config)

    def finish(
        self, command: str, tables: "Sequence[Table]", rows: Sequence[dict[str, Any]], notes: Sequence[str], **told: Any
    ) -> None:
        """Write metrics.json and solutions.jsonl, and print the tables.

        Args:
            command: The subcommand.
            tables: Each becomes an entry of metrics.json.
            rows: One per solution.
            notes: What a reader must know to judge the figures, a sentence each.
            told: Further entries of metrics.json.
        """
        import pyarrow as pa
        from rich import print as show

        from prmkit.cli.describe import command_line, resolved
        from prmkit.files import write_json
        from prmkit.report.terminal import figures_table
        from prmkit.report.versions import package_versions
        from prmkit.tables import write_rows

        write_rows(self.out / ROWS_FILE, rows, pa.schema([]))
        write_json(
            self.out / METRICS_FILE,
            {
                "command": command_line(f"evaluate {command}", self),
                "config": resolved(self),
                "versions": package_versions(),
                "notes": list(notes),
                **told,
                **{table.key: table.to_json() for table in tables},
            },
        )
        for table in tables:
            show(figures_table(table))
        for note in notes:
            say(note)
        say(f"figures in {self.out / METRICS_FILE}, {len(rows)} rows in {self.out / ROWS_FILE}")

    def trained_on(self, problems: Iterable[str]) -> list[str]:
        """Notes where the model, or its calibration, learned from some of the problems; none where it does not say."""
        from prmkit.rewards.trained_on import problem_digest, read_calibrated, read_trained

        digests = {problem_digest(each) for each in problems}
        folders = [Path(name) for name in self.model]
        known = {"trained": frozenset().union(*(read_trained(each) or () for each in folders))}
        if self.calibration == "stored":
            known["calibrated"] = frozenset().union(*map(read_calibrated, folders))
        return [
            f"The model was {how} on {shared} of these {len(digests)} problems: the figures flatter it."
            for how, theirs in known.items()
            if (shared := len(digests & theirs))
        ]


@dataclass(frozen=True, kw_only=True)
class JudgedOptions(EvaluateOptions):
    """Where steps are flagged."""

    threshold: float | None = None
    """A step that scores lower is flagged; default: the checkpoint's, fixed before anything is measured."""

    def score(self, model: "RewardModel", judged: "Sequence[JudgedSolution]") -> "tuple[list[JudgedScores], list[str]]":
        """Scores beside verdicts, and notes on what was left out."""
        from prmkit.evaluation.scoring import score_judged

        with progress("scoring", len(judged)) as advance:
            scored, left_out = score_judged(model, judged, advance)
        if not scored:
            raise InputError(f"none of the {len(judged)} solutions fits the model's context")
        notes = [f"{len(left_out)} of {len(judged)} solutions do not fit the model's context and are left out."]
        problems = (each.origin or each.problem for each in judged)
        return scored, (notes if left_out else []) + self.trained_on(problems)


def named_judgements(judged: "Iterable[JudgedSolution]") -> Iterator[tuple[str, Any]]:
    """For the configuration: what decides the results about each solution."""
    for each in judged:
        yield each.name, [each.problem, each.steps, each.verdicts.truths, each.verdicts.answer_right, each.category]


def judged_row(item: "JudgedScores", threshold: float, **more: Any) -> dict[str, Any]:
    """A solution as a row of solutions.jsonl."""
    from prmkit.rewards.base import first_flagged

    judged = item.judged
    predicted = first_flagged(item.step_scores, threshold)
    return more | {
        "solution": judged.name,
        "problem": judged.problem,
        "steps": list(judged.steps),
        "truths": [None if truth is None else str(truth) for truth in judged.verdicts.truths],
        "answer_right": judged.verdicts.answer_right,
        "step_scores": list(item.step_scores),
        "score": item.score,
        "first_error": judged.verdicts.first_error,
        "first_flagged": predicted,
        "match": None if judged.verdicts.first_error is None else predicted == judged.verdicts.first_error,
    }
