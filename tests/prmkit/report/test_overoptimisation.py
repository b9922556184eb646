"""Gold and proxy."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from prmkit.evaluation.comparison import ProblemPool, compare_pool
from prmkit.evaluation.overoptimisation import overoptimisation
from prmkit.report.overoptimisation import overoptimisation_chart, overoptimisation_table

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def pushed():
    """A PRM that is right but for its very highest scores, which are all wrong; an ORM that knows the truth."""
    rng = np.random.default_rng(0)
    pools = []
    for index in range(60):
        correct = rng.random(64) < 0.4
        prm = np.where(correct, 0.6, 0.3) + 0.1 * rng.random(64)
        prm[(~correct).nonzero()[0][:3]] = 0.95
        scores = {"prm": prm, "orm": correct * 0.5 + 0.2 * rng.random(64)}
        classes = np.where(correct, 0, 1 + np.arange(64))
        pools.append(ProblemPool(problem_id=f"p{index}", correct=correct, classes=classes, scores=scores))
    return overoptimisation(pools, compare_pool(pools, resamples=200), resamples=200)


def test_the_table_says_where_the_curve_turns_and_what_is_lost(pushed) -> None:
    table = overoptimisation_table(pushed)
    row = table.to_json()["prm"]
    assert row["peak"]["value"] == pushed["prm"].peak < 64
    assert row["accuracy"]["value"] == max(each.value for each in pushed["prm"].gold)
    assert row["fall"]["high"] < 0
    assert row["kl"]["value"] == pytest.approx(np.log(pushed["prm"].peak) - 1 + 1 / pushed["prm"].peak)
    assert row["best"]["value"] == pytest.approx(pushed["prm"].fit.best ** 2)
    assert f"PRM: turns at n = {pushed['prm'].peak} and falls from there." in table.note


def test_a_curve_that_does_not_turn_has_no_fall(pushed) -> None:
    flat = replace(pushed["orm"], peak=64, fall=None, fit=None)
    table = overoptimisation_table({"orm": flat})
    assert table.to_json()["orm"]["fall"] is None and table.to_json()["orm"]["alpha"] is None
    assert "ORM: no turn up to n = 64." in table.note


def test_a_fall_within_its_interval_is_called_not_shown(pushed) -> None:
    unsure = replace(pushed["prm"], fall=replace(pushed["prm"].fall, high=0.01))
    assert "but a fall from there to n = 64 is not shown" in overoptimisation_table({"prm": unsure}).note


def test_gold_and_proxy_stand_in_one_plot_with_kl_and_n(pushed) -> None:
    chart = overoptimisation_chart(pushed)
    root = ElementTree.fromstring(chart.svg)
    words = [each.text for each in root.iter(f"{SVG}text")]
    assert {"solved (%), thick", "score of the chosen, thin", "64"} <= set(words)
    assert "KL from the policy, log n − (n−1)/n (nats)" in words
    assert f"most at n = {pushed['prm'].peak}" in root.attrib["aria-label"]
    assert chart.svg.count("fill-opacity: 0.13") == 2, "the bands of gold"


def test_scores_in_0_to_1_share_the_scale_of_the_shares_they_promise(pushed) -> None:
    chances, free = overoptimisation_chart(pushed), overoptimisation_chart({"prm": _doubled(pushed["prm"])})
    heights = _heights(chances)
    assert heights["0.2"] == heights["20"] != heights["1.0"] == heights["100"]
    assert "promises more than is solved" in chances.note and "promises" not in free.note
    assert "1.2" in _heights(free)


def _heights(chart):
    """Where each word stands."""
    return {each.text: float(each.get("y")) for each in ElementTree.fromstring(chart.svg).iter(f"{SVG}text")}


def _doubled(curves):
    return replace(curves, proxy=tuple(replace(each, value=2 * each.value) for each in curves.proxy))


def test_every_point_of_the_curves_is_in_the_data(pushed) -> None:
    data = overoptimisation_chart(pushed).data
    assert [each["n"] for each in data["prm"]] == [1, 2, 4, 8, 16, 32, 64]
    assert data["prm"][0]["kl"] == 0.0
    assert data["orm"][3]["gold"] == pushed["orm"].gold[3].to_json()
    assert data["orm"][3]["proxy"] == pushed["orm"].proxy[3].to_json()
