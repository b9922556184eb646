import pytest
import torch

from prmkit.errors import InputError
from prmkit.training.arguments import check_report_to, training_arguments, use_bfloat16, warm_up_steps
from prmkit.training.config import Precision, TrainConfig


def arguments(tmp_path, **options):
    return training_arguments(TrainConfig(**options), tmp_path, items=4, steps=200, lr=1e-3, report_to="none")


def test_precision_is_float32_on_a_cpu_unless_asked_for_otherwise(monkeypatch):
    assert [use_bfloat16(each) for each in Precision] == [torch.cuda.is_available(), False, True]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert not use_bfloat16(Precision.AUTO)
    with pytest.raises(InputError, match="--precision bfloat16: this GPU has none"):
        use_bfloat16(Precision.BFLOAT16)


def test_sharding_wraps_layers_and_recomputes_activations_where_asked_to(tmp_path):
    plain, sharded = (arguments(tmp_path, fsdp=each, gradient_checkpointing=True) for each in (False, True))
    assert not plain.fsdp
    assert plain.gradient_checkpointing
    assert sharded.fsdp
    assert not sharded.gradient_checkpointing  # FSDP does it itself
    assert sharded.fsdp_plugin_args["fsdp_version"] == 2
    assert sharded.fsdp_plugin_args["activation_checkpointing"] is True
    assert sharded.fsdp_plugin_args["state_dict_type"] == "FULL_STATE_DICT"
    assert sharded.fsdp_plugin_args["auto_wrap_policy"] == "TRANSFORMER_BASED_WRAP"


def test_patience_keeps_the_weights_with_the_lowest_validation_loss(tmp_path):
    patient = arguments(tmp_path, patience=2)
    assert patient.load_best_model_at_end
    assert (patient.metric_for_best_model, patient.greater_is_better) == ("loss", False)
    assert not arguments(tmp_path).load_best_model_at_end


def test_the_learning_rate_rises_for_a_twentieth_of_the_run():
    assert [warm_up_steps(steps) for steps in (1, 20, 400)] == [1, 1, 20]


def test_a_place_to_report_to_must_be_installed():
    check_report_to("none")
    with pytest.raises(InputError, match="cannot report to 'nonsense'; there are none"):
        check_report_to("nonsense")
