"""Published samples with scores, in files of the documented layouts."""

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prmkit.errors import InputError
from prmkit.formats.scored import NONE, ScoredLayout, read_scored

from .outside_rows import write


def sample(problem: str = "P", **fields: Any) -> dict[str, Any]:
    """A line of PRM800K's scored samples; the reader needs some of its fields, and skips the rest."""
    row = {
        "problem": problem,
        "unique_id": "test/algebra/1.json",
        "steps": ["s", "t"],
        "rating_probs": [{"-1": 0.1, "0": 0.2, "1": 0.7}] * 2,
        "answer": "2",
        "ground_truth_answer": "2",
        "is_correct": True,
        "prm_score": 0.5,
        "orm_score": 0.25,
    }
    return row | fields


def pool(prompt: str = "P", labels: tuple[int, ...] = (1, 0), **fields: Any) -> dict[str, Any]:
    """A line of RLHFlow's pools: the answer is 2 where it is right, else 3, 4, ..."""
    answers = [f"So.\n\nThe answer is: {2 if label else 3 + index}" for index, label in enumerate(labels)]
    return {"prompt": prompt, "answers": answers, "label": list(labels)} | fields


def test_the_samples_of_a_problem_are_gathered_wherever_they_stand(tmp_path: Path) -> None:
    rows = [sample("P"), sample("Q", is_correct=False), sample("P", answer="3", prm_score=0.75, is_correct=False)]
    found = read_scored([write(tmp_path / "a.jsonl", *rows), write(tmp_path / "b.jsonl", sample("P"))])
    assert found.layout is ScoredLayout.PRM800K and found.notes == []
    first, second = found.problems
    assert first.correct.tolist() == [True, False, True] and second.correct.tolist() == [False]
    assert first.answers == ("2", "3") and first.given.tolist() == [0, 1, 0]
    assert first.scores["prm"].tolist() == [0.5, 0.75, 0.5] and first.scores["orm"].tolist() == [0.25] * 3
    assert first.problem_id != second.problem_id


def test_no_texts_are_kept_of_samples(tmp_path: Path) -> None:
    long = [f"Step {index} of a solution, in more words than are needed to say it." for index in range(40)]
    rows = [sample(f"P{index % 4}", steps=long, answer=str(index % 9)) for index in range(1000)]
    file = write(tmp_path / "a.jsonl", *rows)
    tracemalloc.start()
    found = read_scored([file])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(len(each.given) for each in found.problems) == 1000
    assert peak < file.stat().st_size / 10


def test_lengths_are_those_of_the_texts_where_all_are_there(tmp_path: Path) -> None:
    long = sample("P", steps=["three", " four"])
    rows = [long, sample("P"), sample("Q"), {name: value for name, value in sample("Q").items() if name != "steps"}]
    first, second = read_scored([write(tmp_path / "a.jsonl", *rows)]).problems
    assert first.characters is not None and first.characters.tolist() == [10, 2] and second.characters is None
    (problem,) = read_scored([write(tmp_path / "b.jsonl", pool())]).problems
    assert problem.characters is not None and problem.characters.tolist() == [len(each) for each in pool()["answers"]]


def test_a_packed_file_reads_as_the_plain_one(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.jsonl", sample(), sample(answer="5"))
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    (one,), (other,) = (read_scored([path]).problems for path in (plain, packed))
    assert one.answers == other.answers == ("2", "5") and one.scores["prm"].tolist() == other.scores["prm"].tolist()


def test_a_sample_without_an_answer_is_wrong_and_never_chosen_before_another(tmp_path: Path) -> None:
    rows = [sample(), sample(answer=None, prm_score=0.9), sample(answer="", prm_score=0.9)]
    found = read_scored([write(tmp_path / "a.jsonl", *rows)])
    (problem,) = found.problems
    assert problem.correct.tolist() == [True, False, True]  # a blank one is an answer that no vote is cast for
    assert problem.scores["prm"].tolist() == [0.5, -np.inf, 0.9]
    assert problem.given.tolist() == [0, NONE, NONE]
    assert found.notes == ["2 samples without an answer: no vote."]


def test_the_answer_is_the_field_the_publisher_reads(tmp_path: Path) -> None:
    other = {name: value for name, value in sample(given_answer="7").items() if name != "answer"}
    rows = [other, sample(given_answer="7"), sample(answer=None, given_answer="7")]
    (problem,) = read_scored([write(tmp_path / "a.jsonl", *rows)]).problems
    assert problem.answers == ("7", "2") and problem.given.tolist() == [0, 1, NONE]


def test_samples_without_a_score_are_chosen_last_and_counted(tmp_path: Path) -> None:
    found = read_scored([write(tmp_path / "a.jsonl", sample(), sample(orm_score=None))])
    assert found.problems[0].scores["orm"].tolist() == [0.25, -np.inf]
    assert found.notes == ["1 sample with an answer but without orm score: chosen last."]


def test_a_method_that_scored_nothing_is_not_there(tmp_path: Path) -> None:
    rows = [{name: value for name, value in sample().items() if name != "orm_score"}] * 2
    assert list(read_scored([write(tmp_path / "a.jsonl", *rows)]).problems[0].scores) == ["prm"]


def test_problems_that_not_every_method_scored_are_left_out_and_counted(tmp_path: Path) -> None:
    found = read_scored([write(tmp_path / "a.jsonl", sample("P"), sample("Q", orm_score=None))])
    assert len(found.problems) == 1 and "Left out: 1 problem not scored by prm and orm." in found.notes
    with pytest.raises(InputError, match="no problem of the files was scored by prm and orm"):
        read_scored([write(tmp_path / "b.jsonl", sample("P", prm_score=None), sample("Q", orm_score=None))])


def test_a_problem_in_which_no_sample_reached_an_answer_counts_as_failed(tmp_path: Path) -> None:
    found = read_scored([write(tmp_path / "a.jsonl", sample("P"), sample("Q", answer=None), sample("Q", answer=None))])
    assert [len(each.given) for each in found.problems] == [1, 2]
    failed = found.problems[1]
    assert not failed.correct.any() and {name: list(values) for name, values in failed.scores.items()} == {
        "prm": [-np.inf] * 2,
        "orm": [-np.inf] * 2,
    }
    assert found.notes == ["2 samples without an answer: no vote."]
    bare = {name: value for name, value in sample("P").items() if name != "orm_score"}
    (_, failed) = read_scored([write(tmp_path / "b.jsonl", bare, bare | {"problem": "Q", "answer": None})]).problems
    assert list(failed.scores) == ["prm"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prm_score": "high"}, "field 'prm_score' must be a finite number or null, found 'high'"),
        ({"prm_score": True}, "field 'prm_score' must be a finite number or null, found True"),
        ({"orm_score": float("nan")}, "field 'orm_score' must be a finite number or null, found nan"),
        ({"prm_score": 10**400}, "field 'prm_score' must be a finite number or null, found an integer of 401 digits"),
        ({"prm_score": -1e308}, r"field 'prm_score' must be at most 1e\+09 from 0, found -1e\+308"),
        ({"is_correct": 1}, "field 'is_correct' must be true or false, found 1"),
        ({"is_correct": None}, "field 'is_correct' must be true or false, found None"),
        ({"answer": 2}, "field 'answer' must be text or null, found 2"),
        ({"problem": " "}, "field 'problem' is empty"),
    ],
)
def test_a_bad_sample_is_told_by_place_field_and_value(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"a.jsonl:3: {message}"):
        read_scored([write(tmp_path / "a.jsonl", sample(), sample(), sample(**change))])


def test_a_line_that_is_no_json_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(sample()) + "\n{'problem'\n")
    with pytest.raises(InputError, match=r"a\.jsonl:2: not valid JSON"):
        read_scored([file])


def test_scores_of_both_methods_meet_on_the_same_answers(tmp_path: Path) -> None:
    prm = write(tmp_path / "prm.jsonl", pool(step_scores=[[0.2, 0.4], [0.9]]), pool("Q", step_scores=[[0.1], [0.3]]))
    orm = write(tmp_path / "orm.jsonl", pool("Q", step_scores=[0.6, 0.5]), pool(step_scores=[0.8, 0.7]))
    for files in ([prm, orm], [orm, prm]):
        found = read_scored(files)
        assert found.layout is ScoredLayout.RLHFLOW and found.notes == []
        by_score = {each.scores["orm"][0]: each for each in found.problems}
        assert by_score[0.8].scores["prm"].tolist() == pytest.approx([0.3, 0.9])
        assert by_score[0.6].scores["prm"].tolist() == [0.1, 0.3]
        assert list(by_score[0.8].scores) == ["prm", "orm"]
        assert by_score[0.8].correct.tolist() == [True, False] and by_score[0.8].answers == ("2", "4")


def test_answers_that_are_marked_the_mistral_way_are_found(tmp_path: Path) -> None:
    row = {"prompt": "P", "answers": ["Step 1: 1 + 1 = 2. ки\nStep 2: The answer is: 2 ки"], "labels": [1]}
    assert read_scored([write(tmp_path / "a.jsonl", row)]).problems[0].answers == ("2",)


def test_a_pool_without_scores_says_what_can_be_computed(tmp_path: Path) -> None:
    found = read_scored([write(tmp_path / "a.jsonl", pool(), pool("Q", (1, 0, 1)))])
    assert [len(each.given) for each in found.problems] == [2, 3] and found.problems[0].scores == {}
    assert found.notes == ["There are no scores in these files: only majority voting and pass@n can be computed."]


def test_answers_behind_those_that_were_scored_are_left_out(tmp_path: Path) -> None:
    prm = write(tmp_path / "prm.jsonl", pool(labels=(1, 0, 0, 1), step_scores=[[0.2], [0.9], [0.5]]))
    orm = write(tmp_path / "orm.jsonl", pool(labels=(1, 0, 0, 1), step_scores=[0.2, 0.9]))
    found = read_scored([prm, orm])
    (problem,) = found.problems
    assert problem.correct.tolist() == [True, False]
    assert {name: values.tolist() for name, values in problem.scores.items()} == {"prm": [0.2, 0.9], "orm": [0.2, 0.9]}
    assert found.notes == ["Left out: 2 samples behind those that were scored."]


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    prm = write(tmp_path / "prm.jsonl", pool(step_scores=[[0.2], [0.9]]))
    for name, rows, message in (
        ("again.jsonl", [pool(step_scores=[[0.1], [0.1]])], "again.jsonl:1: .*scores of the kind prm are known"),
        ("bare.jsonl", [pool()], "bare.jsonl:1: .*its answers are known"),
        (
            "other.jsonl",
            [pool(labels=(0, 1), step_scores=[0.1, 0.1])],
            "other.jsonl:1: .*differ from those of the same",
        ),
        ("samples.jsonl", [sample()], "samples.jsonl: a file of prm800k, and .*prm.jsonl is one of rlhflow"),
    ):
        with pytest.raises(InputError, match=message):
            read_scored([prm, write(tmp_path / name, *rows)])
    with pytest.raises(InputError, match="given twice"):
        read_scored([prm, tmp_path / ".." / tmp_path.name / "prm.jsonl"])
    with pytest.raises(InputError, match=r"labels.jsonl:1: neither PRM800K's .*the row has 'question', 'label'"):
        read_scored([write(tmp_path / "labels.jsonl", {"question": {}, "label": {}})])
    with pytest.raises(InputError, match=r"empty\.jsonl: no rows"):
        read_scored([write(tmp_path / "empty.jsonl")])
