"""Scores for evaluation."""

import math
from collections.abc import Sequence

import pytest

from prmkit.errors import ShapeError
from prmkit.evaluation.scoring import CHUNK, response_rewards, score_judged, score_texts
from prmkit.rewards.base import Aggregation, RewardModel
from prmkit.rewards.scorer import load_reward_model
from prmkit.steps import TextFormat

from .judged_solutions import judged


class Broken(RewardModel):
    """Returns what it is told."""

    aggregation = Aggregation.LAST
    threshold = 0.5

    def __init__(self, *scores: list[float]) -> None:
        self.scores = list(scores)

    def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        return self.scores


def test_solutions_beyond_the_context_are_told_apart_and_the_others_scored_as_alone(make_reward) -> None:
    model = load_reward_model(make_reward("prm"), "cpu")
    short, long = ("Why?", ["Because.", "So."]), ("Why?", ["word " * 400])
    done: list[int] = []
    found = score_texts(model, [short, long, long, ("Who?", ["You."]), long], done.append)
    assert [each is None for each in found] == [False, True, True, False, True] and sum(done) == 5
    assert found[0] == pytest.approx(model.score_steps([short])[0], abs=1e-5)


def test_judged_solutions_get_scores_and_the_checkpoints_aggregate(make_reward) -> None:
    model = load_reward_model(make_reward("prm", aggregation=Aggregation.MIN), "cpu")
    fits, not_ = judged("nw", [0, 0]).judged, judged("n", [0], "word " * 400).judged
    scored, left_out = score_judged(model, [fits, not_])
    assert [each.judged for each in scored] == [fits] and left_out == [not_]
    assert scored[0].score == min(scored[0].step_scores)


def test_scores_of_the_wrong_number_are_an_error_not_zeros() -> None:
    with pytest.raises(ShapeError, match="1 scores for a solution of 2 steps"):
        score_texts(Broken([0.5]), [("Why?", ["a", "b"])])
    with pytest.raises(ShapeError, match="scores of 1 solutions, it was given 2"):
        score_texts(Broken([0.5]), [("Why?", ["a"]), ("Who?", ["a"])])
    with pytest.raises(ShapeError, match="not numbers"):
        score_judged(Broken([float("nan")]), [judged("n", [0]).judged])


def test_every_chunk_is_reported() -> None:
    done: list[int] = []
    score_texts(Broken(*[[0.5]] * CHUNK), [("Why?", ["a"])] * (2 * CHUNK), done.append)
    assert done == [CHUNK, CHUNK]


@pytest.mark.parametrize("kind", ["preference", "orm", "value"])
def test_the_reward_of_a_response_is_the_logit_of_a_head_read_at_its_last_step(make_reward, kind) -> None:
    model = load_reward_model(make_reward(kind), "cpu")
    first, cut, long = response_rewards(
        model, [("Why?", "Because.\n\nSo."), ("Why?", "Because."), ("Why?", "a " * 400)]
    )
    logits = model.step_logits([("Why?", ["Because.", "So."])])[0][:, 0].tolist()
    assert [cut, first] == pytest.approx(logits, abs=1e-5)
    assert long is None


def test_the_reward_of_any_other_model_is_the_log_odds_of_its_score_and_stays_finite() -> None:
    rewards = response_rewards(Broken([0.2, 0.75], [1.0], [0.0]), [("Why?", "a\n\nb"), ("Why?", "a"), ("Why?", "a")])
    assert rewards == pytest.approx([math.log(3), 27.631, -27.631], abs=1e-3)


def test_responses_are_cut_at_the_models_own_separator(make_reward, tokenizer) -> None:
    ids = tuple(tokenizer("\n", add_special_tokens=False)["input_ids"])
    model = load_reward_model(make_reward("orm", text_format=TextFormat(separator="\n"), separator_ids=ids), "cpu")
    (reward,) = response_rewards(model, [("Why?", "a\nb")])
    assert reward == pytest.approx(float(model.step_logits([("Why?", ["a", "b"])])[0][-1, 0]), abs=1e-5)
