"""The page of `prmkit view` as a file: what it holds, what it never lets out, and what it refuses."""

import base64
import hashlib
import html
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from prmkit.errors import PrmkitError
from prmkit.records import LABEL_SCHEMA, SOLUTION_SCHEMA, Problem, Solution, StepEstimate
from prmkit.report import view
from prmkit.report.view import write_view
from prmkit.tables import label_row, solution_row, write_rows

from .search_runs import search_row, write_run
from .test_view_items import labeled
from .test_write import HOSTILE

EVIL = HOSTILE + "\u2028\u2029<!--<script>]]>\x00\\"


class Reader(HTMLParser):
    """Tags, links and the text within scripts by their place."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.links, self.scripts, self.within = [], [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "action")]
        if tag == "script":
            self.scripts.append("")
            self.within = True

    def handle_endtag(self, tag):
        self.within = self.within and tag != "script"

    def handle_data(self, data):
        if self.within:
            self.scripts[-1] += data


def inflated(text: str) -> str:
    return zlib.decompress(base64.b64decode(text), wbits=-15).decode("utf-8")


def data(page: Path) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    """The index and, chunk by chunk, the details."""
    index, *chunks, _ = Reader(page.read_text(encoding="utf-8")).scripts
    return json.loads(inflated(index)), [[json.loads(line) for line in inflated(each).split("\n")] for each in chunks]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A search of four problems: right, wrong, uncertain and wrong, and one without an answer."""
    rows = [
        search_row(("18", 0.9), ("17", 0.2), problem_id="a"),
        search_row(("17", 0.9), problem_id="b", correct=False),
        search_row(("17", 0.5), problem_id="c", correct=False, prm_tokens=7),
        search_row(problem_id="d", correct=False),
    ]
    return write_run(tmp_path / "run", rows, shard_size=3)


def test_every_row_of_every_shard_is_in_the_page_once(run: Path, tmp_path: Path) -> None:
    written = write_view(run, tmp_path / "view.html")
    index, chunks = data(tmp_path / "view.html")
    assert written.counts == index["counts"] == {"all": 4, "right": 1, "wrong": 3, "uncertain": 1}
    assert written.size == (tmp_path / "view.html").stat().st_size and written.noun == "problem"
    assert (index["name"], index["correct"], index["uncertain"]) == (["a", "b", "c", "d"], [1, 0, 0, 0], [0, 0, 1, 0])
    assert index["strip"] == [[50, 90], [50, 90], [50, 50], []]
    details = [each for chunk in chunks for each in chunk]
    assert [each["chosen"] for each in details] == [0, 0, 0, None]
    assert details[0]["trace"]["step"] == ["Step 0.", "The answer is 18.", "Step 1.", "The answer is 17."]
    page = (tmp_path / "view.html").read_text(encoding="utf-8")
    assert "1 of 4 problems right (25.0\u202f%), 1 uncertain, 40 tokens written, 7 read by the reward model." in page


def test_details_lie_in_chunks_that_the_index_points_to(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "CHUNK_BYTES", 1500)
    write_view(run, tmp_path / "view.html")
    index, chunks = data(tmp_path / "view.html")
    assert len(chunks) == len(index["firsts"]) > 1
    starts = [sum(map(len, chunks[:number])) for number in range(len(chunks))]
    assert index["firsts"] == starts and sum(map(len, chunks)) == 4


def test_the_page_loads_nothing_and_runs_no_script_but_its_own(run: Path, tmp_path: Path) -> None:
    write_view(run, tmp_path / "view.html")
    page = (tmp_path / "view.html").read_text(encoding="utf-8")
    reader = Reader(page)
    assert all(link.startswith("data:") for link in reader.links)
    assert "@import" not in page and "url(" not in page and "innerHTML" not in page
    policy = html.unescape(re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1])
    digest = base64.b64encode(hashlib.sha256(reader.scripts[-1].encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy


def test_hostile_text_in_every_field_adds_no_tag_and_comes_back_as_it_was(run: Path, tmp_path: Path) -> None:
    write_view(run, tmp_path / "clean.html")
    row = search_row((EVIL, 0.9), problem_id=EVIL, problem=EVIL, answer=EVIL, predicted=EVIL, ended=EVIL, method=EVIL)
    row["trace"] = [each | {"step": EVIL, "fate": EVIL} for each in row["trace"]]
    evil = write_run(tmp_path / "evil", [row])
    (evil / "config.json").write_text(json.dumps({"config": {"command": "beam", EVIL: EVIL}}), encoding="utf-8")
    write_view(evil, tmp_path / "evil.html")
    tags = [Reader((tmp_path / f"{name}.html").read_text(encoding="utf-8")).tags for name in ("clean", "evil")]
    assert tags[0] == tags[1]
    index, [[detail]] = data(tmp_path / "evil.html")
    assert index["name"] == [EVIL] and detail["trace"]["step"] == [EVIL, EVIL] and detail["answer"] == EVIL


def test_half_a_surrogate_pair_of_a_json_file_does_not_stop_the_page(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(search_row(("18", 0.9), problem="a \ud800 b")), encoding="utf-8")
    write_view(tmp_path / "rows.jsonl", tmp_path / "view.html")
    assert data(tmp_path / "view.html")[0]["problem"] == ["a ? b"]


def test_thresholds_of_the_run_decide_which_labels_are_uncertain(tmp_path: Path) -> None:
    write_rows(tmp_path / "run" / "shards" / "0.parquet", [label_row(labeled((63, 64)))], LABEL_SCHEMA)
    assert write_view(tmp_path / "run", tmp_path / "a.html").counts["uncertain"] == 0
    config = {"command": "relabel", "task": {"thresholds": {"incorrect": 0.2, "correct": 0.97}, "level": 0.9}}
    (tmp_path / "run" / "config.json").write_text(json.dumps({"config": config}))
    assert write_view(tmp_path / "run", tmp_path / "b.html").counts["uncertain"] == 1
    assert data(tmp_path / "b.html")[0]["thresholds"] == [0.2, 0.97]
    assert "(0.2 and 0.97)" in (tmp_path / "b.html").read_text(encoding="utf-8")


def test_solutions_nobody_graded_have_a_filter_of_their_own(tmp_path: Path) -> None:
    problem = Problem(problem_id="p", problem="1 + 1?", answer="2")
    rows = [solution_row(Solution(solution_id=str(index), problem=problem, steps=("2",))) for index in range(2)]
    write_rows(tmp_path / "rows.parquet", rows, SOLUTION_SCHEMA)
    written = write_view(tmp_path / "rows.parquet", tmp_path / "view.html")
    assert written.counts == {"all": 2, "right": 0, "wrong": 0, "uncertain": 0, "unjudged": 2}
    page = (tmp_path / "view.html").read_text(encoding="utf-8")
    assert 'data-show="unjudged"' in page and 'data-show="uncertain"' not in page


def test_a_run_under_way_says_so_and_what_it_could_not_do(run: Path, tmp_path: Path) -> None:
    write_view(run, tmp_path / "whole.html")
    assert "not finished" not in (tmp_path / "whole.html").read_text(encoding="utf-8")
    (run / "report.json").unlink()
    (run / "quarantine").mkdir()
    (run / "quarantine" / "00000.jsonl").write_text('{"item": "e", "reason": "too long"}\n')
    write_view(run, tmp_path / "view.html")
    page = (tmp_path / "view.html").read_text(encoding="utf-8")
    assert "The run is not finished" in page and "Not on this page: 1 that could not be done" in page


def test_a_view_is_written_over_and_again_alike(run: Path, tmp_path: Path) -> None:
    write_view(run, tmp_path / "view.html")
    first = (tmp_path / "view.html").read_bytes()
    write_view(run, tmp_path / "view.html")
    assert (tmp_path / "view.html").read_bytes() == first


def test_what_is_no_run_is_refused_in_one_line(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "text.txt").write_text("a")
    write_rows(tmp_path / "none" / "shards" / "0.parquet", [], LABEL_SCHEMA)
    old = {key: value for key, value in search_row(("18", 0.9)).items() if key != "trace"}
    (tmp_path / "old.jsonl").write_text(json.dumps(old))
    (tmp_path / "torn.jsonl").write_text(json.dumps(search_row(("18", 0.9))) + "\n" + json.dumps({"problem_id": "p"}))
    for name, said in (
        ("absent", "no such file or folder; RUN is a run directory of prmkit search"),
        ("empty", "no finished shards in it; RUN is"),
        ("none", "nothing is finished in it yet"),
        ("other.jsonl", "rows of 'a'; RUN is"),
        ("text.txt", "expected .jsonl or .parquet"),
        ("old.jsonl", "stored no trace"),
        ("torn.jsonl", "torn.jsonl:2: field 'problem' is missing"),
    ):
        with pytest.raises(PrmkitError, match=re.escape(said)) as caught:
            write_view(tmp_path / name, tmp_path / "out.html")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.html").exists()


def test_a_damaged_row_is_named_by_file_and_row(tmp_path: Path) -> None:
    rows = [search_row(("18", 0.9)), search_row(("18", 0.9), chosen_index=3)]
    write_run(tmp_path / "run", rows)
    with pytest.raises(PrmkitError, match=r"00000\.parquet row 1: field 'chosen_index' is 3"):
        write_view(tmp_path / "run", tmp_path / "out.html")


def test_estimates_of_the_bare_problem_are_shown(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.parquet", [label_row(labeled((4, 8)))], LABEL_SCHEMA)
    write_view(tmp_path / "rows.parquet", tmp_path / "view.html")
    bare = StepEstimate(successes=3, rollouts=4)
    assert data(tmp_path / "view.html")[1][0][0]["bare"] == [bare.successes, bare.rollouts]
