"""The page of `prmkit view` in a real browser."""

import json
from pathlib import Path
from typing import Any

import pytest

from prmkit.completers import Sampling
from prmkit.records import LABEL_SCHEMA
from prmkit.report.view import write_view
from prmkit.tables import label_row, write_rows
from search.beam import BeamSearch
from search.nodes import Duplicates
from search.result import Fate

from .browser import FITS, OVERFLOW, needs_browser, seen
from .search_runs import search_row, searched, write_run
from .test_view import EVIL
from .test_view_items import labeled

pytestmark = [pytest.mark.slow, needs_browser]

READY = """
while (!view.page || !page.getElementById("detail").firstChild) await wait(20);
const all = (selector) => [...page.querySelectorAll(selector)];
const texts = (selector) => all(selector).map((each) => each.textContent);
const until = async (holds) => { for (let turn = 0; turn < 100 && !holds(); turn += 1) await wait(50); };
const told = () => page.getElementById("shown").textContent;
const key = (name, at) => at.dispatchEvent(new view.KeyboardEvent("keydown", { key: name, bubbles: true }));
const type = async (text) => {
  const box = page.getElementById("text");
  box.value = text;
  box.dispatchEvent(new view.Event("input"));
  await wait(1000);
};
"""
INK = {False: "rgb(22, 25, 29)", True: "rgb(231, 234, 238)"}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """A beam search of a few stories: steps kept, pruned, merged and cut."""
    found = searched(
        BeamSearch(sampling=Sampling(max_tokens=110), beams=3, expansions=4, duplicates=Duplicates.MERGE), 6
    )
    assert {node["fate"] for row in found for node in row["trace"]} >= {Fate.KEPT, Fate.PRUNED, Fate.MERGED, Fate.CUT}
    assert {row["correct"] for row in found} == {True, False}
    return found


def look(source: Path, folder: Path, script: str, **window: Any) -> dict[str, Any]:
    """What a script sees in the page of a run."""
    write_view(source, folder / "view.html")
    return seen((folder / "view.html").read_text(encoding="utf-8"), READY + script, folder, **window)


@pytest.mark.parametrize(("width", "dark"), [(400, False), (400, True), (1280, False), (1280, True)])
def test_the_page_of_a_search_shows_its_tree_and_fits_its_window(rows, tmp_path, width, dark) -> None:
    row = rows[0]
    assert row["chosen"] is not None
    found = look(
        write_run(tmp_path / "run", rows),
        tmp_path,
        """
        const closed = all(".outline .step[data-node]").length, pruned = all(".outline .pill.pruned").length;
        const line = texts(".outline > .line > li > .step .words"), final = texts(".outline .pill.chosen");
        const edges = all(".map .edge").map((each) => each.getAttribute("d").split("M").length - 1);
        page.querySelector(".tools button").click();
        """
        + OVERFLOW
        + """
        return {
          overflow, closed, pruned, line, final, edges, spent: texts(".spent li"), facts: texts(".facts dd"),
          opened: all(".outline .step[data-node]").length, ink: view.getComputedStyle(page.body).color,
          lost: texts(".outline .pill.pruned, .outline .pill.merged, .outline .pill.cut"),
          chosen: all(".outline .step.chosen").length, dots: all(".map .dot").length,
          painted: new Set(all(".map .mark.scored").map((each) => view.getComputedStyle(each).fill)).size,
          panes: new Set(all(".side, #detail").map((each) => Math.round(each.getBoundingClientRect().top))).size,
        };
        """,
        width=width,
        dark=dark,
    )
    assert found["overflow"] == FITS and found["ink"] == INK[dark]
    assert found["panes"] == (2 if width == 400 else 1), "below each other in a narrow window, else side by side"
    steps, trace = row["chosen"].split("\n"), row["trace"]
    assert [text.removesuffix(" ★ chosen") for text in found["line"]] == steps and found["final"] == ["★ chosen"]
    assert found["closed"] == found["chosen"] == len(steps), "what lies beside the chosen path is closed at first"
    merged = {(node["parent"], node["step"]) for node in trace if node["fate"] == Fate.MERGED}
    shown = sum(node["fate"] != Fate.MERGED for node in trace) + len(merged)
    assert (
        found["opened"] == found["dots"] == shown and found["edges"][2] == len(steps) and sum(found["edges"]) == shown
    )
    assert found["pruned"] == 0 and found["lost"].count("pruned") == sum(node["fate"] == Fate.PRUNED for node in trace)
    assert found["painted"] > 5, "the colour scale does not work"
    assert found["facts"][:2] == [row["predicted"], row["answer"]]
    spent = sum(node["tokens"] for node in trace if node["fate"] == Fate.PRUNED)
    assert any(text.startswith("pruned") and text.endswith(f", {spent} tokens") for text in found["spent"])


def test_the_filters_and_the_search_field_choose_what_the_list_shows(rows, tmp_path) -> None:
    marked = [row | {"problem_id": f"p{index}"} for index, row in enumerate(rows)]
    marked += [search_row(("18", 0.9), ("17", 0.88), problem_id="open", problem='Say "\\frac{1}{2}".\nHow many?')]
    found = look(
        write_run(tmp_path / "run", marked, shard_size=3),
        tmp_path,
        """
        const kinds = {};
        for (const each of all("[data-show]")) {
          each.click();
          const pressed = texts("[aria-pressed=true]");
          kinds[each.dataset.show] = { shown: view.page.list.shown, told: told(), pressed };
        }
        page.querySelector("[data-show=all]").click();
        const found = {};
        for (const text of ["THE ANSWER IS 17", '"\\\\frac{1}', "p3", "visits", "tokens", "nowhere", ""]) {
          await type(text);
          found[text] = texts(".item .name");
        }
        await type("nowhere");
        return { kinds, found, nothing: told(), rows: all(".item").length };
        """,
    )
    correct = [row["correct"] for row in marked]
    kinds = found["kinds"]
    assert kinds["right"]["shown"] == [index for index, right in enumerate(correct) if right]
    assert kinds["wrong"]["shown"] == [index for index, right in enumerate(correct) if not right]
    assert kinds["right"]["told"] == f"{sum(correct)} problems shown"
    assert len(marked) - 1 in kinds["uncertain"]["shown"] and kinds["uncertain"]["pressed"][0].startswith("uncertain ")
    names = [row["problem_id"] for row in marked]
    wanted = [row["problem_id"] for row in marked if any(n["step"] == "The answer is 17." for n in row["trace"])]
    assert found["found"]["THE ANSWER IS 17"] == wanted and "open" in wanted
    assert found["found"]['"\\frac{1}'] == ["open"] and found["found"]["p3"] == ["p3"] and found["found"][""] == names
    assert not found["found"]["visits"] and not found["found"]["tokens"], "names of fields are not text"
    assert found["nothing"] == "0 problems shown" and found["rows"] == 0


def test_of_thousands_of_problems_only_those_in_view_exist_and_keys_move_through_them(rows, tmp_path) -> None:
    many = [rows[index % len(rows)] | {"problem_id": f"p{index:04}"} for index in range(5000)]
    found = look(
        write_run(tmp_path / "run", many),
        tmp_path,
        """
        const list = page.getElementById("list"), counts = [all(".item").length], chosen = [];
        const scroll = (to) => { // told at once: a browser tells with its next frame, and virtual time has no frames
          list.scrollTop = to;
          list.dispatchEvent(new view.Event("scroll"));
          counts.push(all(".item").length);
        };
        scroll(list.scrollHeight / 2);
        const middle = texts(".item .name");
        scroll(list.scrollHeight);
        const last = texts(".item .name").at(-1);
        const select = async (name, at = list) => {
          const before = page.querySelector("#detail h2");
          key(name, at);
          await until(() => page.querySelector("#detail h2") !== before);
          const row = page.querySelector("[aria-selected=true]"), box = list.getBoundingClientRect();
          const { top, bottom } = row.getBoundingClientRect();
          if (top < box.top - 1 || bottom > box.bottom + 1) chosen.push("out of view");
          if (list.getAttribute("aria-activedescendant") !== row.id) chosen.push("not told");
          chosen.push(page.querySelector("#detail h2").textContent);
        };
        for (const name of ["End", "ArrowUp", "Home", "ArrowDown", "PageDown"]) await select(name);
        key("/", page.body);
        const focused = page.activeElement.id;
        page.activeElement.value = "x";
        await select("ArrowDown", page.activeElement);
        key("Escape", page.activeElement);
        await wait(100);
        const after = [page.activeElement.id, page.getElementById("text").value];
        const rows = Math.floor(list.clientHeight / 68) - 1;
        return { counts, middle, last, chosen, focused, after, told: told(), rows };
        """,
    )
    assert found["told"] == "5\u202f000 problems shown" and max(found["counts"]) < 30
    assert "p2500" in found["middle"] and found["last"] == "p4999"
    below = 1 + found["rows"]
    assert found["chosen"] == ["p4999", "p4998", "p0000", "p0001", f"p{below:04}", f"p{below + 1:04}"]
    assert found["focused"] == "text" and found["after"] == ["list", ""]


def test_hostile_text_stays_text(tmp_path) -> None:
    evil = EVIL.replace("alert", "parent.hit = true; view.hit = true; alert")
    row = search_row((evil, 0.9), ("17", 0.2), problem_id=evil, problem=evil, answer=evil, predicted=evil, ended=evil)
    row["trace"] = [each | {"step": f"{evil} {index}", "fate": each["fate"]} for index, each in enumerate(row["trace"])]
    row["trace"][3]["fate"] = evil
    found = look(
        write_run(tmp_path / "run", [row]),
        tmp_path,
        """
        page.querySelector(".tools button").click();
        for (const each of all(".map .dot")) each.dispatchEvent(new view.Event("pointerover", { bubbles: true }));
        await wait(500);
        return {
          hit: view.hit ?? parent.hit ?? null, images: all("img").length, scripts: all("script").length,
          name: texts("h2"), problem: texts("#detail .problem"), words: texts(".outline .words"),
          caption: texts(".caption"),
        };
        """,
    )
    assert found["hit"] is None and found["images"] == 0 and found["scripts"] == 3
    assert found["name"] == [evil] and found["problem"] == [evil]
    assert [text.startswith(evil) for text in found["words"]] == [True] * 4 and evil in found["caption"][0]


def test_a_dot_and_a_candidate_lead_to_their_step(rows, tmp_path) -> None:
    trace = rows[0]["trace"]
    deep = max(
        (index for index, node in enumerate(trace) if node["fate"] == Fate.PRUNED),
        key=lambda index: trace[index]["parent"],
    )
    found = look(
        write_run(tmp_path / "run", rows),
        tmp_path,
        f"""
        const at = () => page.querySelector(".step.current")?.dataset.node, pane = page.getElementById("detail");
        const visible = () => {{
          const row = page.querySelector(".step.current").getBoundingClientRect(), box = pane.getBoundingClientRect();
          return row.height > 0 && row.top >= box.top && row.bottom <= box.bottom;
        }};
        const before = page.querySelector("[data-node='{deep}'].step") !== null;
        page.querySelector(".dot[data-node='{deep}']").dispatchEvent(new view.Event("click", {{ bubbles: true }}));
        const dot = [at(), visible(), page.activeElement.dataset.node];
        all(".candidates button").at(-1).click();
        return {{ before, dot, candidate: [at(), visible()], marked: all(".step.current").length }};
        """,
    )
    assert found["before"] is False, "its branch is closed at first"
    assert found["dot"] == [str(deep), True, str(deep)]
    assert found["candidate"] == [str(rows[0]["leaves"][-1]), True] and found["marked"] == 1


def test_a_tree_of_thousands_of_steps_is_drawn_without_what_was_not_kept(tmp_path) -> None:
    row = search_row(("18", 0.9))
    lost = {"parent": 0, "score": 0.1, "value": 0.1, "tokens": 3, "fate": "pruned", "visits": 7}
    row["trace"] += [lost | {"step": f"Lost {index}."} for index in range(3000)]
    found = look(
        write_run(tmp_path / "run", [row]),
        tmp_path,
        """
        const closed = all(".outline *").length;
        page.querySelector(".tools button").click();
        const opened = all(".outline .step.pruned").length;
        all(".tools button")[1].click();
        return {
          closed, opened, dots: all(".map .dot").length, notes: texts("#detail .note"),
          visits: texts(".step.head .figure"),
          seen: all(".outline .step.pruned").filter((each) => each.getClientRects().length).length,
        };
        """,
    )
    assert found["closed"] < 100 and found["opened"] == 3000 and found["seen"] == 0 and found["dots"] == 2
    assert "3\u202f000 steps that were not kept are left out of the drawing." in found["notes"]
    assert found["visits"] == ["score", "ranked by", "tokens", "visits"]


@pytest.mark.parametrize(("width", "dark"), [(400, True), (1280, False)])
def test_the_page_of_labels_shows_rates_intervals_and_classes(tmp_path, width, dark) -> None:
    write_rows(tmp_path / "rows.parquet", [label_row(labeled((8, 8), (4, 8), (0, 8)))], LABEL_SCHEMA)
    found = look(
        tmp_path / "rows.parquet",
        tmp_path,
        OVERFLOW
        + """
        return {
          overflow, ink: view.getComputedStyle(page.body).color, rates: texts(".labelled .cell"),
          intervals: texts(".interval small"), classes: texts(".labelled .pill"), facts: texts(".facts dd"),
          bars: all(".extent").map((each) => each.getBoundingClientRect()).map((box) => Math.round(box.width)),
          words: texts(".labelled .words"), colours: new Set(all(".cell").map((each) =>
            view.getComputedStyle(each).backgroundColor)).size,
        };
        """,
        width=width,
        dark=dark,
    )
    assert found["overflow"] == FITS and found["ink"] == INK[dark]
    assert found["rates"] == ["8/8", "4/8", "0/8", "right"] and found["colours"] == 3
    assert found["intervals"] == ["0.63 to 1.00", "0.16 to 0.84", "0.00 to 0.37"]
    assert found["bars"][1] > found["bars"][0] == found["bars"][2] > 10
    assert found["classes"] == ["+ correct", "+ correct", "uncertain", "− incorrect", "+ correct"]
    assert found["facts"] == ["2", "0.753 of 4 rollouts right", "fixed", "24"]
    assert found["words"] == ["Step 0.", "Step 1.", "Step 2.", "Step 3."]


def test_a_page_whose_data_are_torn_says_so(tmp_path) -> None:
    write_view(write_run(tmp_path / "run", [search_row(("18", 0.9))]), tmp_path / "view.html")
    page = (tmp_path / "view.html").read_text(encoding="utf-8")
    start = page.index('id="index">') + len('id="index">')
    torn = page[: start + 40] + page[start + 60 :]
    found = seen(torn, 'await wait(2000); return { told: page.getElementById("shown").textContent };', tmp_path)
    assert found["told"].startswith("The data of this page cannot be read"), json.dumps(found)
