"""The page and metrics.json."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from prmkit.errors import InputError
from prmkit.evaluation.comparison import compare_pool
from prmkit.report import Disagreement, Example, ExampleStep, write_report
from prmkit.report.comparison import sections
from prmkit.report.headline import headline
from prmkit.report.write import metrics, render

from .conftest import make_pools

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)> & \"quotes\" {{ 7 * 7 }} $\\frac{1}{2}$"


class Reader(HTMLParser):
    """Collects tags, links and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.links, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action")]

    def handle_data(self, data):
        self.text += data


def test_the_page_loads_nothing_from_anywhere(report) -> None:
    page = render(report)
    assert all(link.startswith(("#", "data:")) for link in Reader(page).links)
    assert "@import" not in page and not re.search(r"url\(\s*['\"]?http", page)
    assert "default-src 'none'" in page


@pytest.mark.parametrize("field", ["title", "headline", "command", "examples_note"])
def test_hostile_text_in_any_field_stays_text(report, field) -> None:
    clean, page = Reader(render(report)), Reader(render(replace(report, **{field: HOSTILE})))
    assert [tag for tag in page.tags if tag != "span"] == [tag for tag in clean.tags if tag != "span"]
    assert HOSTILE in page.text


def test_hostile_names_of_methods_and_rows_stay_text(report) -> None:
    pools = [replace(each, scores={HOSTILE: each.scores["prm"]}) for each in make_pools(12)]
    comparison = compare_pool(pools, resamples=50)
    tables = sections(comparison, pools)
    page = Reader(render(replace(report, comparison=comparison, headline=headline(comparison), tables=tables)))
    clean = Reader(render(report))
    assert page.text.count(HOSTILE) > 5 and page.tags.count("script") == clean.tags.count("script") == 1
    assert "img" not in page.tags


def test_hostile_problems_steps_answers_and_names_stay_text(report) -> None:
    example = Example(
        name=HOSTILE,
        problem=HOSTILE,
        answer=HOSTILE,
        correct=False,
        steps=(ExampleStep(text=HOSTILE, prm=0.5, truth=HOSTILE),),
        scores={HOSTILE: 0.5},
    )
    harmless = Example(
        name="a",
        problem="a",
        answer="a",
        correct=False,
        steps=(ExampleStep(text="a", prm=0.5, truth="a"),),
        scores={"a": 0.5},
    )
    page, clean = (Reader(render(replace(report, examples=(each,), disagreements=()))) for each in (example, harmless))
    assert page.tags == clean.tags
    assert page.text.count(HOSTILE) == 6  # name, problem, answer, step, truth, method
    page, clean = (
        Reader(render(replace(report, examples=(), disagreements=(Disagreement(prm=each, orm=each),))))
        for each in (example, harmless)
    )
    assert page.tags == clean.tags
    assert page.text.count(HOSTILE) == 12  # the same of both, but problem and answer once; both names twice


def test_hostile_configuration_and_versions_stay_text(report) -> None:
    page = Reader(render(replace(report, config={"prm": HOSTILE}, versions={HOSTILE: HOSTILE}, notes=(HOSTILE,))))
    assert page.tags.count("script") == 1 and "img" not in page.tags


def test_every_figure_of_the_tables_is_in_metrics_as_value_low_high_n(report) -> None:
    figures = metrics(report)
    assert figures["accuracy"]["16"]["prm"] == report.comparison.accuracy["prm"][-1].to_json()
    assert figures["difference"]["4"]["prm-orm"]["p_value"] == report.comparison.differences["prm", "orm"][2].p_value
    assert figures["cost"]["sample"]["tokens"] == {"value": 1234567, "low": 1234567, "high": 1234567, "n": 1}
    for table in ("accuracy", "difference", *(each.key for each in report.tables)):
        for row in figures[table].values():
            for cell in row.values():
                assert cell is None or {"value", "low", "high", "n"} <= cell.keys()


def test_the_error_of_a_vote_that_was_drawn_is_in_metrics_by_n(report) -> None:
    errors = {"prm-weighted": np.array([0.0, 0.002, 0.001, 0, 0]), "majority": np.zeros(5)}
    drawn = replace(report, comparison=replace(report.comparison, errors=errors))
    assert metrics(drawn)["monte_carlo_error"] == {"prm-weighted": {"2": 0.002, "4": 0.001}}


def test_every_point_of_the_charts_is_in_metrics(report) -> None:
    figures = metrics(report)
    assert set(figures["overoptimisation_curves"]) == {"prm", "orm"} == set(figures["reliability"])
    assert figures["overoptimisation_curves"]["prm"][-1]["gold"] == figures["accuracy"]["16"]["prm"]
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_the_page_shows_the_figures_that_metrics_hold(report) -> None:
    text = Reader(render(report)).text
    for row in metrics(report)["accuracy"].values():
        for cell in row.values():
            assert f"{100 * cell['value']:.1f}" in text
            assert f"{100 * cell['low']:.1f} to {100 * cell['high']:.1f}" in text


def test_both_files_are_written_and_again_alike(report, tmp_path) -> None:
    write_report(tmp_path / "a", report)
    write_report(tmp_path / "b", report)
    assert sorted(each.name for each in (tmp_path / "a").iterdir()) == ["metrics.json", "report.html"]
    assert json.loads((tmp_path / "a/metrics.json").read_text())["headline"] == report.headline
    for name in ("metrics.json", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_steps_show_their_counts_and_scores_as_text(report) -> None:
    step = ExampleStep(text="so it is 4", successes=3, rollouts=8, prm=0.125)
    graded = ExampleStep(text="The answer is 4.", successes=1, rollouts=1, graded=True, prm=0.9)
    example = Example(name="p/s", problem="2 + 2?", answer="4", correct=True, steps=(step, graded))
    text = Reader(render(replace(report, examples=(example,), disagreements=()))).text
    assert "3/8" in text and "0.12" in text and "1/1" not in text


def test_the_rate_has_a_column_only_where_some_step_has_one(report) -> None:
    step = ExampleStep(text="so it is 4", prm=0.125)
    examples = [
        Example(name="p/s", problem="2 + 2?", answer="4", correct=True, steps=(each,))
        for each in (step, replace(step, successes=3, rollouts=8))
    ]
    pages = [render(replace(report, examples=(each,), disagreements=())) for each in examples]
    assert [page.count('<th scope="col">rate</th>') for page in pages] == [0, 1]


def test_a_disagreement_shows_both_choices_beside_each_other_with_coloured_steps(report) -> None:
    pair = report.disagreements[0]
    page = render(replace(report, disagreements=(pair,), examples=()))
    text = Reader(page).text
    assert "PRM chooses" in text and "ORM chooses" in text
    assert text.count(pair.prm.problem) == 1 and pair.kind in text
    steps = [*pair.prm.steps, *pair.orm.steps]
    assert page.count('class="cell"') == 2 * len(steps)  # rate and score
    assert all(f"--v: {each.prm:.3f}" in page for each in steps)


def test_the_first_sentence_of_the_headline_stands_out(report) -> None:
    claim = report.headline.partition(". ")[0]
    assert f"<strong>{claim}. </strong>" in render(report)
    assert "[" in claim and "at n = 16" in claim


def test_intervals_over_training_runs_are_said_to_be(report) -> None:
    assert "intervals over problems (bootstrap)" in Reader(render(report)).text
    runs = replace(report, comparison=replace(report.comparison, runs=3))
    assert "intervals over problems and training runs (Student's t for the runs)" in Reader(render(runs)).text


def test_the_command_can_be_copied_as_it_is(report) -> None:
    command = "prmkit compare --prm 'a --b' --orm c -n 4"
    assert command in Reader(render(replace(report, command=command))).text


def test_a_report_without_examples_has_no_viewer(report) -> None:
    assert 'id="examples"' in render(report)
    assert 'id="examples"' in render(replace(report, examples=()))
    assert 'id="examples"' not in render(replace(report, examples=(), disagreements=()))


def test_without_an_orm_or_differences_the_page_still_renders(report) -> None:
    page = render(replace(report, comparison=replace(report.comparison, differences={}), tables=()))
    assert "Paired differences" not in Reader(page).text
    assert page.count("<svg") == 1


def test_two_tables_of_one_name_are_refused(report) -> None:
    with pytest.raises(InputError, match="'cost'"):
        replace(report, tables=(*report.tables, report.tables[-1]))
    with pytest.raises(InputError, match="'accuracy'"):
        replace(report, tables=(replace(report.tables[-1], key="accuracy"),))
    with pytest.raises(InputError, match="'config'"):
        replace(report, tables=(replace(report.tables[-1], key="config"),))
    with pytest.raises(InputError, match="'reliability'"):
        replace(report, tables=(*report.tables, replace(report.tables[-1], key="reliability")))
