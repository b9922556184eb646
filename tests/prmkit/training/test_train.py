"""Real trainings of a two-layer model, a second or so each."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForTokenClassification, AutoTokenizer, TrainerCallback

from prmkit.errors import InputError, RunChangedError
from prmkit.records import StepLabel
from prmkit.rewards.base import Aggregation
from prmkit.rewards.metadata import RewardKind
from prmkit.rewards.scorer import load_reward_model
from prmkit.training.objectives import AfterError, Objective, Targets, TokenLoss
from prmkit.training.train import TrainConfig, default_lr, train

pytestmark = pytest.mark.slow
BAD, MIDDLE, GOOD = StepLabel
PRM, ORM = Objective(kind=RewardKind.PRM), Objective(kind=RewardKind.ORM)


@pytest.fixture(scope="module")
def pool(labeled_pool):
    return labeled_pool(40)


@pytest.fixture(scope="module")
def config(tiny_base):
    """18 steps or so; validations in the middle of epochs."""
    return TrainConfig(base=str(tiny_base), objective=PRM, lr=5e-3, batch_size=16, validation=0.2, evaluations=5)


@pytest.fixture(scope="module")
def trained(config, pool, tmp_path_factory):
    """`(folder, metadata, lines)` of the plain PRM."""
    folder, lines = tmp_path_factory.mktemp("trained") / "prm", []
    return folder, train(config, pool, folder, say=lines.append), lines


def weights(folder):
    return load_file(folder / "model.safetensors")


def largest_difference(first, second):
    one, two = weights(first), weights(second)
    return max(float((one[name] - two[name]).abs().max()) for name in one)


class StopAfter(TrainerCallback):
    """Interrupts training as a user would, after a step."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **_):
        if state.global_step == self.step:
            raise KeyboardInterrupt


def test_a_prm_learns_steps_that_say_their_labels(config, pool, tmp_path):
    metadata = train(replace(config, epochs=5), pool, tmp_path / "prm")
    history = json.loads((tmp_path / "prm" / "history.json").read_text())
    losses = [entry["loss"] for entry in history if "loss" in entry]
    assert losses[-1] < 0.3 * losses[0]
    assert metadata.metrics["step_auc"] > 0.9
    assert metadata.metrics["solution_auc"] > 0.9
    assert metadata.metrics["f1_incorrect"] > 0.8


def test_an_orm_learns_outcomes_that_the_steps_tell(config, pool, tmp_path):
    metadata = train(replace(config, objective=ORM, epochs=8), pool, tmp_path / "orm")
    assert metadata.metrics["solution_auc"] > 0.9
    assert metadata.aggregation is Aggregation.LAST
    config_json = json.loads((tmp_path / "orm" / "config.json").read_text())
    assert config_json["id2label"] == {"0": "correct"}


def test_prm_and_orm_hold_out_the_same_problems(config, pool, trained, tmp_path):
    orm = train(replace(config, objective=ORM), pool, tmp_path / "orm")
    names = [name for name in trained[1].training if name.startswith(("training_", "validation_", "data"))]
    assert len(names) > 6
    assert {name: orm.training[name] for name in names} == {name: trained[1].training[name] for name in names}


def test_the_checkpoint_loads_with_plain_transformers_and_gives_the_same_scores(trained, pool):
    folder, metadata, _ = trained
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.config.id2label == {0: "incorrect", 1: "neutral", 2: "correct"}
    solutions = [(each.solution.problem.problem, each.solution.steps) for each in pool[:20]]
    for (problem, steps), scores in zip(solutions, load_reward_model(folder).score_steps(solutions), strict=True):
        ids, ends = tokenizer(f"{problem}\n\n")["input_ids"], []
        for step in steps:
            ids += tokenizer(step, add_special_tokens=False)["input_ids"]
            ids += metadata.separator_ids
            ends.append(len(ids) - 1)
        with torch.no_grad():
            probabilities = model(torch.tensor([ids])).logits[0, ends].softmax(dim=-1)
        expected = probabilities[:, 2] + 0.5 * probabilities[:, 1]
        assert torch.allclose(torch.tensor(scores), expected, atol=1e-5)


def test_validation_metrics_are_those_of_the_scores_that_the_checkpoint_gives(trained, pool):
    from sklearn.metrics import roc_auc_score

    from prmkit.training.data import held_out_problems

    folder, metadata, _ = trained
    held_out = held_out_problems([each.solution.problem.problem_id for each in pool], 0.2, seed=0)
    unique = {each.solution.steps: each for each in pool if each.solution.problem.problem_id in held_out}
    solutions = [(each.solution.problem.problem, each.solution.steps) for each in unique.values()]
    scores = [score for scored in load_reward_model(folder).score_steps(solutions) for score in scored]
    labels = [label == GOOD for each in unique.values() for label in each.labels]
    assert metadata.metrics["step_auc"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)


def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(config, pool, trained, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(config, pool, tmp_path / "out", callbacks=[StopAfter(6)])
    assert not (tmp_path / "out" / "prmkit.json").exists()
    lines = []
    train(config, pool, tmp_path / "out", say=lines.append)
    steps = [line.rpartition("-")[2] for line in lines if line.startswith("continuing from")]
    assert steps and 0 < int(steps[0]) < 6  # in the middle of the first epoch
    assert largest_difference(tmp_path / "out", trained[0]) < 1e-6
    assert json.loads((tmp_path / "out" / "prmkit.json").read_text()) == json.loads(
        (trained[0] / "prmkit.json").read_text()
    )


def test_two_trainings_give_identical_weights_and_another_seed_does_not(config, pool, trained, tmp_path):
    train(config, pool, tmp_path / "same")
    assert largest_difference(tmp_path / "same", trained[0]) == 0
    train(replace(config, seed=1), pool, tmp_path / "other")
    assert largest_difference(tmp_path / "other", trained[0]) > 1e-3


def test_how_often_the_run_is_validated_does_not_change_the_weights(config, pool, trained, tmp_path):
    train(replace(config, evaluations=1), pool, tmp_path / "out")
    assert largest_difference(tmp_path / "out", trained[0]) == 0
    validated = [
        sum("eval_loss" in entry for entry in json.loads((folder / "history.json").read_text()))
        for folder in (tmp_path / "out", trained[0])
    ]
    assert validated == [1, 5]


@pytest.mark.parametrize(
    "change",
    [
        {"objective": Objective(kind=RewardKind.PRM, targets=Targets.SOFT)},
        {"objective": Objective(kind=RewardKind.PRM, after_error=AfterError.MASK)},
        {"epochs": 1},
        {"lr": 1e-3},
        {"batch_size": 8},
        {"max_length": 40},
        {"validation": 0.4},
        {"separator": "\n"},
        {"prompt": "Q: {problem}\n"},
    ],
    ids=",".join,
)
def test_every_option_changes_the_weights(config, pool, trained, tmp_path, change):
    train(replace(config, **change), pool, tmp_path / "out")
    assert largest_difference(tmp_path / "out", trained[0]) > 1e-4


def test_the_loss_position_of_an_orm_changes_the_weights(config, pool, tmp_path):
    for loss in TokenLoss:
        train(replace(config, objective=replace(ORM, loss=loss)), pool, tmp_path / loss)
    assert largest_difference(tmp_path / "tokens", tmp_path / "last") > 1e-3


def test_the_neutral_weight_changes_the_scores_and_not_the_weights(config, pool, trained, tmp_path):
    train(replace(config, neutral_weight=0.0), pool, tmp_path / "out")
    assert largest_difference(tmp_path / "out", trained[0]) == 0
    solution = [(pool[0].solution.problem.problem, pool[0].solution.steps)]
    lower, higher = (load_reward_model(folder).score_steps(solution)[0] for folder in (tmp_path / "out", trained[0]))
    assert all(low < high for low, high in zip(lower, higher, strict=True))


def test_a_finished_run_is_left_as_it_is_and_another_configuration_is_refused(config, pool, trained):
    folder, metadata, _ = trained
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    lines = []
    assert train(config, pool, folder, say=lines.append) == metadata
    assert lines == [f"{folder} holds the finished run; nothing to do"]
    with pytest.raises(RunChangedError, match=r"\(epochs: 2 there, 3 now\)"):
        train(replace(config, epochs=3), pool, folder)
    with pytest.raises(RunChangedError, match=r"\(data: "):
        train(config, pool[1:], folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_finished_folder_holds_model_tokenizer_metadata_card_and_no_checkpoints(trained):
    folder, metadata, _ = trained
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "config.json",
        "history.json",
        "model.safetensors",
        "prmkit.json",
        "run.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    stored = json.loads((folder / "prmkit.json").read_text())
    assert stored["kind"] == "prm"
    assert stored["scored_position"] == "last separator token"
    assert stored["labels"] == {"0": "incorrect", "1": "neutral", "2": "correct"}
    assert stored["neutral_weight"] == 0.5
    assert stored["training"]["objective"] == {
        "kind": "prm",
        "targets": "hard",
        "after_error": "keep",
        "loss": "tokens",
    }
    card = (folder / "README.md").read_text()
    for said in (f"`{metadata.aggregation}` of its step scores", "| step_auc |", "| epochs | 2 |"):
        assert said in card


def test_what_was_left_out_is_told(config, trained, labeled_solution, tmp_path):
    lines = trained[2]
    assert any(line.startswith("training: ") for line in lines)
    again = [labeled_solution("p1", [GOOD, BAD])] * 2 + [labeled_solution("p2", [BAD])]
    lines = []
    train(replace(config, validation=0.0, epochs=1), again, tmp_path / "out", say=lines.append)
    assert "of 3 labelled solutions left out: 1 duplicates, 0 too long; 0 cut after the last step that fits" in lines
    assert not any(line.startswith("warning") for line in lines)


def test_a_pool_of_one_class_is_warned_about(config, labeled_solution, tmp_path):
    lines = []
    one = [labeled_solution(f"p{index}", [GOOD]) for index in range(4)]
    train(replace(config, epochs=1), one, tmp_path / "out", say=lines.append)
    assert any(line.startswith("warning: every step of the training split is correct") for line in lines)


def test_a_base_that_reads_later_tokens_is_refused_and_nothing_is_written(config, pool, tiny_base, tmp_path):
    from transformers import BertConfig, BertForMaskedLM

    bert = BertConfig(vocab_size=400, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    BertForMaskedLM(bert).save_pretrained(tmp_path / "bert")
    AutoTokenizer.from_pretrained(tiny_base).save_pretrained(tmp_path / "bert")
    with pytest.raises(InputError, match=r"reads later tokens too \(BertForTokenClassification\)"):
        train(replace(config, base=str(tmp_path / "bert")), pool, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_reward_model_of_the_other_kind_can_be_the_base(config, pool, trained, tmp_path):
    orm = replace(config, base=str(trained[0]), objective=ORM, epochs=1)
    assert train(orm, pool, tmp_path / "out").kind is RewardKind.ORM
    assert weights(tmp_path / "out")["score.weight"].shape[0] == 1


def test_a_tokenizer_larger_than_the_vocabulary_is_refused(config, pool, tiny_base, tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM

    small = LlamaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    LlamaForCausalLM(small).save_pretrained(tmp_path / "small")
    AutoTokenizer.from_pretrained(tiny_base).save_pretrained(tmp_path / "small")
    with pytest.raises(InputError, match="its vocabulary has 50"):
        train(replace(config, base=str(tmp_path / "small")), pool, tmp_path / "out")


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"batch_size": 0}, {"max_length": 0}, {"evaluations": 0}, {"lr": 0.0}, {"neutral_weight": 1.5}],
    ids=",".join,
)
def test_an_option_out_of_range_is_refused(config, change):
    with pytest.raises(InputError, match="must be"):
        replace(config, **change)


def test_the_learning_rate_falls_with_the_size_of_the_model():
    assert default_lr(7_000_000_000)[0] == pytest.approx(1e-5)
    assert default_lr(900_000)[0] == pytest.approx(8.8e-4, rel=0.01)
