import json

import pytest
import torch

from prmkit.errors import InputError, MissingFileError, ShapeError
from prmkit.rewards.base import Aggregation
from prmkit.rewards.metadata import Pooling, RewardKind
from prmkit.rewards.packable import packing_refused
from prmkit.rewards.scorer import ClassifierReward, load_reward_model, logits_to_scores, step_logits
from prmkit.steps import TextFormat
from prmkit.training.data import make_pool


@pytest.fixture
def solutions(labeled_pool):
    return [(each.solution.problem.problem, each.solution.steps) for each in labeled_pool(6, seed=3)]


def assert_close(first, second, tolerance=1e-5):
    for one, two in zip(first, second, strict=True):
        assert one == pytest.approx(two, abs=tolerance)


@pytest.mark.parametrize("kind", ["prm", "orm"])
def test_every_step_gets_one_score_between_zero_and_one(make_reward, solutions, kind):
    scores = load_reward_model(make_reward(kind)).score_steps(solutions)
    assert [len(each) for each in scores] == [len(steps) for _, steps in solutions]
    flat = [score for each in scores for score in each]
    assert all(0 <= score <= 1 for score in flat)
    assert max(flat) - min(flat) > 0.1


@pytest.mark.parametrize("kind", ["prm", "orm"])
def test_scores_do_not_depend_on_the_batch(make_reward, solutions, kind):
    model = load_reward_model(make_reward(kind))
    together = model.score_steps(solutions)
    assert_close(together, [model.score_steps([each])[0] for each in solutions])
    assert_close(together, model.score_steps(solutions[::-1])[::-1])
    model.batch_tokens = 200
    assert_close(together, model.score_steps(solutions))


@pytest.mark.parametrize("kind", ["prm", "orm"])
def test_a_step_is_scored_without_looking_at_later_steps(make_reward, solutions, kind):
    model = load_reward_model(make_reward(kind))
    problem, steps = max(solutions, key=lambda each: len(each[1]))
    whole = model.score_steps([(problem, steps)])[0]
    prefixes = model.score_steps([(problem, steps[: end + 1]) for end in range(len(steps))])
    assert_close([whole], [[each[-1] for each in prefixes]])


def test_prompt_and_first_step_are_joined_the_same_in_training_and_scoring(make_reward, labeled_solution, tokenizer):
    from prmkit.records import StepLabel

    labeled = labeled_solution("p1", [StepLabel.CORRECT, StepLabel.INCORRECT])
    model = load_reward_model(make_reward("prm"))
    (example,) = make_pool([labeled], tokenizer, TextFormat(), max_length=256, validation=0, seed=0).training
    with torch.no_grad():
        logits = model.model(torch.tensor([example.encoded.ids])).logits[0, example.encoded.ends]
    trained_on = logits_to_scores(logits, RewardKind.PRM, 0.5)
    assert_close(model.score_steps([(labeled.solution.problem.problem, labeled.solution.steps)]), [trained_on])


def test_a_prm_score_is_the_mass_on_correct_plus_a_share_of_the_neutral():
    logits = torch.log(torch.tensor([[0.5, 0.2, 0.3], [0.1, 0.9, 1e-9]]))
    assert logits_to_scores(logits, RewardKind.PRM, 0.0) == pytest.approx([0.3, 0.0], abs=1e-6)
    assert logits_to_scores(logits, RewardKind.PRM, 0.5) == pytest.approx([0.4, 0.45], abs=1e-6)
    assert logits_to_scores(logits, RewardKind.PRM, 1.0) == pytest.approx([0.5, 0.9], abs=1e-6)


def test_an_orm_score_is_the_sigmoid_of_its_logit():
    assert logits_to_scores(torch.tensor([[0.0], [3.0]]), RewardKind.ORM, 0.5) == pytest.approx(
        [0.5, 0.95257], abs=1e-5
    )


def test_neutral_weight_and_aggregation_come_from_the_checkpoint(make_reward, solutions):
    low = load_reward_model(make_reward("prm", neutral_weight=0.0, aggregation=Aggregation.MIN))
    scores = low.score_steps(solutions[:1])[0]
    assert low.aggregation is Aggregation.MIN
    high = load_reward_model(make_reward("prm", neutral_weight=1.0, aggregation=Aggregation.MEAN))
    assert high.aggregation is Aggregation.MEAN
    assert all(one < two for one, two in zip(scores, high.score_steps(solutions[:1])[0], strict=True))


def test_dropout_is_off_and_weights_are_float32(make_reward, solutions):
    model = load_reward_model(make_reward("prm"))
    assert not model.model.training
    assert {each.dtype for each in model.model.parameters()} == {torch.float32}
    model.model.train()  # as validation finds it within training
    assert model.score_steps(solutions) == model.score_steps(solutions)


def test_a_folder_without_metadata_is_refused_in_one_line(make_reward, tmp_path):
    folder = make_reward("prm")
    (folder / "prmkit.json").unlink()
    with pytest.raises(MissingFileError, match=r"no prmkit\.json in it; a reward model is") as caught:
        load_reward_model(folder)
    assert "\n" not in str(caught.value)
    with pytest.raises(MissingFileError, match="no such folder"):
        load_reward_model(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_folder_that_lacks_a_part_says_which(make_reward, name):
    folder = make_reward("prm")
    (folder / name).unlink()
    with pytest.raises(MissingFileError, match=f"lacks .*{name.partition('.')[2]}"):
        load_reward_model(folder)


def test_weights_that_are_no_safetensors_are_an_error_of_one_line(make_reward):
    folder = make_reward("prm")
    (folder / "model.safetensors").write_bytes(b"garbage")
    with pytest.raises(MissingFileError, match="it cannot be loaded") as caught:
        load_reward_model(folder)
    assert "\n" not in str(caught.value)


def test_the_metadata_of_a_policy_is_no_reward_model(make_reward):
    folder = make_reward("prm")
    (folder / "prmkit.json").write_text(json.dumps({"text_format": TextFormat().to_json()}))
    with pytest.raises(InputError, match="field 'kind' must be one of prm, orm, value, preference, found None"):
        load_reward_model(folder)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("scored_position", "first token", "scored_position"),
        ("aggregation", "median", "median"),
        ("neutral_weight", 2, "neutral weight must be in"),
        ("text_format", {"prompt": "no place"}, "must contain {problem}"),
    ],
)
def test_metadata_that_cannot_be_used_is_refused(make_reward, field, value, message):
    file = make_reward("prm") / "prmkit.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {field: value}))
    with pytest.raises(InputError, match=message):
        load_reward_model(file.parent)


def test_a_tokenizer_that_writes_the_separator_otherwise_is_refused(make_reward):
    folder = make_reward("prm", separator_ids=(7, 8))
    with pytest.raises(InputError, match=r"the model was trained on \[7, 8\]"):
        load_reward_model(folder)


def test_a_solution_beyond_the_context_is_an_error_and_not_a_guess(make_reward):
    model = load_reward_model(make_reward("prm"))
    with pytest.raises(InputError, match="does not fit the reward model's context of 256"):
        model.score_steps([("What?", ["many words " * 200])])


def test_a_solution_without_steps_is_an_error(make_reward):
    with pytest.raises(ShapeError, match="nothing to score: 0 steps"):
        load_reward_model(make_reward("prm")).score_steps([("What?", [])])


def test_no_solutions_give_no_scores(make_reward):
    assert load_reward_model(make_reward("prm")).score_steps([]) == []


def test_a_model_that_cannot_pack_gives_the_same_scores_from_padded_rows(make_reward, solutions, monkeypatch):
    packed, padded = load_reward_model(make_reward("prm")), load_reward_model(make_reward("prm"))
    monkeypatch.setattr(padded.model, "_supports_attention_backend", False, raising=False)
    assert_close(packed.score_steps(solutions), padded.score_steps(solutions))
    assert packing_refused(packed.model, 100) is None
    assert "cannot be replaced" in packing_refused(padded.model, 100)


@torch.no_grad()
def test_pooling_by_the_mean_averages_the_tokens_of_the_solution_up_to_the_step(make_reward, solutions):
    model = load_reward_model(make_reward("prm"))
    rows = [model.encode(problem, steps) for problem, steps in solutions[:8]]
    last, mean = step_logits(model.model, rows), step_logits(model.model, rows, pooling=Pooling.MEAN)
    for row, at_last, at_mean in zip(rows, last, mean, strict=True):
        logits = model.model(torch.tensor([row.ids])).logits[0]
        averages = [logits[row.prompt_length : end + 1].mean(dim=0) for end in row.ends]
        torch.testing.assert_close(at_last, logits[row.ends], rtol=0, atol=1e-5)
        torch.testing.assert_close(at_mean, torch.stack(averages), rtol=0, atol=1e-5)
    assert (torch.cat(last) - torch.cat(mean)).abs().max() > 0.1


def test_the_pooling_of_scores_comes_from_the_checkpoint(make_reward, solutions):
    last = load_reward_model(make_reward("prm")).score_steps(solutions)
    mean = load_reward_model(make_reward("prm", pooling=Pooling.MEAN)).score_steps(solutions)
    assert max(abs(one[-1] - two[-1]) for one, two in zip(last, mean, strict=True)) > 0.1


def test_solutions_of_a_problem_share_its_prompt_within_the_token_limit(make_reward, monkeypatch):
    model = load_reward_model(make_reward("prm"))
    seen = []
    model.model.register_forward_pre_hook(lambda *call: seen.append(call[2]["input_ids"].shape), with_kwargs=True)
    solutions = [("What is it?", [f"Step {number}."]) for number in range(6)]
    alone = [len(model.encode(*each).ids) for each in solutions]
    prompt = model.encode(*solutions[0]).prompt_length
    model.score_steps(solutions)
    assert seen[-1] == (1, sum(alone) - 5 * prompt)
    model.batch_tokens = 2 * max(alone)
    seen.clear()
    model.score_steps(solutions)
    assert len(seen) > 1
    assert all(rows == 1 and tokens <= model.batch_tokens for rows, tokens in seen)


def test_a_classifier_reward_can_be_built_from_loaded_parts(make_reward, solutions):
    loaded = load_reward_model(make_reward("prm"), batch_tokens=64)
    again = ClassifierReward(loaded.model, loaded.tokenizer, loaded.metadata)
    assert (loaded.batch_tokens, again.batch_tokens) == (64, None)
    assert_close(loaded.score_steps(solutions), again.score_steps(solutions))
