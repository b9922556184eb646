"""`prmkit demo`: the whole pipeline on arithmetic stories, on the CPU, without any download."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from prmkit.cli.compare import Compare
from prmkit.cli.compare_report import build_report
from prmkit.cli.describe import command_line, run_cost
from prmkit.cli.label import Label
from prmkit.cli.options import RunOptions, SamplingOptions, say
from prmkit.cli.sample import Sample
from prmkit.cli.search import SearchBeam
from prmkit.cli.train import TrainORM, TrainPRM
from prmkit.training.config import TrainConfig

_SAMPLING = SamplingOptions(max_tokens=400)
_TEST_SEED = 1_000_000
"""Added to the seed for the problems that are tested on, so that none was trained on."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much of everything."""

    problems: int
    """Problems whose solutions the models are trained on."""
    samples: int
    """Solutions of each."""
    test_problems: int
    """Problems that are compared on."""
    pool: int
    """Solutions of each of those."""
    reference: int
    """Solutions, each of another problem, whose labels are held against labels from many rollouts."""
    epochs: int
    """Passes over the training solutions."""
    rollouts: int
    """Per step."""
    reference_rollouts: int = 512
    """Per step of the reference solutions."""


FULL = Sizes(problems=200, samples=4, rollouts=8, test_problems=150, pool=32, reference=8, epochs=3)
FAST = Sizes(problems=40, samples=4, rollouts=4, test_problems=30, pool=8, reference=2, epochs=2, reference_rollouts=64)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Run the whole pipeline on arithmetic stories: sample, label, train, search, compare, report.

    Every stage is a command that can be run by itself, and is printed as such. An interrupted demo continues.
    """

    out: Path = Path("demo-out")
    """Folder of everything; the report is OUT/report.html, the models are OUT/prm and OUT/orm."""
    fast: bool = False
    """About 2 minutes, with models that have seen little."""
    seed: int = 0
    """Of problems, draws and training."""

    def run(self) -> None:
        """Do it."""
        from rich import print as show
        from rich.markup import escape

        from labelers.cluster import ClusterOptions, cluster
        from prmkit.report import write_report
        from prmkit.report.terminal import comparison_tables

        began = time.monotonic()
        sizes = FAST if self.fast else FULL
        costs = []
        with cluster(ClusterOptions()):
            for number, (title, folder, command, run) in enumerate(self.stages(sizes), start=1):
                show(f"\n[bold]{number}. {title}[/]")
                say(command)
                started = time.monotonic()
                run()
                spent = run_cost(title, folder)
                seconds = spent.seconds or time.monotonic() - started
                costs.append(replace(spent, seconds=seconds, tokens=spent.tokens or None))
            show("\n[bold]7. compare on held-out problems[/]")
            compare = self.comparison(sizes)
            say(command_line("compare", compare))
            whole = command_line("demo", self)
            report = build_report(compare, "prmkit demo: PRM against ORM on arithmetic stories", whole, costs)
        write_report(self.out, report)
        show(comparison_tables(report.comparison))
        show(escape(report.headline))
        say(f"\n{time.monotonic() - began:.0f} s in all. Report: {self.out / 'report.html'}")

    def stages(self, sizes: Sizes) -> Iterator[tuple[str, Path, str, Callable[[], None]]]:
        """Title, folder, command line and work of each stage before the comparison."""
        solutions, labels = self.out / "solutions", self.out / "labels"
        sample = Sample(
            problems=f"demo:{sizes.problems}",
            n=sizes.samples,
            out=solutions,
            seed=self.seed,
            sampling=_SAMPLING,
        )
        yield "sample solutions", solutions, command_line("sample", sample), sample.run
        label = Label(
            solutions=str(solutions),
            out=labels,
            rollouts=sizes.rollouts,
            seed=self.seed,
            sampling=_SAMPLING,
        )
        yield f"label their steps by {sizes.rollouts} rollouts each", labels, command_line("label", label), label.run
        reference = Label(
            solutions=str(self.out / "reference.parquet"),
            out=self.out / "reference",
            rollouts=sizes.reference_rollouts,
            seed=self.seed + _TEST_SEED,
            sampling=_SAMPLING,
            where=RunOptions(shard_size=1),  # few solutions and long work for each: one by one to the engines
        )

        def label_reference() -> None:
            self.choose_reference(sizes.reference)
            reference.run()

        title = f"label a few by {sizes.reference_rollouts}, to check the labels"
        yield title, reference.out, command_line("label", reference), label_reference
        config = TrainConfig(epochs=sizes.epochs, seed=self.seed)
        prm = TrainPRM(labels=labels, out=self.out / "prm", config=config)
        yield "train the PRM", prm.out, command_line("train prm", prm), prm.run
        orm = TrainORM(labels=labels, out=self.out / "orm", config=config)
        yield "train the ORM on the same solutions", orm.out, command_line("train orm", orm), orm.run
        beam = SearchBeam(
            problems=f"demo:{sizes.test_problems}",
            prm=(str(self.out / "prm"),),
            out=self.out / "beam",
            expansions=2,
            seed=self.seed + _TEST_SEED,
            sampling=_SAMPLING,
        )
        yield "PRM-guided beam search on held-out problems", beam.out, command_line("search beam", beam), beam.run

    def choose_reference(self, count: int) -> None:
        """Set aside the first solution of each of the first `count` problems: solutions of one problem are alike."""
        from prmkit.records import SOLUTION_SCHEMA
        from prmkit.tables import read_solutions, solution_row, write_rows

        firsts = {each.problem.problem_id: each for each in reversed(read_solutions(self.out / "solutions"))}
        chosen = sorted(firsts.values(), key=lambda each: each.name)[:count]
        write_rows(self.out / "reference.parquet", [solution_row(each) for each in chosen], SOLUTION_SCHEMA)

    def comparison(self, sizes: Sizes) -> Compare:
        """The last stage."""
        return Compare(
            prm=(self.out / "prm",),
            orm=(self.out / "orm",),
            problems=f"demo:{sizes.test_problems}",
            n=sizes.pool,
            out=self.out,
            searches=(self.out / "beam",),
            labels=self.out / "labels",
            reference_labels=self.out / "reference",
            rollouts=8,
            seed=self.seed + _TEST_SEED,
            sampling=_SAMPLING,
        )
