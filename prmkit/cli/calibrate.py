"""`prmkit calibrate`: make a reward model's scores probabilities that come true, on problems it never learned from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prmkit.cli.options import say

if TYPE_CHECKING:
    from torch import Tensor

    from prmkit.evaluation.recalibration import Recalibration
    from prmkit.records import LabeledSolution, Solution
    from prmkit.rewards.calibration import Calibration
    from prmkit.rewards.metadata import RewardMetadata


@dataclass(frozen=True, kw_only=True)
class Calibrate:
    """Fit a calibration, or mean and spread of the rewards, and store them with the model: scoring applies them."""

    model: Path
    """Folder written by `prmkit train`; its prmkit.json is written again."""
    labels: Path
    """Run directory of `prmkit label`, or a file of its columns; problems the model learned from are left out. With
    --level solutions, or --normalise alone, solutions without labels do (`prmkit sample`)."""
    method: Literal["temperature", "platt", "isotonic", "none"] | None = None
    """temperature: divide the logits of the steps; platt, isotonic: map the scores; none: take a calibration away."""
    level: Literal["steps", "solutions"] = "steps"
    """What is mapped: the score of every step, or that of a solution (whose outcome is whether its answer is right)."""
    outcomes: Literal["rate", "label", "oracle"] = "rate"
    """What the score of a step should foretell: its rollouts' share of right answers, its class, or the verdict of the
    oracle (stories of the demo)."""
    normalise: bool = False
    """Store mean and spread of the solutions' rewards, for RL."""
    out: Path | None = None
    """Folder of reliability.html and metrics.json; default: MODEL/calibration-LEVEL."""
    device: str | None = None
    """cpu, cuda, ...; by default CUDA where there is one."""
    seed: int = 0
    """Of the folds behind the figures after calibration, and of the intervals."""

    def run(self) -> None:
        """Do it."""
        from prmkit.rewards.metadata import RewardMetadata
        from prmkit.rewards.trained_on import write_calibrated

        self._check()
        metadata = RewardMetadata.read(self.model)
        if self.method == "none":
            metadata = self._keep(metadata, None)
        solutions: Sequence[Solution] = ()
        if self._fits or self.normalise:
            labeled, solutions = self._read()  # before anything loads torch: mistakes are told at once
            metadata = self._fit(metadata, labeled, solutions)
        if self._fits:
            write_calibrated(self.model, self.level, (each.problem.problem for each in solutions))
        metadata.write(self.model)
        for level, calibration in _held(metadata).items():
            if calibration is None:
                write_calibrated(self.model, level, ())
        say(f"{self.model} holds {_describe(metadata)}")

    def _fit(
        self, metadata: "RewardMetadata", labeled: "Sequence[LabeledSolution]", solutions: "Sequence[Solution]"
    ) -> "RewardMetadata":
        """What is to be fitted, put into the metadata."""
        import numpy as np

        from prmkit.rewards.calibration import Normalisation
        from prmkit.rewards.reading import StepReader
        from prmkit.rewards.scorer import load_reward_model

        model = load_reward_model(self.model, self.device, calibrated=False)
        logits = model.step_logits([(each.problem.problem, each.steps) for each in solutions])
        if self._fits:
            metadata = self._keep(metadata, self._calibration(metadata, logits, labeled, solutions))
        if self.normalise:
            rewards = StepReader(model.tokenizer, metadata).read_rewards(logits)
            metadata = replace(metadata, normalisation=Normalisation.of(np.array(rewards)))
        return metadata

    @property
    def _fits(self) -> bool:
        return self.method not in (None, "none")

    def _check(self) -> None:
        """Refuse options that contradict each other."""
        from prmkit.errors import InputError

        if self.method is None and not self.normalise:
            raise InputError("nothing to do: give --method, --normalise or both")
        if self.method == "temperature" and self.level == "solutions":
            raise InputError("a temperature divides the logits of steps; for --level solutions take platt or isotonic")
        if self.outcomes != "rate" and not (self._fits and self.level == "steps"):
            raise InputError("--outcomes says what steps foretell; it belongs to a --method for --level steps")
        if self.seed < 0:
            raise InputError(f"--seed must be at least 0, got {self.seed}")

    def _read(self) -> "tuple[list[LabeledSolution], list[Solution]]":
        """The solutions of problems the model did not learn from, with labels where those are needed.

        Raises:
            InputError: Nothing is left, or there are no labels.
        """
        from prmkit.errors import InputError
        from prmkit.rewards.trained_on import problem_digest, read_trained
        from prmkit.tables import read_solutions

        labeled = self._read_labels() if self._fits and self.level == "steps" else []
        solutions = [each.solution for each in labeled] or read_solutions(self.labels)
        if not solutions:
            raise InputError(f"{self.labels}: no solutions in it")
        trained = read_trained(self.model)
        if trained is None:
            say(f"warning: {self.model} does not say which problems it learned from; make sure that these are others")
        unseen = [problem_digest(each.problem.problem) not in (trained or ()) for each in solutions]
        kept = [each for each, new in zip(solutions, unseen, strict=True) if new]
        if not kept:
            raise InputError(
                f"{self.labels}: the model learned from the problems of all {len(solutions)} solutions; what it saw in "
                "training does not tell how far its scores can be trusted: take other problems"
            )
        problems = len({each.problem.problem_id for each in kept})
        say(f"{len(kept)} solutions of {problems} problems; {len(solutions) - len(kept)} left out, learned from before")
        return [each for each, new in zip(labeled, unseen, strict=False) if new], kept

    def _read_labels(self) -> "list[LabeledSolution]":
        from prmkit.errors import InputError
        from prmkit.tables import read_labels, read_rows

        try:
            return read_labels(self.labels)
        except InputError:
            if any(row.get("labels") is not None for _, row in read_rows(self.labels, ())):
                raise
            message = f"{self.labels}: no labels in it; run `prmkit label`, or use --level solutions"
            raise InputError(message) from None

    def _calibration(
        self,
        metadata: "RewardMetadata",
        logits: "Sequence[Tensor]",
        labeled: "Sequence[LabeledSolution]",
        solutions: "Sequence[Solution]",
    ) -> "Calibration":
        """Fit one and report what it gains."""
        from prmkit.evaluation.recalibration import Outcome, recalibrate_solutions, recalibrate_steps
        from prmkit.files import fingerprint
        from prmkit.rewards.calibration import CalibrationMethod
        from prmkit.rewards.metadata import RewardKind

        method, outcomes = CalibrationMethod(str(self.method)), self.outcomes
        if method is CalibrationMethod.TEMPERATURE and metadata.kind is RewardKind.PRM and outcomes == "rate":
            say("the temperature of a PRM is fitted to classes; the table measures it by rates")
            outcomes = "label"
        if self.level == "steps":
            made = recalibrate_steps(metadata, logits, labeled, method, Outcome(self.outcomes), seed=self.seed)
        else:
            made = recalibrate_solutions(metadata, logits, solutions, method, seed=self.seed)
        self._report(made)
        fitted = {
            "outcomes": outcomes if self.level == "steps" else "correct",
            self.level: made.before["brier"].n,
            "problems": len({each.problem.problem_id for each in solutions}),
            "data": fingerprint([[each.problem.problem, each.steps] for each in solutions]),
        }
        return replace(made.calibration, fitted=fitted)

    def _report(self, made: "Recalibration") -> None:
        """The table on the terminal, and both files."""
        from rich import print as show

        from prmkit.files import write_json, write_text
        from prmkit.report.reliability import error_table, reliability_json, reliability_page
        from prmkit.report.terminal import figures_table

        curves = {"before": made.bins_before, "after": made.bins_after}
        table = error_table(
            {"before": made.before, f"after {self.method}": made.after},
            "After: every score is mapped by a calibration fitted without its problem. The ECE of calibrated scores is "
            "not 0 but what chance leaves, and the resamples behind its interval have a larger one.",
        )
        show(figures_table(table))
        out = self.out or self.model / f"calibration-{self.level}"
        write_json(out / "metrics.json", {table.key: table.to_json(), "reliability": reliability_json(curves)})
        title = f"Calibration of {self.level}: {self.method}"
        write_text(out / "reliability.html", reliability_page(title, curves, table))
        say(f"reliability diagram: {out / 'reliability.html'}")

    def _keep(self, metadata: "RewardMetadata", calibration: "Calibration | None") -> "RewardMetadata":
        """Put a calibration into the metadata; what rests on the one it replaces goes."""
        if self.level == "solutions":
            return replace(metadata, solution_calibration=calibration, normalisation=None)
        return replace(metadata, step_calibration=calibration, solution_calibration=None, normalisation=None)


def _held(metadata: "RewardMetadata") -> "dict[str, Calibration | None]":
    """By level."""
    return {"steps": metadata.step_calibration, "solutions": metadata.solution_calibration}


def _describe(metadata: "RewardMetadata") -> str:
    parts = [f"{each.method} calibration of {level}" for level, each in _held(metadata).items() if each is not None]
    if metadata.normalisation is not None:
        parts.append(f"rewards of mean {metadata.normalisation.mean:.3f} and spread {metadata.normalisation.std:.3f}")
    return ", ".join(parts) or "no calibration"
