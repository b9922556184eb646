"""Stress cases under models whose faults are known."""

import math
from collections.abc import Sequence

import pytest

from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import InputError, TooLongError
from prmkit.evaluation.stress import StressCase, stress_figures, stress_variants
from prmkit.evaluation.variants import LONG, PADDINGS, Demand
from prmkit.rewards.base import Aggregation, RewardModel
from prmkit.rewards.simulated import OracleReward, Verdict

NAN = float("nan")
CASES = [
    StressCase(name=str(index), problem=story.text, steps=tuple(story.steps()))
    for index, story in enumerate(make_stories(12, 0, LEVELS["default"]))
]


class ByLength(RewardModel):
    """Likes many steps, and has room for so many."""

    threshold = 0.5

    def __init__(self, aggregation: Aggregation = Aggregation.LAST, room: int = 10_000) -> None:
        self.aggregation = aggregation
        self.room = room

    def score_steps(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        if any(len(steps) > self.room for _, steps in solutions):
            raise TooLongError("too long")
        return [[(index + 1) / 1000 for index in range(len(steps))] for _, steps in solutions]


def verdicts(model: RewardModel, **options) -> dict[str, bool | None]:
    figures = stress_figures(stress_variants(model, CASES), len(CASES), **options)
    return {name: each.passed for name, each in figures.items()}


def test_the_oracle_passes_all_but_what_is_true_step_by_step() -> None:
    """It judges each step by itself: a right answer alone and steps in another order hold nothing false."""
    failed = {name for name, passed in verdicts(OracleReward()).items() if not passed}
    assert failed == {"answer_only", "shuffled"}


def test_a_constant_model_passes_nothing_that_must_score_lower_and_all_that_must_not_gain() -> None:
    figures = stress_figures(stress_variants(OracleReward(Verdict.CONSTANT), CASES), len(CASES))
    assert {name for name, each in figures.items() if each.passed} == {"deleted", "repeated", LONG}
    assert all(each.passed == (each.demand is Demand.NOT_LOWER) for each in figures.values())


def test_an_inverted_model_prefers_wrong_numbers() -> None:
    inverted = stress_figures(
        stress_variants(OracleReward(Verdict.INVERTED, aggregation=Aggregation.MAX), CASES), len(CASES)
    )["wrong"]
    assert inverted.held is not None and inverted.held.value == 0.0 and inverted.passed is False
    assert inverted.original is not None and inverted.score is not None
    assert (inverted.original.value, inverted.score.value) == (0.0, 1.0)


def test_a_model_that_likes_length_falls_for_padding_beyond_the_margin() -> None:
    assert verdicts(ByLength())[LONG] is False and verdicts(ByLength())["answer_only"] is True
    assert verdicts(ByLength(), margin=0.1)[LONG] is True


def test_a_solutions_score_follows_the_models_aggregation_never_a_constant_of_the_code() -> None:
    assert verdicts(ByLength(Aggregation.MIN))["answer_only"] is False
    assert verdicts(ByLength(Aggregation.MAX))["answer_only"] is True


def test_very_long_solutions_are_as_long_as_the_context_allows_and_what_does_not_fit_is_counted() -> None:
    longest = max(len(each.steps) for each in CASES)
    scored = stress_variants(ByLength(room=longest + PADDINGS[-2]), CASES)
    added = {len(each.steps) - len(each.case.steps) for each in scored if each.variant == LONG}
    assert PADDINGS[-2] in added and max(added) <= PADDINGS[-2] + longest
    figures = stress_figures(stress_variants(ByLength(room=longest), CASES), len(CASES))
    assert figures[LONG].left_out > 0 and figures["repeated"].left_out > 0 and figures["answer_only"].left_out == 0
    assert stress_variants(ByLength(room=0), CASES) == []
    assert all(each.passed is None for each in stress_figures([], len(CASES)).values())


def test_the_share_decides_the_verdict_and_both_bounds_are_checked() -> None:
    noisy = OracleReward(noise=0.05, aggregation=Aggregation.MEAN)
    held = stress_figures(stress_variants(noisy, CASES), len(CASES))["wrong"].held
    assert held is not None and 0 < held.low < held.value < 1
    assert verdicts(noisy, share=held.value)["wrong"] is True
    assert verdicts(noisy, share=held.value + 0.01)["wrong"] is False
    shares, margins = (0.0, 1.1, NAN), (-0.1, NAN, math.inf)
    for options in [*({"share": each} for each in shares), *({"margin": each} for each in margins)]:
        with pytest.raises(InputError, match="need a share"):
            verdicts(noisy, **options)


def test_another_seed_spoils_other_steps() -> None:
    first, again, other = (stress_variants(ByLength(), CASES, seed=seed) for seed in (0, 0, 1))
    assert first == again and first != other
