import math
from dataclasses import replace

import numpy as np
import pytest

from prmkit.errors import InputError, TooLongError
from prmkit.rewards.base import Aggregation, RewardModel
from prmkit.rewards.calibration import Normalisation
from prmkit.rewards.ensemble import EnsembleReward
from prmkit.rewards.judge import JudgeReward
from prmkit.rewards.metadata import RewardMetadata
from prmkit.rewards.rl import Credit, RewardTerms, RlReward, credit_steps, length_penalty, repetition_penalty
from prmkit.rewards.scorer import load_reward_model

PROBLEM = "Problem p1: what is it?"
TEXT = "Step 0 of p1 is fine.\n\nStep 1 of p1 is wrong.\n\nThe answer is \\boxed{1}."
STEPS = TEXT.split("\n\n")


@pytest.fixture
def model(make_reward):
    return load_reward_model(make_reward("prm", aggregation=Aggregation.MEAN))


@pytest.fixture
def scores(model):
    return model.score_steps([(PROBLEM, STEPS)])[0]


def only(**terms):
    return RewardTerms(**({"process": 0.0} | terms))


def one(reward, text=TEXT, answer=None, length=None):
    return reward.rewards([(PROBLEM, text, answer)], None if length is None else [length])[0]


def test_the_process_reward_is_the_models_score_of_the_solution(model, scores):
    reward = one(RlReward(model))
    assert reward.total == pytest.approx(np.mean(scores), abs=1e-6)
    assert reward.step_rewards == (0.0, 0.0, reward.total) and reward.parts["unscored"] == 0


def test_the_sum_form_gives_every_step_its_own_score(model, scores):
    reward = one(RlReward(model, RewardTerms(credit=Credit.SUM)))
    assert reward.step_rewards == pytest.approx(scores, abs=1e-6)
    assert reward.total == pytest.approx(sum(scores), abs=1e-6)


def test_the_min_form_is_about_the_lowest_score_and_the_temperature_says_how_near(model, scores):
    near, far = (one(RlReward(model, RewardTerms(credit=Credit.MIN, temperature=each))) for each in (0.001, 1.0))
    assert near.total == pytest.approx(min(scores), abs=1e-3)
    assert min(scores) + 1e-3 < far.total <= max(scores)
    weights = np.exp(-np.array(scores)) / np.exp(-np.array(scores)).sum()
    assert far.step_rewards == pytest.approx(weights * scores, abs=1e-6)


def test_a_good_step_pays_for_a_bad_one_in_the_sum_and_not_in_the_min_form():
    bad, padded = [0.1, 0.9], [0.1, 0.9, 0.9, 0.9]
    assert sum(credit_steps(padded, Credit.SUM)) > 2 * sum(credit_steps(bad, Credit.SUM))
    assert sum(credit_steps(padded, Credit.MIN)) == pytest.approx(sum(credit_steps(bad, Credit.MIN)), abs=2e-3)
    assert credit_steps([], Credit.MIN) == [] and credit_steps([-400.0, 400.0], Credit.MIN) == [-400.0, 0.0]


@pytest.mark.parametrize(
    ("text", "gold", "expected"),
    [(TEXT, "1", 1.0), (TEXT, "2", 0.0), ("So \\boxed{\\frac{1}{2}}", "0.5", 1.0), ("No answer", "1", 0.0)],
)
def test_the_rule_pays_for_a_right_answer_by_the_one_grader(text, gold, expected):
    reward = one(RlReward(terms=only(answer=2.0)), text, gold)
    assert (reward.parts, reward.total) == ({"answer": expected}, 2 * expected)


def test_the_length_penalty_begins_after_the_free_tokens_and_ends_at_the_most():
    assert [length_penalty(each, 10, 20) for each in (0, 10, 15, 20, 99)] == [0, 0, 0.5, 1, 1]
    reward = RlReward(terms=only(length=0.5, free_tokens=10, most_tokens=20))
    assert [one(reward, length=each).total for each in (10, 15, 30)] == [0, -0.25, -0.5]


def test_tokens_are_counted_with_the_tokenizer_where_the_trainer_does_not_say(tokenizer):
    terms = only(length=1.0, free_tokens=0, most_tokens=1000)
    count = len(tokenizer(TEXT)["input_ids"])
    assert one(RlReward(terms=terms, tokenizer=tokenizer)).parts == {"length": count / 1000}
    with pytest.raises(InputError, match="needs the policy's tokenizer"):
        one(RlReward(terms=terms))


def test_the_repetition_penalty_is_the_share_of_ngrams_that_were_there_before():
    assert repetition_penalty("a b c d", 2) == 0.0
    assert repetition_penalty("a b a b a b", 2) == pytest.approx(3 / 5)
    assert repetition_penalty("a b a b a b", 4) == pytest.approx(1 / 3)
    assert repetition_penalty("a b", 4) == 0.0
    text = "again and " * 20
    assert one(RlReward(terms=only(repetition=0.3)), text).total == pytest.approx(-0.3 * (1 - 2 / 37))


def test_the_total_is_the_weighted_sum_of_the_parts_and_every_term_can_be_switched(model):
    terms = RewardTerms(process=0.5, answer=2.0, length=0.3, repetition=0.1, free_tokens=0, most_tokens=100, ngram=2)
    whole = one(RlReward(model, terms), answer="1", length=50)
    parts = whole.parts
    assert parts["answer"] == 1 and parts["length"] == 0.5 and parts["repetition"] > 0
    assert whole.total == pytest.approx(
        0.5 * parts["process"] + 2.0 * parts["answer"] - 0.3 * parts["length"] - 0.1 * parts["repetition"]
    )
    for name in ("process", "answer", "length", "repetition"):
        without = one(RlReward(model, replace(terms, **{name: 0.0})), answer="1", length=50)
        assert name not in without.parts and without.total != pytest.approx(whole.total, abs=1e-4)


def test_normalised_rewards_use_the_mean_and_spread_stored_with_the_model(make_reward):
    folder = make_reward("prm", aggregation=Aggregation.MIN)
    with pytest.raises(InputError, match="cannot be normalised: run `prmkit calibrate --normalise`"):
        RlReward(load_reward_model(folder), RewardTerms(normalised=True))
    replace(RewardMetadata.read(folder), normalisation=Normalisation(mean=0.4, std=0.1, solutions=9)).write(folder)
    model = load_reward_model(folder)
    plain, normal = (one(RlReward(model, RewardTerms(normalised=each))).total for each in (False, True))
    assert normal == pytest.approx((plain - 0.4) / 0.1)
    assert one(RlReward(model, RewardTerms(normalised=True)), "").total == pytest.approx(-4.0)


@pytest.mark.parametrize("credit", Credit)
def test_a_completion_that_cannot_be_read_gets_the_lowest_reward_and_is_counted(model, credit):
    reward = RlReward(model, RewardTerms(credit=credit))
    found = reward.rewards([(PROBLEM, text, None) for text in ("", " \n\n", "many words " * 300, TEXT)])
    assert [each.parts["unscored"] for each in found] == [1, 1, 1, 0]
    assert [each.total for each in found[:3]] == [0, 0, 0] and found[3].total > 0
    assert found[3].total == pytest.approx(one(reward).total, abs=1e-6)  # the others do not change it


def test_a_preference_model_has_no_lowest_reward(make_reward):
    reward = RlReward(load_reward_model(make_reward("preference")))
    assert math.isfinite(one(reward).total)
    with pytest.raises(InputError, match="know no lowest one; limit the length of completions"):
        one(reward, "")


@pytest.mark.parametrize("credit", Credit)
def test_rewards_of_tokens_fall_on_the_ends_of_steps_and_sum_to_the_total(model, scores, tokenizer, credit):
    terms = RewardTerms(process=2.0, credit=credit, answer=1.0, repetition=0.5, ngram=1)
    ids = [*tokenizer(TEXT)["input_ids"], tokenizer.eos_token_id]
    reward = RlReward(model, terms, tokenizer=tokenizer)
    whole = one(reward, answer="1", length=len(ids))
    (dense,) = reward.token_rewards([(PROBLEM, ids, "1")])
    assert len(dense) == len(ids) and sum(dense) == pytest.approx(whole.total)
    places = [index for index, each in enumerate(dense) if each]
    assert places[-1] == len(ids) - 1
    if credit is not Credit.SCORE:
        for place, step in zip(places[:2], STEPS, strict=False):  # the token with which the separator is complete
            before, after = (str(tokenizer.decode(ids[:end], skip_special_tokens=True)) for end in (place, place + 1))
            assert f"{step}\n\n" in after and f"{step}\n\n" not in before
        expected = credit_steps(scores, credit, terms.temperature)
        assert [dense[place] for place in places[:2]] == pytest.approx([2 * each for each in expected[:2]], abs=1e-6)


def test_tokens_of_an_unreadable_completion_get_what_it_gets_as_a_whole(model, tokenizer):
    reward = RlReward(model, RewardTerms(credit=Credit.SUM, answer=1.0), tokenizer=tokenizer)
    assert reward.token_rewards([(PROBLEM, [tokenizer.eos_token_id], "1")]) == [[0.0]]
    long = tokenizer("many words " * 300 + "\\boxed{1}")["input_ids"]
    assert reward.token_rewards([(PROBLEM, long, "1")]) == [[*[0.0] * (len(long) - 1), 1.0]]
    with pytest.raises(InputError, match="and a token in every completion"):
        reward.token_rewards([(PROBLEM, [], "1")])


def test_the_separator_is_the_models_own_or_the_one_that_is_given(model):
    assert RlReward(model).separator == "\n\n"
    lines = RlReward(model, RewardTerms(credit=Credit.SUM), separator="\n")
    assert len(one(lines, TEXT.replace("\n\n", "\n")).step_rewards) == 3


def test_an_ensemble_and_a_judge_reward_as_any_model_does(model, make_reward):
    both = EnsembleReward([model, load_reward_model(make_reward("orm", aggregation=Aggregation.MEAN))])
    found = RlReward(both).rewards([(PROBLEM, TEXT, None), (PROBLEM, "many words " * 300, None)])
    expected = both.solution_score(both.score_steps([(PROBLEM, STEPS)])[0])
    assert [each.total for each in found] == pytest.approx([expected, 0.0], abs=1e-6)

    class Fixed(JudgeReward):
        def score_steps(self, solutions):
            return [[1.0, *[0.0] * (len(steps) - 1)] for _, steps in solutions]

    judge = object.__new__(Fixed)
    judge.aggregation = Aggregation.MEAN
    assert one(RlReward(judge)).total == pytest.approx(1 / 3)


class Short(RewardModel):
    """Says only when it is asked that a solution does not fit, as a judge does."""

    aggregation, threshold = Aggregation.MIN, 0.5

    def score_steps(self, solutions):
        if any(len(steps) > 2 for _, steps in solutions):
            raise TooLongError("it does not fit")
        return [[len(step) / 100 for step in steps] for _, steps in solutions]


@pytest.mark.parametrize(("credit", "first"), [(Credit.SCORE, 0.01), (Credit.SUM, 0.04)])
def test_a_completion_too_long_for_any_kind_of_model_is_unscored_and_the_others_are_not(credit, first):
    texts = ["a\n\nbbb", "a\n\nb\n\nc", "", "dd", "e\n\nf\n\ng"]
    for model, terms in [(Short(), RewardTerms(credit=credit)), (EnsembleReward([Short()] * 2), RewardTerms())]:
        found = RlReward(model, terms).rewards([(PROBLEM, each, None) for each in texts])
        assert [each.parts["unscored"] for each in found] == [0, 1, 1, 0, 1]
        expected = first if terms.credit is credit else 0.01
        assert [each.total for each in found] == pytest.approx([expected, 0, 0, 0.02, 0])


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"process": 0.0}, "one of them above"),
        ({"answer": -1.0}, "at least 0"),
        *(({name: math.nan}, "at least 0 and finite") for name in ("process", "answer", "length", "repetition")),
        ({"process": math.inf}, "at least 0 and finite"),
        ({"temperature": 0.0}, "temperature > 0"),
        ({"temperature": math.nan}, "finite temperature > 0"),
        ({"temperature": math.inf}, "finite temperature > 0"),
        ({"ngram": 0}, "ngram >= 1"),
        ({"free_tokens": 9, "most_tokens": 9}, "free_tokens < most_tokens"),
        ({"normalised": True, "credit": Credit.MIN}, "only scores of solutions can be normalised"),
    ],
)
def test_terms_that_cannot_be_used_are_refused(terms, message):
    with pytest.raises(InputError, match=message):
        RewardTerms(**terms)


def test_what_a_term_needs_must_be_there(model):
    with pytest.raises(InputError, match="needs a reward model"):
        RlReward()
    with pytest.raises(InputError, match="needs the reference answer of every problem"):
        one(RlReward(terms=only(answer=1.0)))
