"""`prmkit compare`: a PRM against an ORM and majority voting, on one pool of solutions, with intervals."""

from dataclasses import dataclass

from prmkit.cli.compare_options import CompareOptions
from prmkit.cli.compare_price import price_comparison
from prmkit.cli.compare_recipe import run_recipe
from prmkit.cli.compare_report import build_report
from prmkit.cli.options import say


@dataclass(frozen=True, kw_only=True)
class Compare(CompareOptions):
    """Compare a PRM with an ORM and majority voting by best-of-n on one pool of solutions."""

    def run(self) -> None:
        """Do it."""
        from rich import print as show

        from prmkit.report import write_report
        from prmkit.report.terminal import comparison_tables

        if self.recipe or self.full:
            run_recipe(self)
            return
        if self.dry_run:
            say(price_comparison(self))
            return
        report = build_report(self)
        write_report(self.out, report)
        show(comparison_tables(report.comparison))
        say(report.headline)
        say(f"report: {self.out / 'report.html'}")
