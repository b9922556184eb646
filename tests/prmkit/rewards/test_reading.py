import json
import math

import numpy as np
import pytest
import torch

from prmkit.errors import InputError, MissingFileError, ShapeError
from prmkit.rewards.base import Aggregation
from prmkit.rewards.calibration import Calibration, CalibrationMethod, Normalisation
from prmkit.rewards.metadata import RewardKind, RewardMetadata
from prmkit.rewards.reading import StepReader, load_reader, logits_to_probabilities
from prmkit.rewards.scorer import load_reward_model

COOL = Calibration(method=CalibrationMethod.TEMPERATURE, parameters={"temperature": 3.0})
LOWER = Calibration(method=CalibrationMethod.PLATT, parameters={"slope": 1.0, "intercept": -1.0})
STEPPED = Calibration(method=CalibrationMethod.ISOTONIC, parameters={"scores": [0.0, 1.0], "values": [0.4, 0.6]})


@pytest.fixture
def solutions(labeled_pool):
    return [(each.solution.problem.problem, each.solution.steps) for each in labeled_pool(3, seed=3)]


def flat(lists):
    return [each for one in lists for each in one]


def test_step_probabilities_are_one_row_per_step_that_sums_to_one(make_reward, solutions):
    found = load_reward_model(make_reward("prm")).step_probabilities(solutions)
    assert [each.shape for each in found] == [(len(steps), 3) for _, steps in solutions]
    assert np.concatenate(found).sum(axis=1) == pytest.approx(1)
    model = load_reward_model(make_reward("orm"))
    found = model.step_probabilities(solutions)
    assert [each.shape for each in found] == [(len(steps), 1) for _, steps in solutions]
    assert [each[:, 0].tolist() for each in found] == model.score_steps(solutions)


def test_scores_are_made_of_the_step_probabilities_and_nothing_else(make_reward, solutions):
    model = load_reward_model(make_reward("prm", neutral_weight=0.25))
    for row, scores in zip(model.step_probabilities(solutions), model.score_steps(solutions), strict=True):
        assert scores == pytest.approx((row[:, 2] + 0.25 * row[:, 1]).tolist())


def test_the_neutral_weight_that_is_asked_for_is_the_one_that_is_used(make_reward, solutions):
    folder = make_reward("prm", neutral_weight=0.5)
    low, own, high = (
        flat(load_reward_model(folder, **options).score_steps(solutions))
        for options in ({"neutral_weight": 0.0}, {}, {"neutral_weight": 1.0})
    )
    assert all(one < two < three for one, two, three in zip(low, own, high, strict=True))


def test_an_aggregation_asked_for_is_not_ignored_in_favour_of_the_last_step(make_reward, solutions):
    folder = make_reward("prm", aggregation=Aggregation.MIN)
    scores = [0.9, 0.2, 0.6]
    assert load_reward_model(folder).solution_score(scores) == 0.2
    found = {how: load_reward_model(folder, aggregation=how).solution_score(scores) for how in Aggregation}
    assert found == pytest.approx(
        {"last": 0.6, "min": 0.2, "product": 0.108, "mean": 1.7 / 3, "weighted": 3.1 / 6, "max": 0.9}
    )


def test_the_default_aggregation_is_the_checkpoints_and_no_constant_of_the_code(make_reward):
    for how in Aggregation:
        model = load_reward_model(make_reward("prm", aggregation=how))
        assert model.aggregation is how
        assert model.solution_score([0.9, 0.2, 0.6]) == load_reward_model(
            make_reward("orm"), aggregation=how
        ).solution_score([0.9, 0.2, 0.6])


def test_the_threshold_is_the_checkpoints_unless_another_is_asked_for(make_reward):
    folder = make_reward("prm", threshold=0.3)
    assert load_reward_model(folder).threshold == 0.3
    assert load_reward_model(folder, threshold=0.7).threshold == 0.7
    with pytest.raises(InputError, match=r"the threshold must be in \[0, 1\], got 2"):
        load_reward_model(folder, threshold=2)


def test_a_stored_temperature_softens_probabilities_unless_it_is_switched_off(make_reward, solutions):
    folder = make_reward("prm", step_calibration=COOL)
    soft = np.concatenate(load_reward_model(folder).step_probabilities(solutions))
    plain = np.concatenate(load_reward_model(folder, calibrated=False).step_probabilities(solutions))
    assert (soft.max(axis=1) < plain.max(axis=1)).all()
    logits = torch.log(torch.tensor([[0.8, 0.1, 0.1]]))
    assert logits_to_probabilities(logits, RewardKind.PRM, 3.0)[0] == pytest.approx(
        np.array([2, 1, 1]) / 4, abs=1e-6
    )  # 8 ** (1 / 3) = 2


def test_a_calibration_of_steps_maps_every_step_score_and_what_is_made_of_them(make_reward, solutions):
    folder = make_reward("prm", step_calibration=STEPPED, aggregation=Aggregation.MIN)
    model, plain = load_reward_model(folder), load_reward_model(folder, calibrated=False)
    for mapped, scores in zip(model.score_steps(solutions), plain.score_steps(solutions), strict=True):
        assert mapped == pytest.approx([0.4 + 0.2 * each for each in scores])
    assert model.rewards(solutions) == pytest.approx([0.4 + 0.2 * each for each in plain.rewards(solutions)])


def test_a_calibration_of_solutions_maps_the_aggregate_and_leaves_the_steps(make_reward, solutions):
    folder = make_reward("prm", solution_calibration=LOWER)
    model, plain = load_reward_model(folder), load_reward_model(folder, calibrated=False)
    assert model.score_steps(solutions) == plain.score_steps(solutions)
    odds = math.log(0.6 / 0.4) - 1
    assert model.solution_score([0.9, 0.6]) == pytest.approx(1 / (1 + math.exp(-odds)))
    assert plain.solution_score([0.9, 0.6]) == 0.6


def test_normalised_rewards_use_the_stored_mean_and_spread(make_reward, solutions):
    folder = make_reward("prm", normalisation=Normalisation(mean=0.5, std=0.1, solutions=10))
    model = load_reward_model(folder)
    plain = model.rewards(solutions)
    assert plain == [model.solution_score(each) for each in model.score_steps(solutions)]
    assert model.rewards(solutions, normalised=True) == pytest.approx([(each - 0.5) / 0.1 for each in plain])
    for other in ({"aggregation": Aggregation.MAX}, {"neutral_weight": 1.0}, {"calibrated": False}):
        with pytest.raises(InputError, match="run `prmkit calibrate --normalise`"):
            load_reward_model(folder, **other).rewards(solutions, normalised=True)


def test_a_preference_models_reward_is_its_logit_without_bounds(make_reward, solutions):
    model = load_reward_model(make_reward("preference"))
    logits = [float(each[-1, 0]) for each in model.step_logits(solutions)]
    assert model.rewards(solutions) == pytest.approx(logits)
    assert min(logits) < 0 or max(logits) > 1
    with pytest.raises(InputError, match="their product means nothing"):
        load_reward_model(make_reward("preference"), aggregation=Aggregation.PRODUCT).rewards(solutions)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ({"step_calibration": LOWER}, {"neutral_weight": 0.1}),
        ({"solution_calibration": LOWER}, {"neutral_weight": 0.1}),
        ({"solution_calibration": STEPPED}, {"aggregation": Aggregation.MAX}),
    ],
)
def test_options_that_a_stored_calibration_was_not_fitted_to_are_refused(make_reward, stored, asked):
    folder = make_reward("prm", **stored)
    with pytest.raises(InputError, match=r"was fitted with .*--calibration none"):
        load_reward_model(folder, **asked)
    load_reward_model(folder, calibrated=False, **asked)
    load_reward_model(folder, **{name: getattr(RewardMetadata.read(folder), name) for name in asked})  # its own


def test_a_temperature_does_not_mind_other_weights_and_aggregations(make_reward):
    folder = make_reward("prm", step_calibration=COOL)
    assert load_reward_model(folder, neutral_weight=0.0, aggregation=Aggregation.MAX).metadata.neutral_weight == 0.0


def test_a_neutral_weight_for_a_model_without_neutral_class_is_refused(make_reward):
    with pytest.raises(InputError, match="this model is of the kind orm"):
        load_reward_model(make_reward("orm"), neutral_weight=0.1)


def test_a_trailing_empty_step_after_a_final_blank_line_is_not_scored(make_reward):
    model = load_reward_model(make_reward("prm"))
    with pytest.raises(ShapeError, match="step 1 of 2 is blank"):
        model.score_steps([("What?", ["All of it.", " \n"])])


def test_logits_from_elsewhere_are_read_as_the_model_reads_its_own(make_reward, solutions):
    folder = make_reward("prm", step_calibration=COOL, aggregation=Aggregation.MEAN)
    model, reader = load_reward_model(folder), load_reader(folder)
    rows = [reader.encode(*each) for each in solutions]
    assert rows == [model.encode(*each) for each in solutions]
    with torch.no_grad():
        raw = [model.model(torch.tensor([row.ids])).logits[0, row.ends] for row in rows]
    for logits, scores in zip(raw, model.score_steps(solutions), strict=True):
        assert reader.scores(reader.probabilities(logits)) == pytest.approx(scores, abs=1e-5)
    with pytest.raises(NotImplementedError, match="computes none"):
        reader.score_steps(solutions)
    with pytest.raises(MissingFileError, match="no such folder"):
        load_reader(folder / "nowhere")


def test_a_reader_without_a_context_takes_any_length(make_reward):
    model = load_reward_model(make_reward("prm"))
    long = ("What?", ["many words " * 200])
    assert len(StepReader(model.tokenizer, model.metadata).encode(*long).ids) > 256
    with pytest.raises(InputError, match="context of 100"):
        StepReader(model.tokenizer, model.metadata, context=100).encode(*long)


def test_everything_about_scoring_survives_the_checkpoint(make_reward, tmp_path):
    fields = {
        "threshold": 0.4,
        "step_calibration": STEPPED,
        "solution_calibration": LOWER,
        "normalisation": Normalisation(mean=0.1, std=0.2, solutions=5),
    }
    folder = make_reward("prm", **fields)
    metadata = RewardMetadata.read(folder)
    assert {name: getattr(metadata, name) for name in fields} == fields
    metadata.write(tmp_path)
    assert json.loads((tmp_path / "prmkit.json").read_text()) == json.loads((folder / "prmkit.json").read_text())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("threshold", -1, "the threshold must be in"),
        ("step_calibration", {"method": "guess", "parameters": {}}, "guess"),
        ("solution_calibration", {"method": "platt", "parameters": {}}, "needs intercept, slope"),
        ("normalisation", {"mean": 0.0, "std": 0.0, "solutions": 3}, "cannot be normalised"),
        ("normalisation", {"mean": 0.0}, "missing"),
    ],
)
def test_stored_calibrations_that_cannot_be_used_are_refused(make_reward, field, value, message):
    file = make_reward("prm") / "prmkit.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {field: value}))
    with pytest.raises(InputError, match=message):
        RewardMetadata.read(file.parent)
