"""Real trainings of a two-layer model, a second or so each."""

import json
from dataclasses import replace
from itertools import chain, combinations

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForTokenClassification, AutoTokenizer, TrainerCallback

from prmkit.errors import InputError, RunChangedError
from prmkit.records import EstimateMethod, StepEstimate, StepLabel
from prmkit.rewards.metadata import Pooling, RewardKind
from prmkit.rewards.scorer import load_reward_model
from prmkit.rewards.trained_on import problem_digest, read_trained
from prmkit.training.choices import AfterError, Marks, Neutral, OutcomeLoss, Targets
from prmkit.training.config import Optimizer, Precision, TrainConfig
from prmkit.training.data import held_out_problems
from prmkit.training.objectives import ORMObjective, PRMObjective, ValueObjective
from prmkit.training.train import train

pytestmark = pytest.mark.slow
BAD, MIDDLE, GOOD = StepLabel
PRM, ORM = PRMObjective(), ORMObjective()


@pytest.fixture(scope="module")
def pool(labeled_pool):
    return labeled_pool(40)


@pytest.fixture(scope="module")
def config(tiny_base):
    """18 steps or so; validations in the middle of epochs."""
    return TrainConfig(base=str(tiny_base), lr=5e-3, batch_size=16, validation=0.2, evaluations=5)


@pytest.fixture(scope="module")
def trained(config, pool, tmp_path_factory):
    """`(folder, metadata, lines)` of the plain PRM."""
    folder, lines = tmp_path_factory.mktemp("trained") / "prm", []
    return folder, train(config, PRM, pool, folder, say=lines.append), lines


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


@pytest.mark.parametrize(("optimizer", "lr"), [(Optimizer.ADAMW, 5e-3), (Optimizer.MUON, 2e-2)])
def test_a_prm_learns_steps_that_say_their_labels(config, pool, tmp_path, optimizer, lr):
    metadata = train(replace(config, epochs=5, optimizer=optimizer, lr=lr), PRM, pool, tmp_path / "prm")
    history = json.loads((tmp_path / "prm" / "history.json").read_text())
    losses = [entry["loss"] for entry in history if "loss" in entry]
    assert losses[-1] < 0.3 * losses[0]
    assert metadata.metrics["step_auc"] > 0.9
    assert metadata.metrics["solution_auc"] > 0.9
    assert metadata.metrics["f1_incorrect"] > 0.8


def test_an_orm_learns_outcomes_that_the_steps_tell(config, pool, tmp_path):
    metadata = train(replace(config, epochs=8), ORM, pool, tmp_path / "orm")
    assert metadata.metrics["solution_auc"] > 0.9
    config_json = json.loads((tmp_path / "orm" / "config.json").read_text())
    assert config_json["id2label"] == {"0": "correct"}


def test_prm_and_orm_hold_out_the_same_problems(config, pool, trained, tmp_path):
    orm = train(config, ORM, pool, tmp_path / "orm")
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


@pytest.mark.parametrize(
    "objective", [ORM, ORMObjective(loss=OutcomeLoss.MEAN), ORMObjective(loss=OutcomeLoss.PAIRWISE), ValueObjective()]
)
def test_orm_and_value_checkpoints_load_with_plain_transformers_and_give_the_same_scores(
    config, pool, tmp_path, objective
):
    metadata = train(replace(config, epochs=1, evaluations=1), objective, pool, tmp_path / "out")
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "out").eval()
    assert list(model.config.id2label.values()) == ["value" if objective.kind is RewardKind.VALUE else "correct"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    solutions = [(each.solution.problem.problem, each.solution.steps) for each in pool[:8]]
    reward = load_reward_model(tmp_path / "out")
    for (problem, steps), scores in zip(solutions, reward.score_steps(solutions), strict=True):
        ids = tokenizer(f"{problem}\n\n")["input_ids"]
        prompt, ends = len(ids), []
        for step in steps:
            ids += [*tokenizer(step, add_special_tokens=False)["input_ids"], *metadata.separator_ids]
            ends.append(len(ids) - 1)
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, :, 0]
        if objective.pooling is Pooling.MEAN:
            expected = [float(logits[prompt : end + 1].mean().sigmoid()) for end in ends]
        else:
            expected = [float(logits[end].sigmoid()) for end in ends]
        assert scores == pytest.approx(expected, abs=1e-5)


def test_validation_metrics_are_those_of_the_scores_that_the_checkpoint_gives(trained, pool):
    from sklearn.metrics import roc_auc_score

    folder, metadata, _ = trained
    held_out = held_out_problems([each.solution.problem.problem_id for each in pool], 0.2, seed=0)
    unique = {each.solution.steps: each for each in pool if each.solution.problem.problem_id in held_out}
    solutions = [(each.solution.problem.problem, each.solution.steps) for each in unique.values()]
    scores = [score for scored in load_reward_model(folder).score_steps(solutions) for score in scored]
    labels = [label == GOOD for each in unique.values() for label in each.labels]
    assert metadata.metrics["step_auc"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)


@pytest.mark.parametrize(
    ("options", "objective"),
    [
        ({}, PRM),
        ({"batch_tokens": 200, "head_epochs": 0.5, "gradient_checkpointing": True}, PRM),
        ({"lora_rank": 4, "head_epochs": 0.5}, PRM),
        ({"patience": 4, "evaluations": 6}, PRM),
        ({}, ORMObjective(lm_weight=1.0)),
        ({}, ORMObjective(loss=OutcomeLoss.PAIRWISE)),
        ({"optimizer": Optimizer.MUON, "patience": 4, "evaluations": 6}, ValueObjective()),
        (
            {
                "optimizer": Optimizer.MUON,
                "batch_tokens": 200,
                "head_epochs": 0.5,
                "gradient_checkpointing": True,
                "precision": Precision.BFLOAT16,
            },
            ORM,
        ),
        ({"optimizer": Optimizer.MUON, "lora_rank": 4}, PRM),
    ],
    ids=["packed", "warm-up", "lora", "patience", "language", "pairs", "muon", "muon-warm-up", "muon-lora"],
)
def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(config, pool, tmp_path, options, objective):
    config = replace(config, **options)
    train(config, objective, pool, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(config, objective, pool, tmp_path / "out", callbacks=[StopAfter(6)])
    assert not (tmp_path / "out" / "prmkit.json").exists()
    lines = []
    train(config, objective, pool, tmp_path / "out", say=lines.append)
    steps = [line.rpartition("-")[2] for line in lines if line.startswith("continuing from")]
    assert steps and 0 < int(steps[0]) < 6  # in the middle of the first epoch
    assert largest_difference(tmp_path / "out", tmp_path / "whole") < 1e-6
    again, whole = (json.loads((tmp_path / name / "history.json").read_text()) for name in ("out", "whole"))
    for key in ("loss", "eval_loss"):
        curves = [[(entry["step"], entry[key]) for entry in each if key in entry] for each in (again, whole)]
        assert [step for step, _ in curves[0]] == [step for step, _ in curves[1]]
        assert [loss for _, loss in curves[0]] == pytest.approx([loss for _, loss in curves[1]], abs=1e-6)
    metadata = [json.loads((tmp_path / name / "prmkit.json").read_text()) for name in ("out", "whole")]
    assert metadata[0] == metadata[1]


def test_two_trainings_give_identical_weights_and_another_seed_does_not(config, pool, trained, tmp_path):
    train(config, PRM, pool, tmp_path / "same")
    assert largest_difference(tmp_path / "same", trained[0]) == 0
    train(replace(config, seed=1), PRM, pool, tmp_path / "other")
    assert largest_difference(tmp_path / "other", trained[0]) > 1e-3


def test_how_often_the_run_is_validated_does_not_change_the_weights(config, pool, trained, tmp_path):
    train(replace(config, evaluations=1), PRM, pool, tmp_path / "out")
    assert largest_difference(tmp_path / "out", trained[0]) == 0
    validated = [
        sum("eval_loss" in entry for entry in json.loads((folder / "history.json").read_text()))
        for folder in (tmp_path / "out", trained[0])
    ]
    assert validated == [1, 5]


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 1},
        {"optimizer": Optimizer.MUON},
        {"lr": 1e-3},
        {"batch_size": 8},
        {"max_length": 40},
        {"per_problem": 2},
        {"validation": 0.4},
        {"head_epochs": 0.5},
        {"lora_rank": 4},
        {"precision": Precision.BFLOAT16},
        {"separator": "\n"},
        {"prompt": "Q: {problem}\n"},
    ],
    ids=",".join,
)
def test_every_option_changes_the_weights(config, pool, trained, tmp_path, change):
    train(replace(config, **change), PRM, pool, tmp_path / "out")
    assert largest_difference(tmp_path / "out", trained[0]) > 1e-4


@pytest.mark.parametrize(
    "change",
    [
        {"targets": Targets.SOFT},
        {"targets": Targets.VALUE},
        {"neutral": Neutral.CORRECT},
        {"neutral": Neutral.INCORRECT},
        {"neutral": Neutral.MASK},
        {"after_error": AfterError.MASK},
        {"marks": Marks.TOKENS},
        {"class_weights": "balanced"},
        {"class_weights": (5.0, 1.0, 1.0)},
    ],
    ids=lambda change: "-".join(map(str, chain(*change.items()))),
)
def test_every_option_of_a_prm_changes_the_weights(config, pool, trained, tmp_path, change):
    train(config, PRMObjective(**change), pool, tmp_path / "out")
    assert largest_difference(tmp_path / "out", trained[0]) > 1e-4


@pytest.mark.parametrize("change", [{"batch_tokens": 150}, {"gradient_checkpointing": True}], ids=",".join)
def test_what_saves_memory_does_not_change_the_weights(config, pool, trained, tmp_path, change):
    train(replace(config, **change), PRM, pool, tmp_path / "out")
    assert largest_difference(tmp_path / "out", trained[0]) < 1e-4


def test_dropped_steps_are_learned_as_masked_ones_are_from_fewer_tokens(config, pool, tmp_path):
    for after_error in (AfterError.MASK, AfterError.DROP):
        train(config, PRMObjective(after_error=after_error), pool, tmp_path / after_error)
    assert largest_difference(tmp_path / "mask", tmp_path / "drop") < 1e-4


def test_every_option_of_an_orm_changes_the_weights(config, pool, tmp_path):
    pairwise, listwise = OutcomeLoss.PAIRWISE, OutcomeLoss.LISTWISE
    objectives = [
        *(ORMObjective(loss=loss) for loss in OutcomeLoss),
        ORMObjective(lm_weight=1.0),
        ORMObjective(loss=pairwise, margin=2.0),
        ORMObjective(loss=pairwise, balance=False),
        ORMObjective(loss=listwise, group_size=2),
    ]
    for number, objective in enumerate(objectives):
        train(replace(config, epochs=1, evaluations=1), objective, pool, tmp_path / str(number))
    for first, second in combinations(range(len(objectives)), 2):
        assert largest_difference(tmp_path / str(first), tmp_path / str(second)) > 1e-4


def test_the_neutral_weight_changes_the_scores_and_not_the_weights(config, pool, trained, tmp_path):
    train(config, PRMObjective(neutral_weight=0.0), pool, tmp_path / "out")
    assert largest_difference(tmp_path / "out", trained[0]) == 0
    solution = [(pool[0].solution.problem.problem, pool[0].solution.steps)]
    lower, higher = (load_reward_model(folder).score_steps(solution)[0] for folder in (tmp_path / "out", trained[0]))
    assert all(low < high for low, high in zip(lower, higher, strict=True))


def test_a_finished_run_is_left_as_it_is_and_another_configuration_is_refused(config, pool, trained):
    folder, metadata, _ = trained
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    lines = []
    assert train(config, PRM, pool, folder, say=lines.append) == metadata
    assert lines == [f"{folder} holds the finished run; nothing to do"]
    with pytest.raises(RunChangedError, match=r"\(epochs: 2 there, 3 now\)"):
        train(replace(config, epochs=3), PRM, pool, folder)
    with pytest.raises(RunChangedError, match=r"\(optimizer: 'adamw' there, 'muon' now\)"):
        train(replace(config, optimizer=Optimizer.MUON), PRM, pool, folder)
    with pytest.raises(RunChangedError, match=r"\(data: "):
        train(config, PRM, pool[1:], folder)
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
        "trained_problems.txt",
    }
    stored = json.loads((folder / "prmkit.json").read_text())
    assert stored["kind"] == "prm"
    assert stored["scored_position"] == "last separator token"
    assert stored["labels"] == {"0": "incorrect", "1": "neutral", "2": "correct"}
    assert stored["neutral_weight"] == 0.5
    assert stored["training"]["objective"] == {
        "kind": "prm",
        "targets": "hard",
        "neutral": "keep",
        "after_error": "keep",
        "class_weights": "none",
        "neutral_weight": 0.5,
        "marks": "ends",
    }
    card = (folder / "README.md").read_text()
    for said in (f"`{metadata.aggregation}` of its step scores", "| step_auc |", "| epochs | 2 |"):
        assert said in card


def test_with_muon_both_rates_are_told_and_the_card_names_it(config, pool, tmp_path):
    lines = []
    muon = replace(config, optimizer=Optimizer.MUON, lr=None, epochs=1, evaluations=1)
    metadata = train(muon, PRM, pool, tmp_path / "out", say=lines.append)
    rate = metadata.training["learning_rate"]
    told = f"of the matrices of the layers (Muon); the rest learns at {rate / 3:.2g} (AdamW)"
    assert any(line.startswith(f"learning rate {rate:.2g}, chosen for") and line.endswith(told) for line in lines)
    assert "| optimizer | muon |" in (tmp_path / "out" / "README.md").read_text()


def test_what_was_left_out_is_told(config, trained, labeled_solution, tmp_path):
    lines = trained[2]
    assert any(line.startswith("training: ") for line in lines)
    again = [labeled_solution("p1", [GOOD, BAD])] * 2 + [labeled_solution("p2", [BAD])]
    lines = []
    train(replace(config, validation=0.0, epochs=1), PRM, again, tmp_path / "out", say=lines.append)
    assert "of 3 labelled solutions left out: 1 duplicates, 0 too long; 0 cut after the last step that fits" in lines
    assert not any(line.startswith("warning") for line in lines)


def test_the_problems_that_were_learned_from_are_written_down_and_not_those_held_out(trained, pool):
    held_out = held_out_problems([each.solution.problem.problem_id for each in pool], 0.2, seed=0)
    texts = {each.solution.problem.problem: each.solution.problem.problem_id in held_out for each in pool}
    assert read_trained(trained[0]) == {problem_digest(text) for text, out in texts.items() if not out}


def test_nothing_that_changes_the_labels_is_silent(config, pool, trained, tmp_path):
    assert any("neutral steps are learned as a class of their own" in line for line in trained[2])
    assert any(
        "steps after a first error are learned like any other (--after-error keep)" in line for line in trained[2]
    )
    assert any("only right or only wrong solutions" in line for line in trained[2])
    lines = []
    objective = PRMObjective(neutral=Neutral.INCORRECT, after_error=AfterError.DROP, class_weights="balanced")
    metadata = train(replace(config, epochs=1, per_problem=2), objective, pool, tmp_path / "out", say=lines.append)
    assert any("neutral steps are learned as incorrect (--neutral incorrect)" in line for line in lines)
    assert any("steps after a first error are not learned (--after-error drop)" in line for line in lines)
    assert any(line.startswith("class weights: incorrect ") for line in lines)
    assert any("beyond --per-problem" in line for line in lines)
    card = (tmp_path / "out" / "README.md").read_text()
    for said in ("objective.neutral | incorrect", "objective.after_error | drop", "objective.class_weights | balanced"):
        assert said in card
    assert str(metadata.training["class_weights"][0]) in card


def test_patience_stops_a_run_that_gets_no_better_and_keeps_the_best_weights(config, pool, tmp_path):
    lines = []
    worse = replace(config, lr=0.3, epochs=4, evaluations=12, patience=2)  # diverges
    metadata = train(worse, PRM, pool, tmp_path / "out", say=lines.append)
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    losses = {entry["step"]: entry["eval_loss"] for entry in history[:-1] if "eval_loss" in entry}
    best = min(losses, key=losses.__getitem__)
    assert (metadata.training["best_step"], metadata.metrics["loss"]) == (best, pytest.approx(losses[best]))
    assert best < metadata.training["last_step"] < metadata.training["steps"]
    assert (
        f"{metadata.training['last_step']} of {metadata.training['steps']} steps; the weights are those of" in lines[-1]
    )
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_patience_without_anything_to_validate_is_refused_before_anything_is_written(
    config, labeled_solution, tmp_path
):
    labeled = [labeled_solution(f"p{problem}", [label], label) for problem in range(2) for label in (BAD, GOOD)]
    one_kind = [each for each in labeled if not (each.solution.problem.problem_id == "p0" and each.solution.correct)]
    objective = ORMObjective(loss=OutcomeLoss.PAIRWISE)
    seed = next(n for n in range(50) if held_out_problems(["p0", "p1"], 0.3, n) == {"p0"})
    with pytest.raises(InputError, match="--patience: the held-out problems give no validation loss"):
        train(replace(config, patience=1, validation=0.3, seed=seed), objective, one_kind, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_solutions_of_problems_that_are_all_right_or_all_wrong_are_not_compared_and_counted(config, pool, tmp_path):
    lines = []
    objective = ORMObjective(loss=OutcomeLoss.PAIRWISE)
    metadata = train(replace(config, epochs=1, evaluations=1), objective, pool, tmp_path / "out", say=lines.append)
    assert metadata.training["one_kind"] > 0
    assert metadata.training["not_compared"] > 0
    assert metadata.training["groups"] + metadata.training["one_kind"] == metadata.training["training_problems"]
    assert any(f"{metadata.training['one_kind']} problems have right or wrong solutions only" in line for line in lines)


def test_a_value_model_learns_the_rates_of_steps(config, pool, tmp_path):
    metadata = train(replace(config, epochs=5), ValueObjective(), pool, tmp_path / "value")
    assert metadata.metrics["spearman"] > 0.7
    assert metadata.metrics["mse"] < 0.06
    assert {"step_brier", "step_ece", "solution_auc"} <= set(metadata.metrics)


def test_labels_without_counts_have_no_value_to_learn(config, labeled_solution, tmp_path):
    given = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)
    labeled = [replace(labeled_solution(f"p{number}", [GOOD]), estimates=(given,)) for number in range(4)]
    with pytest.raises(InputError, match="none of 3 solutions has a step to learn from"):
        train(replace(config, validation=0.2), ValueObjective(), labeled, tmp_path / "out")


def test_losses_and_metrics_are_written_for_tensorboard_and_outlive_the_run(config, pool, tmp_path):
    train(replace(config, epochs=1), PRM, pool, tmp_path / "out", report_to="tensorboard")
    files = (tmp_path / "out" / "tensorboard").glob("**/events*")
    written = b"".join(file.read_bytes() for file in files)
    for tag in (b"train/loss", b"eval/loss", b"eval/step_ece", b"eval/f1_incorrect", b"eval/first_error_f1"):
        assert tag in written


def test_a_pool_of_one_class_is_warned_about(config, labeled_solution, tmp_path):
    lines = []
    one = [labeled_solution(f"p{index}", [GOOD]) for index in range(4)]
    train(replace(config, epochs=1), PRM, one, tmp_path / "out", say=lines.append)
    assert any(line.startswith("warning: every step of the training split is correct") for line in lines)


def test_a_base_that_reads_later_tokens_is_refused_and_nothing_is_written(config, pool, tiny_base, tmp_path):
    from transformers import BertConfig, BertForMaskedLM

    bert = BertConfig(vocab_size=400, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    BertForMaskedLM(bert).save_pretrained(tmp_path / "bert")
    AutoTokenizer.from_pretrained(tiny_base).save_pretrained(tmp_path / "bert")
    with pytest.raises(InputError, match=r"reads later tokens too \(BertForTokenClassification\)"):
        train(replace(config, base=str(tmp_path / "bert")), PRM, pool, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_reward_model_of_the_other_kind_can_be_the_base(config, pool, trained, tmp_path):
    orm = replace(config, base=str(trained[0]), epochs=1)
    assert train(orm, ORM, pool, tmp_path / "out").kind is RewardKind.ORM
    assert weights(tmp_path / "out")["score.weight"].shape[0] == 1


def test_a_tokenizer_larger_than_the_vocabulary_is_refused(config, pool, tiny_base, tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM

    small = LlamaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    LlamaForCausalLM(small).save_pretrained(tmp_path / "small")
    AutoTokenizer.from_pretrained(tiny_base).save_pretrained(tmp_path / "small")
    with pytest.raises(InputError, match="its vocabulary has 50"):
        train(replace(config, base=str(tmp_path / "small")), PRM, pool, tmp_path / "out")
