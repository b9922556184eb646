"""Results as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prmkit.demo.oracle import StepTruth
from prmkit.evaluation.comparison import MAJORITY, PASS, WEIGHTED, Comparison, SearchOutcome
from prmkit.evaluation.intervals import Estimate
from prmkit.evaluation.label_quality import ClassAgreement, OracleAgreement
from prmkit.evaluation.step_quality import StepQuality
from prmkit.records import StepLabel
from prmkit.report.format import MINUS
from prmkit.report.records import Column, Row, Table, Unit
from prmkit.texts import counted

NAMES = {"prm": "PRM", "orm": "ORM", MAJORITY: "majority vote", PASS: "any right (pass@n)"}
"""Of the methods; others go by their own name."""
_CLASSES = tuple(label.name.lower() for label in StepLabel)


def method_name(method: str) -> str:
    """What a method is called on the page; `prm run 2` is its second training run."""
    base, run, number = method.rpartition(" run ")
    if run:
        return f"{method_name(base)}{run}{number}"
    if method.endswith(WEIGHTED):
        return f"vote weighted by {method_name(method.removesuffix(WEIGHTED))}"
    return NAMES.get(method, method)


def difference_name(a: str, b: str) -> str:
    """What a difference is called on the page."""
    return f"{method_name(a)} {MINUS} {method_name(b)}"


def main_pairs(comparison: Comparison) -> list[tuple[str, str]]:
    """Differences for the headline and the chart: of the first method that has scores, votes by weight aside."""
    pairs = [pair for pair in comparison.differences if not pair[0].endswith(WEIGHTED)]
    return [pair for pair in pairs if pair[0] == pairs[0][0]]


def accuracy_table(comparison: Comparison) -> Table:
    """Problems solved by n and method."""
    return Table(
        key="accuracy",
        title="Problems solved",
        note=f"{expectation(comparison)} “Any right” is what a perfect choice would reach.",
        head="n",
        columns=tuple(Column(key=name, label=method_name(name), unit=Unit.PERCENT) for name in comparison.accuracy),
        rows=tuple(
            Row(key=str(n), label=str(n), cells=tuple(curve[column] for curve in comparison.accuracy.values()))
            for column, n in enumerate(comparison.sizes)
        ),
    )


def expectation(comparison: Comparison) -> str:
    """What the figures are, and where they are not exact."""
    told = "Expectation over all subsets of n solutions of each problem's pool, averaged over problems"
    drawn = {name: float(values.max()) for name, values in comparison.errors.items() if values.max() > 0}
    if drawn:
        names = " and the ".join(map(method_name, drawn))
        largest = f"{100 * max(drawn.values()):.1g}"
        told += f"; exact, except that subsets are drawn for the {names} (standard error at most {largest} points)"
    if comparison.short[-1]:
        few = counted(comparison.short[-1], "problem")
        told += f"; all that there are of the {few} with fewer than {comparison.largest}"
    return told + "."


def difference_table(comparison: Comparison) -> Table:
    """Paired differences by n."""
    return Table(
        key="difference",
        title="Paired differences",
        note="Both methods choose from the same subsets of the same problems; the interval is that of the difference.",
        head="n",
        columns=tuple(
            Column(key=f"{a}-{b}", label=difference_name(a, b), unit=Unit.POINTS) for a, b in comparison.differences
        ),
        rows=tuple(
            Row(key=str(n), label=str(n), cells=tuple(each[column] for each in comparison.differences.values()))
            for column, n in enumerate(comparison.sizes)
        ),
    )


def search_table(searches: Sequence[SearchOutcome]) -> Table:
    """Searches beside best-of-n for about the same number of tokens."""
    rows = [
        Row(
            key=each.name,
            label=f"{each.name} (beside {method_name(each.against)} best-of-{each.matched_n})",
            cells=(each.solved, each.tokens, each.difference),
        )
        for each in searches
    ]
    return Table(
        key="search",
        title="Guided search",
        note="Each search beside best-of-n at the n whose tokens per problem come closest; the difference is paired.",
        head="search",
        columns=(
            Column(key="solved", label="solved", unit=Unit.PERCENT),
            Column(key="tokens", label="tokens per problem", unit=Unit.COUNT),
            Column(key="difference", label="search − best-of-n", unit=Unit.POINTS),
        ),
        rows=tuple(rows),
    )


def oracle_tables(agreement: OracleAgreement) -> tuple[Table, Table]:
    """Monte-Carlo labels beside the truth: agreement, and what the steps of each truth got."""
    figures = {
        "precision": ("labelled incorrect, and wrong (precision)", agreement.precision),
        "recall": ("wrong, and labelled incorrect (recall)", agreement.recall),
        "f1": ("F1", agreement.f1),
        "first_error": ("first error agrees, all solutions", agreement.first_error),
        "first_error_wrong": ("first error agrees, solutions with one", agreement.first_error_wrong),
        "first_error_right": ("none found, solutions without one", agreement.first_error_right),
    }
    against = Table(
        key="labels",
        title="Monte-Carlo labels against the truth",
        note="An exact judge says whether a step is wrong. Steps after the first error are not counted, and the graded "
        "last step only for the first error.",
        head="agreement",
        columns=(Column(key="share", label="share", unit=Unit.PERCENT),),
        rows=tuple(Row(key=key, label=label, cells=(cell,)) for key, (label, cell) in figures.items()),
    )
    names = {
        StepTruth.NEEDED: "correct and needed",
        StepTruth.UNNEEDED: "correct but unneeded",
        StepTruth.WRONG: "wrong",
    }
    truths = Table(
        key="truths",
        title="What steps of each truth were labelled",
        note="A correct but unneeded step is not the same thing as one with a middling rate: it has its own row.",
        head="truth",
        columns=(
            Column(key="steps", label="steps", unit=Unit.COUNT),
            Column(key="rate", label="mean rate", unit=Unit.NUMBER),
            *(Column(key=name, label=name, unit=Unit.PERCENT) for name in _CLASSES),
        ),
        rows=tuple(
            Row(key=str(truth), label=names[truth], cells=(Estimate.exact(row.steps), row.rate, *row.shares))
            for truth, row in agreement.truths.items()
        ),
    )
    return against, truths


def class_table(agreement: ClassAgreement, few: int, many: int) -> Table:
    """Classes from `few` rollouts beside those from `many`: confusion by row shares, with the overall accuracy."""
    rows = [
        Row(key=name, label=f"{name} from {many}", cells=(Estimate.exact(sum(counts)), *shares, shares[index]))
        for index, (name, counts, shares) in enumerate(zip(_CLASSES, agreement.counts, agreement.shares, strict=True))
    ]
    total = Estimate.exact(sum(map(sum, agreement.counts)))
    rows.append(Row(key="all", label="all", cells=(total, None, None, None, agreement.accuracy)))
    return Table(
        key="classes",
        title=f"Classes from {few} rollouts against classes from {many}",
        note="Of the steps with a class from many rollouts, the share that few rollouts put in each class; same "
        "thresholds.",
        head="class",
        columns=(
            Column(key="steps", label="steps", unit=Unit.COUNT),
            *(Column(key=name, label=f"{name} from {few}", unit=Unit.PERCENT) for name in _CLASSES),
            Column(key="same", label="same class", unit=Unit.PERCENT),
        ),
        rows=tuple(rows),
    )


STEP_FIGURES = {
    "auc": "wrong steps score lower (AUC)",
    "precision": "flagged, and wrong (precision)",
    "recall": "wrong, and flagged (recall)",
    "f1": "F1",
}
SOLUTION_FIGURES = {
    "first_error_wrong": "first error found, solutions with one",
    "first_error_right": "nothing flagged, solutions without one",
    "first_error_f1": "harmonic mean of these two",
    "lowest_last": "lowest score on the last step",
    "process_error": "right answers with a wrong step",
    "process_error_flagged": "of these, some step flagged",
    "process_error_found": "of these, first error found",
}


def step_quality_table(qualities: Mapping[str, StepQuality]) -> Table:
    """Step scores of reward models beside the truth; one column per model."""
    rows = [
        Row(key=key, label=label, cells=tuple(getattr(each, key) for each in qualities.values()))
        for key, label in STEP_FIGURES.items()
    ]
    rows += [
        Row(key=key, label=label, cells=tuple(getattr(each.solutions, key) for each in qualities.values()))
        for key, label in SOLUTION_FIGURES.items()
    ]
    thresholds = " and ".join(sorted({f"{each.threshold:g}" for each in qualities.values()}))
    return Table(
        key="steps",
        title="Step scores against the truth",
        note=f"A step is flagged when it scores below {thresholds}, a threshold fixed beforehand. Steps after the "
        "first error are not counted. A PRM whose lowest score mostly falls on the last step acts like an ORM.",
        head="figure",
        columns=tuple(Column(key=name, label=method_name(name), unit=Unit.PERCENT) for name in qualities),
        rows=tuple(rows),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a stage took."""

    stage: str
    """Its name."""
    seconds: float | None
    """Wall time; None where it is not known."""
    tokens: int | None = None
    """Tokens the policy wrote; None where it wrote none."""
    energy: float | None = None
    """Watt-hours; None where nobody measured them."""


def cost_table(costs: Sequence[Cost]) -> Table:
    """Tokens and wall time by stage, and energy where some stage knows it."""
    columns = [
        Column(key="tokens", label="tokens written", unit=Unit.COUNT),
        Column(key="seconds", label="seconds", unit=Unit.SECONDS),
    ]
    if any(each.energy is not None for each in costs):
        columns.append(Column(key="energy", label="energy (Wh)", unit=Unit.WATT_HOURS))
    return Table(
        key="cost",
        title="Cost",
        note="Wall time, engine start-up included; of what ran side by side each has its own.",
        head="stage",
        columns=tuple(columns),
        rows=tuple(
            Row(
                key=each.stage,
                label=each.stage,
                cells=tuple(
                    None if value is None else Estimate.exact(value)
                    for value in (getattr(each, column.key) for column in columns)
                ),
            )
            for each in costs
        ),
    )
