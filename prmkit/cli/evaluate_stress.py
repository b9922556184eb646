"""`prmkit evaluate stress`: do right solutions keep their rank beside spoilt versions of themselves?"""

from dataclasses import dataclass

from prmkit.cli.evaluate_options import EvaluateOptions, named_judgements
from prmkit.cli.options import progress
from prmkit.evaluation.variants import MARGIN, SHARE
from prmkit.rewards.base import Aggregation


@dataclass(frozen=True, kw_only=True)
class EvaluateStress(EvaluateOptions):
    """Score right solutions beside spoilt versions of themselves."""

    data: str
    """Right solutions: as of `prmkit evaluate steps`; those that are not known to be right are left out."""
    aggregation: Aggregation | None = None
    """From step scores to a solution's; default: the checkpoint's."""
    share: float = SHARE
    """Of the solutions in which the original must do as demanded, for the verdict pass."""
    margin: float = MARGIN
    """What a variant that may be right as well (deleted, repeated, very long) is allowed to gain."""
    limit: int | None = None
    """Take only the first so many solutions."""

    def run(self) -> None:
        """Do it."""
        from prmkit.errors import InputError
        from prmkit.evaluation.stress import StressCase, check_bounds, stress_figures, stress_variants
        from prmkit.evaluation.verdicts import read_right
        from prmkit.report.evaluation import stress_table

        check_bounds(self.share, self.margin)
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit must be at least 1, got {self.limit}")
        right = read_right(self.data, seed=self.seed)[: self.limit]
        model = self.load(aggregation=self.aggregation)
        chosen = {"aggregation": self.aggregation, "share": self.share, "margin": self.margin}
        self.begin("stress", named_judgements(right), **chosen)
        cases = [StressCase(name=each.name, problem=each.problem, steps=each.steps) for each in right]
        with progress("scoring", 9 * len(cases)) as advance:
            scored = stress_variants(model, cases, seed=self.seed, advance=advance)
        if not scored:
            raise InputError(f"none of the {len(cases)} solutions fits the model's context")
        figures = stress_figures(scored, len(cases), share=self.share, margin=self.margin, seed=self.seed)
        self.finish(
            "stress",
            [stress_table(figures, self.share, self.margin)],
            [
                {
                    "solution": each.case.name,
                    "problem": each.case.problem,
                    "variant": each.variant,
                    "steps": list(each.steps),
                    "original": each.original,
                    "score": each.score,
                    "held": each.held(self.margin),
                }
                for each in scored
            ],
            [
                f"A solution's score is the {model.aggregation} of its step scores.",
                *self.trained_on(each.problem for each in cases),
            ],
        )
