"""`prmkit doctor`: what is printed and written, and the exit status that scripts rely on."""

import json

import pytest

from prmkit.cli.main import main
from prmkit.records import LABEL_SCHEMA, StepLabel
from prmkit.tables import label_row, write_rows

BAD, MIDDLE, GOOD = StepLabel


@pytest.fixture
def labels(labeled_solution, tmp_path):
    """A right and a wrong solution of each of ten problems, as `prmkit label` leaves them."""
    rows = [
        label_row(labeled_solution(f"p{problem}", classes, number))
        for problem in range(10)
        for number, classes in enumerate(([GOOD, GOOD], [GOOD, MIDDLE, BAD]))
    ]
    write_rows(tmp_path / "labels" / "shards" / "00000.parquet", rows, LABEL_SCHEMA)
    return tmp_path / "labels"


@pytest.fixture
def doctor(tiny_base, labels, tmp_path, capsys):
    """`doctor(*options)`: exit status, what was printed, what was complained of, and the JSON."""

    def run(*options, data="--data"):
        file = tmp_path / "doctor.json"
        status = main(["doctor", "--base", str(tiny_base), data, str(labels), "--json", str(file), *options])
        captured = capsys.readouterr()
        return status, captured.out, captured.err, json.loads(file.read_text())

    return run


def checks(written):
    return {each["name"]: each for each in written["checks"]}


def test_good_labels_are_shown_with_every_scored_position_marked(doctor):
    status, printed, complaint, written = doctor()
    assert (status, complaint) == (0, "")
    assert "Problem p0: what is it?\n\nStep 0 of p0 is fine.⟦\\n\\n +⟧\nStep 1 of p0 is useless.⟦\\n\\n 0⟧\n" in printed
    assert "Step 2 of p0 is wrong.⟦\\n\\n -⟧\n" in printed
    assert "ok        boundaries     50 labels on 50 boundaries in 20 rows" in printed
    assert written["violations"] == [] and written["warnings"] == ["melting"]
    assert checks(written)["boundaries"]["counts"] == {"found": 0, "labels": 50, "boundaries": 50, "rows": 20}
    assert [step["label"] for step in written["rows"][0]["steps"]] == [1, 0, -1]


def test_a_violation_is_exit_status_1_and_one_line_that_names_it(doctor, labels):
    status, printed, complaint, written = doctor("--max-length", "20")
    assert status == 1
    assert complaint == f"prmkit doctor: {labels}: 1 of 19 checks violated: truncation\n"
    assert "violation truncation" in printed and "e.g. " in printed
    assert written["violations"] == ["truncation"]


def test_colours_are_for_terminals(doctor, monkeypatch):
    assert "\x1b[" not in doctor()[1]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[30;42m⟦\\n\\n +⟧" in doctor()[1]


def test_a_step_cannot_command_the_terminal(doctor, labels, labeled_solution):
    labeled = labeled_solution("\x1b[31mred", [GOOD, MIDDLE, BAD])
    write_rows(labels / "shards" / "00001.parquet", [label_row(labeled)], LABEL_SCHEMA)
    printed = doctor("--rows", "30")[1]
    assert "Problem ␛[31mred" in printed and "\x1b" not in printed


def test_labels_is_another_name_for_data(doctor):
    assert doctor(data="--labels")[3] == doctor()[3]


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_as_many_rows_are_shown_as_are_asked_for(doctor, rows):
    _, printed, _, written = doctor("--rows", str(rows))
    assert len(written["rows"]) == rows == printed.count("what is it?")


def test_a_negative_number_of_rows_is_refused(labels, capsys):
    assert main(["doctor", "--data", str(labels), "--rows", "-1"]) == 1
    assert "--rows must not be negative" in capsys.readouterr().err


@pytest.mark.parametrize("length", ["0", "-5"])
def test_a_length_that_holds_no_token_is_refused(labels, capsys, length):
    assert main(["doctor", "--data", str(labels), "--max-length", length]) == 1
    assert capsys.readouterr().err == f"prmkit doctor: --max-length must be at least 1, got {length}\n"


@pytest.mark.parametrize(
    ("options", "name", "said"),
    [
        (("--validation", "0.5"), "leakage", "none of 6 validation problems"),
        (("--prompt", "Q: {problem}\n\n"), "format", "'Q: {problem}\\n\\n'"),
        (("--separator", "\n"), "separator", "'\\n' is ["),
        (("--max-length", "80"), "truncation", "than 80 tokens"),
    ],
)
def test_the_options_of_training_decide_what_is_checked(doctor, options, name, said):
    before, after = (checks(doctor(*each)[3])[name]["message"] for each in ((), options))
    assert said not in before and said in after


def test_an_orm_is_not_trained_on_solutions_that_nobody_graded(doctor, labels, labeled_solution):
    row = label_row(labeled_solution("p99", [GOOD, BAD])) | {"correct": None}
    write_rows(labels / "shards" / "00001.parquet", [row], LABEL_SCHEMA)
    assert doctor("--kind", "prm")[3]["violations"] == []
    assert doctor("--kind", "orm")[3]["violations"] == ["targets"]


def test_the_seed_decides_which_problems_are_held_out(doctor, tmp_path):
    test = tmp_path / "test.jsonl"
    test.write_text("".join(json.dumps({"question": f"problem  P{each}: what is it?"}) + "\n" for each in range(5)))
    shares = []
    for seed in ("0", "1", "2"):
        status, _, _, written = doctor("--test", str(test), "--validation", "0.3", "--seed", seed)
        counts = checks(written)["test"]["counts"]
        assert status == 1 and counts["training"] + counts["validation"] == 5
        shares.append(counts["training"])
    assert len(set(shares)) > 1


def test_no_weights_are_loaded(doctor, monkeypatch):
    monkeypatch.setattr("transformers.PreTrainedModel.from_pretrained", lambda *_, **__: pytest.fail("loaded"))
    assert doctor()[0] == 0


def test_labels_that_are_not_there_are_one_line(tiny_base, tmp_path, capsys):
    assert main(["doctor", "--base", str(tiny_base), "--data", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
