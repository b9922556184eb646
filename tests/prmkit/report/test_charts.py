"""Curves as SVG."""

import re
from xml.etree import ElementTree

from prmkit.report.charts import accuracy_chart, colour, difference_chart, marker

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_axes_are_labelled_with_their_units_and_ticked_at_every_n(report) -> None:
    shown = words(accuracy_chart(report.comparison).svg)
    assert "solutions per problem n (log2)" in shown and "problems solved (%)" in shown
    assert shown[:5] == ["1", "2", "4", "8", "16"]
    assert "difference (percentage points)" in words(difference_chart(report.comparison).svg)


def test_every_method_has_a_line_in_its_own_colour_and_a_band_where_it_is_no_weighted_vote(report) -> None:
    svg = accuracy_chart(report.comparison).svg
    for method in report.comparison.accuracy:
        assert f"fill: none; stroke: var({colour(method)})" in svg or f"stroke: var({colour(method)})" in svg
        assert re.search(rf"fill: var\({colour(method)}\); fill-opacity: 0.13", svg)
    assert {"prm-weighted", "orm-weighted"} < set(report.comparison.accuracy)
    assert svg.count("fill-opacity: 0.13") == 4


def test_a_weighted_vote_is_told_from_its_model_by_line_and_marker(report) -> None:
    assert colour("prm-weighted") == colour("prm") and colour("orm-weighted") == colour("orm")
    assert (marker("prm"), marker("prm-weighted"), marker("orm-weighted")) == ("●", "○", "□")
    assert accuracy_chart(report.comparison).svg.count("stroke-width: 0.9") == 2


def test_the_legend_names_every_line_and_the_differences_are_the_main_ones(report) -> None:
    assert [key for key, _ in accuracy_chart(report.comparison).legend] == list(report.comparison.accuracy)
    assert difference_chart(report.comparison).legend == (
        ("prm-orm", "PRM − ORM"),
        ("prm-majority", "PRM − majority vote"),
    )


def test_all_colours_come_from_the_page_so_that_dark_mode_works(report) -> None:
    for svg in (accuracy_chart(report.comparison).svg, difference_chart(report.comparison).svg):
        assert not re.findall(r"#[0-9a-f]{6}\b", svg)


def test_the_size_is_left_to_the_page_and_the_result_is_told_to_screen_readers(report) -> None:
    root = ElementTree.fromstring(accuracy_chart(report.comparison).svg)
    assert "width" not in root.attrib and "height" not in root.attrib and "viewBox" in root.attrib
    last = report.comparison.accuracy["prm"][-1].value
    assert f"PRM {100 * last:.1f} %" in root.attrib["aria-label"]


def test_an_unknown_method_has_a_look_of_its_own() -> None:
    assert colour("mine") not in {colour(name) for name in ("prm", "orm", "majority", "pass")}
    assert marker("mine") not in {marker(name) for name in ("prm", "orm", "majority", "pass")}
