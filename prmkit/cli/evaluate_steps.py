"""`prmkit evaluate steps`: step scores against the stories' oracle, or against what people say."""

from dataclasses import dataclass
from pathlib import Path

from prmkit.cli.evaluate_options import JudgedOptions, judged_row, named_judgements


@dataclass(frozen=True, kw_only=True)
class EvaluateSteps(JudgedOptions):
    """Step F1, AUC and first-error F1 of a reward model's step scores against the truth."""

    data: str
    """Solutions: a run directory, a file of its columns, a source with reference solutions, or a file of ProcessBench,
    PRMBench or PRM800K, which holds its own verdicts."""
    truth: str | None = None
    """Who judges them: oracle (arithmetic stories; the default), or a file of verdicts as of `prmkit audit --truth`."""

    def run(self) -> None:
        """Do it."""
        from prmkit.evaluation.step_quality import position_quality, step_quality
        from prmkit.evaluation.verdicts import read_judged
        from prmkit.report.evaluation import position_table
        from prmkit.report.tables import step_quality_table

        judged = read_judged(self.data, self.truth, seed=self.seed)
        model = self.load(threshold=self.threshold)
        self.begin("steps", named_judgements(judged), threshold=self.threshold)
        items, notes = self.score(model, judged)
        quality = step_quality(items, threshold=model.threshold, seed=self.seed)
        positions = position_quality(items, threshold=model.threshold, seed=self.seed)
        self.finish(
            "steps",
            [
                step_quality_table({" + ".join(Path(name).name for name in self.model): quality}),
                position_table(positions),
            ],
            [judged_row(item, model.threshold) for item in items],
            notes,
            threshold=model.threshold,
        )
