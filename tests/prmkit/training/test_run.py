import json

import pytest

from prmkit.errors import InputError, RunChangedError
from prmkit.training.run import RunFolder


def test_the_same_configuration_continues_and_another_is_refused_with_the_difference_named(tmp_path):
    RunFolder(tmp_path / "out", {"seed": 0, "objective": {"after_error": "keep"}}).begin()
    RunFolder(tmp_path / "out", {"seed": 0, "objective": {"after_error": "keep"}})
    with pytest.raises(RunChangedError, match=r"\(objective.after_error: 'keep' there, 'mask' now\)"):
        RunFolder(tmp_path / "out", {"seed": 0, "objective": {"after_error": "mask"}})


def test_looking_at_a_folder_writes_nothing(tmp_path):
    RunFolder(tmp_path / "out", {"seed": 0})
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty and not a run"):
        RunFolder(tmp_path, {"seed": 0})
    with pytest.raises(InputError, match="not empty and not a run"):
        RunFolder(tmp_path / "notes.txt", {"seed": 0})


def test_a_half_written_checkpoint_is_passed_over_and_removed(tmp_path):
    run = RunFolder(tmp_path / "out", {})
    assert run.latest_checkpoint() is None
    for step, state in (("9", "{}"), ("10", "{}"), ("11", '{"cut'), ("12", None)):
        folder = run.checkpoints / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"0")
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert run.latest_checkpoint() == run.checkpoints / "checkpoint-10"
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["checkpoint-10", "checkpoint-9"]


def test_a_run_is_finished_once_its_metadata_is_written(tmp_path):
    run = RunFolder(tmp_path / "out", {})
    run.begin()
    assert not run.finished
    (tmp_path / "out" / "prmkit.json").write_text(json.dumps({}))
    assert run.finished
