"""The reward model that knows the truth, and its spoilt versions."""

import numpy as np
import pytest

from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import InputError
from prmkit.rewards.base import Aggregation
from prmkit.rewards.simulated import OracleReward, Verdict

STORY = next(iter(make_stories(1, 0, LEVELS["default"])))
STEPS = STORY.steps()
WRONG = [*STEPS[:-1], "The answer is 0."]


def test_a_wrong_step_scores_0_and_the_solution_with_it() -> None:
    model = OracleReward()
    right, wrong = model.score_steps([(STORY.text, STEPS), (STORY.text, WRONG)])
    assert right == [1.0] * len(STEPS) and wrong == [*[1.0] * (len(STEPS) - 1), 0.0]
    assert model.solution_score(right) == 1.0 and model.solution_score(wrong) == 0.0
    assert OracleReward(aggregation=Aggregation.MEAN).solution_score(wrong) == pytest.approx(1 - 1 / len(STEPS))


def test_inverted_and_constant_models_say_the_opposite_and_nothing() -> None:
    assert OracleReward(Verdict.INVERTED).score_steps([(STORY.text, WRONG)])[0] == [*[0.0] * (len(STEPS) - 1), 1.0]
    assert OracleReward(Verdict.CONSTANT).score_steps([("any problem", ["a", "b"])]) == [[0.5, 0.5]]


def test_a_repeated_step_scores_what_unneeded_steps_do() -> None:
    assert OracleReward(unneeded=0.25).score_steps([(STORY.text, [STEPS[0], STEPS[0]])]) == [[1.0, 0.25]]


def test_noise_turns_its_share_of_the_steps_the_same_ones_each_time() -> None:
    stories = [(each.text, each.steps()) for each in make_stories(150, 1, LEVELS["default"])]
    scores = OracleReward(noise=0.2).score_steps(stories)
    assert np.mean([score == 0.0 for each in scores for score in each]) == pytest.approx(0.2, abs=0.05)
    assert OracleReward(noise=0.2).score_steps(stories[::-1]) == scores[::-1]
    assert OracleReward(noise=0.2, seed=1).score_steps(stories) != scores
    assert OracleReward(noise=1.0).score_steps(stories) == OracleReward(Verdict.INVERTED).score_steps(stories)


def test_a_steps_score_depends_on_the_steps_up_to_it_only() -> None:
    model = OracleReward(noise=0.5)
    (whole,) = model.score_steps([(STORY.text, STEPS)])
    prefixes = model.score_steps([(STORY.text, STEPS[: end + 1]) for end in range(len(STEPS))])
    assert [each[-1] for each in prefixes] == whole


def test_other_problems_and_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="arithmetic stories only"):
        OracleReward().score_steps([("What is 1 + 1?", ["2"])])
    with pytest.raises(InputError, match="must be in"):
        OracleReward(noise=1.5)
    with pytest.raises(InputError, match="must be in"):
        OracleReward(unneeded=-1.0)
