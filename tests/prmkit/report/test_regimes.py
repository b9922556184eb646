"""Tables of several regimes."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from prmkit.evaluation.comparison import PAIRS
from prmkit.evaluation.regimes import Outcome, difference
from prmkit.report.records import Unit
from prmkit.report.regimes import METHODS, differences_table, labels_table, solved_table
from prmkit.report.write import metrics, render

HOSTILE = "</td><script>alert('x')</script><img src=x> & \"quotes\" {{ 7 * 7 }}"


def outcome(seed: int, prm: float, orm: float, n: int = 16) -> Outcome:
    rng = np.random.default_rng(seed)
    shares = {"prm": prm, "orm": orm, "majority": 0.5, "prm-weighted": prm, "orm-weighted": orm}
    solved = {name: rng.beta(4 * share, 4 - 4 * share, (2, 40)) for name, share in shares.items()}
    return Outcome(n=n, problem_ids=tuple(f"p{index}" for index in range(40)), solved=solved)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """By what was learned from; the more, the better, and the PRM better than the ORM."""
    return {"8,000": outcome(0, 0.9, 0.7), "4,000": outcome(1, 0.75, 0.5), "2,000": outcome(2, 0.5, 0.2)}


def test_every_regime_is_a_row_with_all_methods_and_differences(outcomes) -> None:
    solved, differences = solved_table(outcomes), differences_table(outcomes)
    assert (solved.key, differences.key) == ("regimes", "regime_differences")
    assert [each.key for each in solved.columns] == [*METHODS, "runs"]
    assert [each.key for each in differences.columns] == [f"{a}-{b}" for a, b in PAIRS]
    assert [each.unit for each in solved.columns] == [Unit.PERCENT] * len(METHODS) + [Unit.COUNT]
    assert {each.unit for each in differences.columns} == {Unit.POINTS}
    assert [row.label for row in solved.rows] == [row.label for row in differences.rows] == list(outcomes)
    for name, each in outcomes.items():
        shares, cells = (table.to_json()[name] for table in (solved, differences))
        assert shares["orm"]["value"] == each.share("orm").value and shares["runs"]["value"] == 2
        assert cells["prm-orm"]["low"] == difference(each, "prm", each, "orm").low
        assert cells["prm-orm"]["value"] == pytest.approx(shares["prm"]["value"] - shares["orm"]["value"])


def test_the_table_names_the_n_it_is_about(outcomes) -> None:
    assert solved_table(outcomes).note.startswith("At n = 16. ")
    assert solved_table(outcomes | {"few": outcome(3, 0.5, 0.5, n=4)}).note.startswith("At n = 4, 16. ")


def test_a_cell_is_the_prm_of_its_row_minus_the_orm_of_its_column(outcomes) -> None:
    prms = {name: outcomes[name] for name in ("8,000", "2,000")}
    table = labels_table("labels_needed_easy", "How many", prms, outcomes, seed=0)
    assert (table.key, table.title, table.head) == ("labels_needed_easy", "How many", "PRM from")
    assert [each.label for each in table.columns] == [f"ORM from {name}" for name in outcomes]
    assert {each.unit for each in table.columns} == {Unit.POINTS}
    figures = table.to_json()
    assert list(figures) == list(prms)
    for prm, row in figures.items():
        for orm, cell in row.items():
            expected = outcomes[prm].solved["prm"].mean() - outcomes[orm].solved["orm"].mean()
            assert cell["value"] == pytest.approx(expected)
            assert cell["low"] < cell["value"] < cell["high"]
    assert figures["2,000"]["8,000"]["value"] < 0 < figures["8,000"]["2,000"]["value"]


def test_an_orm_that_was_compared_with_this_very_prm_is_paired_with_it_run_by_run(outcomes) -> None:
    prm = outcomes["2,000"]
    other = outcome(3, 0.5, 0.4)
    more = replace(other, solved=other.solved | {"prm": prm.solved["prm"]})
    (row,) = labels_table("k", "t", {"2,000": prm}, {"2,000": prm, "more": more}, seed=0).rows
    assert row.cells == (difference(prm, "prm", prm, "orm"), difference(more, "prm", more, "orm"))


def test_the_table_takes_no_missing_evidence_for_equality(outcomes) -> None:
    note = labels_table("k", "t", outcomes, outcomes, seed=0).note
    assert "holds 0 no difference is shown" in note and "below 0 the ORM is ahead" in note and "matched" not in note


def test_the_seed_moves_the_intervals_of_all_tables_where_there_is_a_single_run(outcomes) -> None:
    single = {
        name: replace(each, solved={method: values[:1] for method, values in each.solved.items()})
        for name, each in outcomes.items()
    }
    for make in (
        lambda seed: solved_table(single, seed=seed),
        lambda seed: differences_table(single, seed=seed),
        lambda seed: labels_table("k", "t", single, single, seed=seed),
    ):
        first, second = make(0).rows[0].cells[0], make(1).rows[0].cells[0]
        assert first.value == second.value and (first.low, first.high) != (second.low, second.high)


def test_regimes_are_in_metrics_and_hostile_names_stay_text_on_the_page(report, outcomes) -> None:
    class Reader(HTMLParser):
        def __init__(self, page: str) -> None:
            super().__init__()
            self.tags, self.text = [], ""
            self.feed(page)

        def handle_starttag(self, tag, attrs):
            self.tags.append(tag)

        def handle_data(self, data):
            self.text += data

    hostile = {HOSTILE: outcomes["8,000"]}
    tables = (solved_table(hostile), labels_table("labels_needed_x", HOSTILE, hostile, hostile, seed=0))
    made = replace(report, tables=(*tables, *report.tables))
    page, clean = Reader(render(made)), Reader(render(report))
    assert page.tags.count("script") == clean.tags.count("script") and "img" not in page.tags
    assert page.text.count(HOSTILE) >= 4  # two rows, a column and a heading
    assert set(metrics(made)["regimes"]) == {HOSTILE} == set(metrics(made)["labels_needed_x"])
