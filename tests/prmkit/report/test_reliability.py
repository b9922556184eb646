import re
from xml.etree import ElementTree

import numpy as np
import pytest

from prmkit.evaluation.calibration_error import calibration_estimates, reliability
from prmkit.report.reliability import error_table, reliability_chart, reliability_json, reliability_page


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    scores = rng.random(300)
    outcomes = (rng.random(300) < scores).astype(float)
    curves = {"before": reliability(scores**2, outcomes), "after": reliability(scores, outcomes)}
    errors = {
        "before": calibration_estimates(scores**2, outcomes),
        "after platt": calibration_estimates(scores, outcomes),
    }
    return curves, error_table(errors, "A <note>.")


def test_the_diagram_draws_every_curve_and_says_them_in_words(made):
    curves, _ = made
    svg = reliability_chart(curves)
    root = ElementTree.fromstring(svg)
    assert "before" in root.get("aria-label") and "after" in root.get("aria-label")
    assert {"var(--c-prm)", "var(--c-orm)"} <= set(re.findall(r"var\(--c-\w+\)", svg))
    assert "mean outcome" in "".join(root.itertext())
    assert "var(--c-orm)" not in reliability_chart({"before": curves["before"]})


def test_the_page_holds_everything_and_escapes_what_it_shows(made):
    curves, table = made
    page = reliability_page("Calibration of <b>steps</b>", curves, table)
    assert "<b>steps</b>" not in page and "A &lt;note&gt;." in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert page.count("<tr>") == 3


def test_the_json_holds_every_bin_with_its_interval(made):
    curves, table = made
    stored = reliability_json(curves)
    assert [each["count"] for each in stored["before"]] == [each.count for each in curves["before"]]
    assert set(stored["after"][0]["outcome"]) == {"value", "low", "high", "n"}
    assert set(table.to_json()) == {"before", "after_platt"}
    assert set(table.to_json()["before"]) == {"ece", "brier"}


def test_methods_have_their_own_look_and_the_legend_can_stand_elsewhere(made):
    curves, _ = made
    orm = {"orm": curves["before"]}
    drawn = [reliability_chart(orm, legend=legend) for legend in (True, False)]
    assert all("var(--c-orm)" in svg and "var(--c-prm)" not in svg for svg in drawn)
    assert ["ORM</text>" in svg for svg in drawn] == [True, False]
    assert len(set(re.findall(r"var\(--c-\w+\)", reliability_chart({str(n): curves["after"] for n in range(5)})))) == 4
