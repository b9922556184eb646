"""`prmkit compare --scored`: the comparison on samples that others drew, graded and scored (PRM800K, RLHFlow)."""

from typing import TYPE_CHECKING

from prmkit.cli.options import say

if TYPE_CHECKING:
    from prmkit.cli.compare_options import CompareOptions
    from prmkit.report import Report

HEEDED = ("--scored", "--out", "--n", "--sizes", "--seed")
"""Options that change something where the scores are given."""


def scored_report(command: "CompareOptions") -> "Report":
    """Read the files and compare what they hold.

    Raises:
        InputError: A file cannot be used; the message names it.
        MissingFileError: There is no such file.
    """
    from prmkit.cli.describe import command_line, resolved
    from prmkit.evaluation.comparison import compare_pool
    from prmkit.evaluation.published import published_pools
    from prmkit.formats.scored import read_scored
    from prmkit.report import Report
    from prmkit.report.comparison import sections
    from prmkit.report.headline import headline
    from prmkit.report.versions import package_versions
    from prmkit.texts import counted

    samples = read_scored(command.scored)
    held = sum(len(each.given) for each in samples.problems)
    say(f"{counted(held, 'sample')} of {counted(len(samples.problems), 'problem')}, in the layout of {samples.layout}")
    pools, said = published_pools(samples, command.n)
    comparison = compare_pool(pools, sizes=command.sizes or None, seed=command.seed)
    return Report(
        title=f"Published samples ({samples.layout})",
        headline=headline(comparison),
        notes=(
            "Samples, verdicts and scores are the publisher's; one training run of each model: the intervals cover "
            "the choice of problems, not the seed of training.",
            *samples.notes,
            *said,
        ),
        comparison=comparison,
        tables=sections(comparison, pools, seed=command.seed),
        config=resolved(command),
        versions=package_versions(),
        command=command_line("compare", command),
    )


def check_scored(command: "CompareOptions") -> None:
    """Refuse options that need models or solutions.

    Raises:
        InputError: One is given, or `n` is less than 1.
    """
    from prmkit.cli.describe import given
    from prmkit.errors import InputError

    for flag in given(command):
        if flag not in HEEDED:
            raise InputError(f"{flag} changes nothing with --scored: samples and scores are in the files")
    if command.n is not None and command.n < 1:
        raise InputError(f"need n >= 1, got {command.n}")
