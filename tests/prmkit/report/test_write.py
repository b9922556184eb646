"""The page and metrics.json."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from prmkit.errors import InputError
from prmkit.report import Example, ExampleStep, write_report
from prmkit.report.write import metrics, render

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
    page, clean = (Reader(render(replace(report, examples=(each,)))) for each in (example, harmless))
    assert page.tags == clean.tags
    assert page.text.count(HOSTILE) == 6  # name, problem, answer, step, truth, method


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
    text = Reader(render(replace(report, examples=(example,)))).text
    assert "3/8" in text and "0.12" in text and "1/1" not in text


def test_the_command_can_be_copied_as_it_is(report) -> None:
    command = "prmkit compare --prm 'a --b' --orm c -n 4"
    assert command in Reader(render(replace(report, command=command))).text


def test_a_report_without_examples_has_no_viewer(report) -> None:
    assert 'id="examples"' in render(report)
    assert 'id="examples"' not in render(replace(report, examples=()))


def test_without_an_orm_or_differences_the_page_still_renders(report) -> None:
    page = render(replace(report, comparison=replace(report.comparison, differences={})))
    assert "Paired differences" not in Reader(page).text
    assert page.count("<svg") == 1


def test_two_tables_of_one_name_are_refused(report) -> None:
    with pytest.raises(InputError, match="'cost'"):
        replace(report, tables=(*report.tables, report.tables[-1]))
    with pytest.raises(InputError, match="'accuracy'"):
        replace(report, tables=(replace(report.tables[-1], key="accuracy"),))
    with pytest.raises(InputError, match="'config'"):
        replace(report, tables=(replace(report.tables[-1], key="config"),))
