"""The page in a real browser."""

from dataclasses import replace

import pytest

from prmkit.evaluation.regimes import Outcome
from prmkit.report.regimes import differences_table, labels_table, solved_table
from prmkit.report.write import render

from .browser import FITS, OVERFLOW, needs_browser, seen

PROBE = """
for (const each of page.querySelectorAll("details")) each.open = true;
OVERFLOW
const press = (kind) => {
  page.querySelector(`[data-show="${kind}"]`).click();
  return [...page.querySelectorAll(".example")].filter((each) => !each.hidden);
};
const won = press("PRM right, ORM wrong");
const sides = [...won[0].querySelectorAll(".choice")].map((each) => each.getBoundingClientRect());
const pairs = won.concat(press("ORM right, PRM wrong"));
const shown = press("wrong");
return {
  overflow, pairs: pairs.map((each) => each.dataset.kind), beside: sides[0].top === sides[1].top, width: sides[0].width,
  both: pairs.every((each) => each.querySelectorAll(".choice .verdict.right").length === 1
    && each.querySelectorAll(".choice .verdict.wrong").length === 1),
  kinds: [...new Set(shown.map((each) => each.dataset.kind))], shown: shown.length,
  told: page.getElementById("shown").textContent, ink: getComputedStyle(page.body).color,
  cells: new Set([...page.querySelectorAll(".cell")].map((each) => getComputedStyle(each).backgroundColor)).size,
};
""".replace("OVERFLOW", OVERFLOW)


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_its_window_and_the_filter_filters(report, tmp_path, width, dark) -> None:
    outcome = Outcome.of(report.comparison)
    regimes = {f"hard stories, {size} labelled solutions, ORM at equal cost": outcome for size in ("8,000", "2,000")}
    needed = labels_table("labels_needed_hard", "How many solutions the ORM needs", regimes, regimes, seed=0)
    tables = (solved_table(regimes), differences_table(regimes), needed, *report.tables)
    found = seen(render(replace(report, tables=tables)), PROBE, tmp_path, width=width, dark=dark)
    assert found["overflow"] == FITS
    assert found["kinds"] == ["wrong"] and found["shown"] == 12 and found["told"] == "12 shown"
    assert sorted(found["pairs"]) == sorted(each.kind for each in report.disagreements)
    assert len(set(found["pairs"])) == 2 and found["both"]
    assert found["width"] > 250
    assert found["beside"] == (width == 1280), "two choices side by side, or one below the other"
    assert found["cells"] > 10, "the colour scale does not work"
    assert found["ink"] == ("rgb(231, 234, 238)" if dark else "rgb(22, 25, 29)")
