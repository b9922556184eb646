"""`prmkit evaluate prmbench`: which kinds of errors does a reward model see?"""

from dataclasses import dataclass
from pathlib import Path

from prmkit.cli.evaluate_options import JudgedOptions, judged_row, named_judgements


@dataclass(frozen=True, kw_only=True)
class EvaluatePRMBench(JudgedOptions):
    """PRMScore and its parts on PRMBench, by kind of error."""

    data: Path
    """PRMBench's rows: JSONL, Parquet, or a JSON array."""

    def run(self) -> None:
        """Do it."""
        from prmkit.evaluation.prmbench import prmbench_figures
        from prmkit.formats.prmbench import read_prmbench
        from prmkit.report.evaluation import prmbench_table

        rows = read_prmbench(self.data)
        judged = list({each.name: each for each in reversed(rows)}.values())[::-1]  # of equal names the first
        model = self.load(threshold=self.threshold)
        self.begin("prmbench", named_judgements(judged), threshold=self.threshold)
        items, notes = self.score(model, judged)
        if len(judged) < len(rows):
            notes.append(f"{len(rows) - len(judged)} rows repeat another's idx and classification; the first counts.")
        figures = prmbench_figures(items, threshold=model.threshold, seed=self.seed)
        whose = "the checkpoint's" if self.threshold is None else "--threshold"
        self.finish(
            "prmbench",
            [prmbench_table(figures, model.threshold)],
            [judged_row(item, model.threshold, kind=item.judged.category) for item in items],
            [f"Threshold {model.threshold:.4g}: {whose}, fixed beforehand.", *notes],
            threshold=model.threshold,
        )
