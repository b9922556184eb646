import json
import subprocess
import sys
from dataclasses import fields, replace

import pytest

from prmkit.errors import InputError
from prmkit.training.config import TrainConfig


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 0}, "--epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "--batch-size must be at least 1"),
        ({"batch_tokens": 0}, "--batch-tokens must be at least 1"),
        ({"max_length": 0}, "--max-length must be at least 1"),
        ({"per_problem": 0}, "--per-problem must be at least 1"),
        ({"evaluations": 0}, "--evaluations must be at least 1"),
        ({"patience": 0}, "--patience must be at least 1"),
        ({"lr": 0.0}, "--lr must be positive"),
        ({"lr": float("nan")}, "--lr must be positive"),
        ({"validation": 1.0}, r"--validation must be in \[0, 1\)"),
        ({"head_epochs": 2.0}, r"--head-epochs must be in \[0, 2\)"),
        ({"lora_rank": 0}, "--lora-rank must be at least 1"),
    ],
)
def test_an_option_out_of_range_is_refused_by_its_flag(change, said):
    with pytest.raises(InputError, match=said):
        TrainConfig(**change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"patience": 1, "validation": 0.0}, "--patience needs validation problems"),
        ({"fsdp": True, "lora_rank": 8}, "--fsdp with --lora-rank"),
    ],
)
def test_options_that_contradict_each_other_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        TrainConfig(**change)


def test_options_that_change_no_weight_do_not_belong_to_the_identity_of_a_run():
    config = TrainConfig()
    others = {"evaluations": 9, "batch_tokens": 99, "gradient_checkpointing": True, "fsdp": True}
    assert replace(config, **others).identity() == config.identity()
    assert len(config.identity()) == len(fields(config)) - len(others)
    json.dumps(config.identity())


def test_with_patience_the_number_of_validations_decides_the_weights():
    few, many = (TrainConfig(patience=1, evaluations=number).identity() for number in (2, 3))
    assert few != many


def test_the_batch_of_a_run_is_counted_over_all_processes():
    assert TrainConfig(batch_size=8).identity(processes=4) == TrainConfig(batch_size=32).identity()


def test_options_and_objectives_do_not_import_torch():
    code = "import sys, prmkit.training.config, prmkit.training.objectives; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
