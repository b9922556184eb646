"""`prmkit evaluate processbench`: is the first error of solutions found that people judged?"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prmkit.cli.evaluate_options import JudgedOptions, judged_row, named_judgements
from prmkit.errors import InputError

if TYPE_CHECKING:
    from prmkit.evaluation.judged import JudgedScores
    from prmkit.formats.verdicts import JudgedSolution
    from prmkit.rewards.base import RewardModel


@dataclass(frozen=True, kw_only=True)
class EvaluateProcessBench(JudgedOptions):
    """First-error F1 on ProcessBench, per subset and on average."""

    data: tuple[Path, ...]
    """One file per subset, as published (a JSON array) or as JSONL or Parquet; its name names the subset."""
    tune: float | None = None
    """Tune the threshold on this share of the problems, chosen by hash, and report on the others."""
    tune_on: tuple[Path, ...] = ()
    """Or tune it on these files; their problems must not be in --data."""

    def run(self) -> None:
        """Do it."""
        from prmkit.evaluation.first_error import subset_figures
        from prmkit.evaluation.step_quality import position_quality
        from prmkit.evaluation.thresholds import refuse_shared
        from prmkit.report.evaluation import position_table, solution_table

        self._check()
        judged, subsets = read_subsets(self.data)
        aside, _ = read_subsets(self.tune_on)
        refuse_shared(aside, judged)
        model = self.load(threshold=self.threshold)
        decides = {"threshold": self.threshold, "tune": self.tune, "tuned_on": [each.name for each in aside]}
        self.begin("processbench", named_judgements([*judged, *aside]), **decides)
        items, notes = self.score(model, judged)
        threshold, how, items = self._threshold(model, items, aside)
        subset_of = dict(zip((each.name for each in judged), subsets, strict=True))
        names = [subset_of[item.judged.name] for item in items]
        figures = subset_figures(items, names, threshold=threshold, seed=self.seed)
        positions = position_quality(items, threshold=threshold, seed=self.seed)
        self.finish(
            "processbench",
            [solution_table(figures, threshold), position_table(positions)],
            [judged_row(item, threshold, subset=name) for item, name in zip(items, names, strict=True)],
            [how, *notes],
            threshold=threshold,
        )

    def _check(self) -> None:
        """Refuse contradictory options before any work is done."""
        chosen = [self.threshold is not None, self.tune is not None, bool(self.tune_on)]
        if sum(chosen) > 1:
            raise InputError("give one of --threshold, --tune and --tune-on: the threshold is fixed, or tuned once")
        if self.tune is not None and not 0 < self.tune < 1:
            raise InputError(f"--tune takes a share of the problems between 0 and 1, got {self.tune}")

    def _threshold(
        self, model: "RewardModel", items: "list[JudgedScores]", aside: "list[JudgedSolution]"
    ) -> "tuple[float, str, list[JudgedScores]]":
        """The threshold, how it came about, and the solutions to report on."""
        from prmkit.evaluation.thresholds import choose_threshold, split_for_tuning

        if self.tune is None and not aside:
            whose = "the checkpoint's" if self.threshold is None else "--threshold"
            return model.threshold, f"Threshold {model.threshold:.4g}: {whose}, fixed beforehand.", items
        if aside:
            tuned, _ = self.score(model, aside)
            where = f"{', '.join(map(str, self.tune_on))}, whose problems are not reported on"
        else:
            tuned, items = split_for_tuning(items, self.tune or 0.0, seed=self.seed)
            where = f"{self.tune:.0%} of the problems, chosen by hash and not reported on"
        chosen = choose_threshold(tuned, default=model.threshold)
        return (
            chosen.threshold,
            f"Threshold {chosen.threshold:.4g}: tuned on {chosen.solutions} solutions ({where}).",
            items,
        )


def read_subsets(files: tuple[Path, ...]) -> "tuple[list[JudgedSolution], list[str]]":
    """The solutions of all files, and for each its subset.

    Raises:
        InputError: Two files name the same subset, or an id occurs twice.
    """
    from prmkit.formats.processbench import read_processbench

    judged: list[JudgedSolution] = []
    subsets: list[str] = []
    for file in files:
        if file.stem in subsets:
            raise InputError(f"{file}: the subset {file.stem!r} is given twice")
        rows = read_processbench(file)
        judged += rows
        subsets += [file.stem] * len(rows)
    seen: set[str] = set()
    for each in judged:
        if each.name in seen:
            raise InputError(f"the id {each.name!r} occurs twice; ids must differ over all files")
        seen.add(each.name)
    return judged, subsets
