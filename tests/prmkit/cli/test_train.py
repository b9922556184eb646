import json
import subprocess
import sys

import pytest
import tyro

from prmkit.cli.main import main
from prmkit.cli.train import Train
from prmkit.errors import InputError
from prmkit.records import LABEL_SCHEMA
from prmkit.tables import label_row, write_rows

FLAGS = [
    ("--epochs", "1", "epochs", 1),
    ("--optimizer", "muon", "optimizer", "muon"),
    ("--lr", "0.002", "lr", 0.002),
    ("--batch-size", "8", "batch_size", 8),
    ("--max-length", "200", "max_length", 200),
    ("--validation", "0.3", "validation", 0.3),
    ("--seed", "5", "seed", 5),
    ("--prompt", "Q: {problem}\n", "prompt", "Q: {problem}\n"),
    ("--separator", "\n", "separator", "\n"),
]


@pytest.fixture
def labels(labeled_pool, tmp_path):
    """A run directory as `prmkit label` leaves it."""
    folder = tmp_path / "labels"
    write_rows(folder / "shards" / "00000.parquet", [label_row(each) for each in labeled_pool(12)], LABEL_SCHEMA)
    return folder


def run(kind, labels, base, out, *extra):
    arguments = [kind, "--base", str(base), "--labels", str(labels), "--out", str(out), *extra]
    tyro.cli(Train, prog="prmkit train", args=arguments, config=(tyro.conf.EnumChoicesFromValues,)).run()
    return json.loads((out / "prmkit.json").read_text())


@pytest.mark.slow
def test_every_flag_of_a_prm_reaches_its_training(labels, tiny_base, tmp_path, capsys):
    flags = [part for flag, value, _, _ in FLAGS for part in (flag, value)]
    flags += ["--targets", "soft", "--neutral", "correct", "--after-error", "mask", "--class-weights", "3", "1", "0.5"]
    flags += [
        "--marks",
        "tokens",
        "--neutral-weight",
        "0.25",
        "--evaluations",
        "2",
        "--gradient-checkpointing",
        "--batch-tokens",
        "300",
    ]
    stored = run("prm", labels, tiny_base, tmp_path / "prm", *flags)
    assert {name: stored["training"][name] for _, _, name, _ in FLAGS} == {name: value for _, _, name, value in FLAGS}
    assert stored["training"]["objective"] == {
        "kind": "prm",
        "targets": "soft",
        "neutral": "correct",
        "after_error": "mask",
        "class_weights": [3.0, 1.0, 0.5],
        "neutral_weight": 0.25,
        "marks": "tokens",
    }
    assert stored["neutral_weight"] == 0.25
    assert stored["text_format"] == {"prompt": "Q: {problem}\n", "chat": False, "separator": "\n"}
    history = json.loads((tmp_path / "prm" / "history.json").read_text())
    assert sum("eval_loss" in entry for entry in history) == 2
    said = capsys.readouterr().out
    assert "learning rate 0.002, asked for" in said
    assert "PRM in" in said


@pytest.mark.slow
def test_every_flag_of_an_orm_reaches_its_training(labels, tiny_base, tmp_path):
    flags = ["--loss", "pairwise", "--margin", "0.5", "--no-balance", "--group-size", "4", "--epochs", "1"]
    stored = run("orm", labels, tiny_base, tmp_path / "orm", *flags)
    assert stored["kind"] == "orm"
    assert stored["training"]["objective"] == {
        "kind": "orm",
        "loss": "pairwise",
        "lm_weight": 0.0,
        "margin": 0.5,
        "balance": False,
        "group_size": 4,
    }
    assert stored["labels"] == {"0": "correct"}
    mean = run("orm", labels, tiny_base, tmp_path / "mean", "--loss", "mean", "--epochs", "1")
    assert mean["pooling"] == "mean"


@pytest.mark.slow
def test_a_value_model_is_trained_from_the_same_labels(labels, tiny_base, tmp_path):
    stored = run("value", labels, tiny_base, tmp_path / "value", "--epochs", "1", "--evaluations", "1")
    assert (stored["kind"], stored["labels"]) == ("value", {"0": "value"})
    assert {"mse", "step_brier"} <= set(stored["metrics"])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["orm", "--loss", "last", "--lm-weight", "1"], "--lm-weight 1.0 has no effect with --loss last"),
        (["prm", "--targets", "value", "--class-weights", "balanced"], "--class-weights balanced has no effect"),
        (["prm", "--validation", "0", "--patience", "2"], "--patience needs validation problems"),
    ],
)
def test_a_flag_without_effect_is_refused_in_one_line(flags, said, capsys):
    assert main(["train", *flags, "--labels", "nowhere", "--out", "nowhere"]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_a_place_to_report_to_that_is_not_there_is_refused_before_anything_is_written(labels, tiny_base, tmp_path):
    with pytest.raises(InputError, match="cannot report to 'nonsense'; there are none"):
        run("prm", labels, tiny_base, tmp_path / "prm", "--report-to", "nonsense")
    assert not (tmp_path / "prm").exists()


@pytest.mark.parametrize(
    ("kind", "own", "foreign"),
    [("prm", "--targets", "--loss"), ("orm", "--loss", "--targets"), ("value", "--lora-rank", "--neutral-weight")],
)
def test_help_shows_the_options_of_the_kind_and_their_defaults(kind, own, foreign, capsys):
    with pytest.raises(SystemExit) as stop:
        tyro.cli(Train, prog="prmkit train", args=[kind, "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert own in shown
    assert foreign not in shown
    assert "usage: prmkit train " + kind in shown
    assert "(default: 32)" in shown


def test_the_package_runs_as_a_module_as_torchrun_starts_it():
    done = subprocess.run(
        [sys.executable, "-m", "prmkit", "train", "value", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "usage: prmkit train value" in done.stdout


def test_importing_the_commands_does_not_import_torch():
    code = "import sys, prmkit.cli.train, prmkit.cli.score; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
