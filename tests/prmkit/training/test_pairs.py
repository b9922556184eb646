import math

import pytest
import torch

from prmkit.errors import ShapeError
from prmkit.training.groups import Group, Ranking, split_group
from prmkit.training.pairs import Comparison, collate_rankings, comparison_loss, listwise_loss, pairwise_loss


def log_sigmoid(x):
    return -math.log1p(math.exp(-x))


def group(*rankings, rows=None, weight=1.0):
    size = 1 + max(item for ranking in rankings for item in ranking.items)
    return Group(tuple(range(rows or size)), tuple(rankings), weight)


def loss_of(how, scores, *groups, **options):
    scores_n = torch.tensor(scores, requires_grad=True)
    loss = comparison_loss(how, scores_n, collate_rankings(groups), **options)
    (gradient,) = torch.autograd.grad(loss, scores_n)
    return float(loss.detach()), gradient.tolist()


def pairwise(scores, *groups, **options):
    return loss_of(Comparison.PAIRWISE, scores, *groups, **options)


def listwise(scores, *groups, **options):
    return loss_of(Comparison.LISTWISE, scores, *groups, **options)


PAIR = Ranking((0, 1), (0, 1))
TIE = Ranking((0, 1), (3, 3))


def test_a_pair_costs_the_negative_log_of_the_chance_that_the_better_one_wins():
    loss, gradient = pairwise([2.0, 0.5], group(PAIR))
    assert loss == pytest.approx(-log_sigmoid(1.5), abs=1e-6)
    lost = 1 - 1 / (1 + math.exp(-1.5))
    assert gradient == pytest.approx([-lost, lost], abs=1e-6)


def test_a_margin_is_taken_from_the_difference_as_in_llama_2():
    loss, gradient = pairwise([2.0, 0.5], group(Ranking((0, 1), (0, 1), margin=3.0)))
    assert loss == pytest.approx(-log_sigmoid(1.5 - 3.0), abs=1e-6)
    lost = 1 - 1 / (1 + math.exp(1.5))
    assert gradient == pytest.approx([-lost, lost], abs=1e-6)


def test_a_tie_has_target_one_half_and_no_margin():
    for margin in (0.0, 3.0):
        loss, gradient = pairwise([2.0, 0.5], group(Ranking((0, 1), (3, 3), margin=margin)))
        assert loss == pytest.approx(-0.5 * (log_sigmoid(1.5) + log_sigmoid(-1.5)), abs=1e-6)
        pull = 1 / (1 + math.exp(-1.5)) - 0.5
        assert gradient == pytest.approx([pull, -pull], abs=1e-6)
    assert pairwise([0.7, 0.7], group(TIE))[1] == [0.0, 0.0]


def test_a_ranking_of_three_is_all_its_pairs():
    loss, _ = pairwise([1.0, 3.0, 0.0], group(Ranking((0, 1, 2), (1, 2, 5))))
    wanted = [log_sigmoid(1.0 - 3.0), log_sigmoid(1.0 - 0.0), log_sigmoid(3.0 - 0.0)]
    assert loss == pytest.approx(-sum(wanted) / 3, abs=1e-6)


def test_responses_of_unknown_order_lose_to_the_ranked_ones_and_are_not_compared_with_each_other():
    loss, gradient = pairwise([1.0, 3.0, 0.0], group(Ranking((0, 1, 2), (None, 0, None))))
    assert loss == pytest.approx(-(log_sigmoid(2.0) + log_sigmoid(3.0)) / 2, abs=1e-6)
    (only,) = pairwise([1.0, 3.0], group(Ranking((0, 1), (None, 0))))[1][:1]
    assert gradient[0] == pytest.approx(only / 2, abs=1e-6)


def test_prompts_weigh_alike_however_many_pairs_they_have():
    three, one = group(Ranking((0, 1, 2), (0, 1, 2))), group(PAIR)
    scores = [0.0, 0.0, 0.0, 0.0, 5.0]
    first, second = math.log(2), -log_sigmoid(-5.0)
    assert pairwise(scores, three, one)[0] == pytest.approx((first + second) / 2, abs=1e-6)
    assert pairwise(scores, three, one, balanced=False)[0] == pytest.approx((3 * first + second) / 4, abs=1e-6)
    places = (math.log(3) + math.log(2)) / 2
    assert listwise(scores, three, one)[0] == pytest.approx((places + second) / 2, abs=1e-6)
    unbalanced = (math.log(3) + math.log(2) + second) / 3
    assert listwise(scores, three, one, balanced=False)[0] == pytest.approx(unbalanced, abs=1e-6)


def test_plackett_luce_of_a_full_ranking_is_the_mean_over_its_places():
    scores = [0.5, 2.0, -1.0]
    loss, gradient = listwise(scores, group(Ranking((0, 1, 2), (1, 0, 2))))
    e = [math.exp(each) for each in scores]
    first = -math.log(e[1] / sum(e))
    second = -math.log(e[0] / (e[0] + e[2]))
    assert loss == pytest.approx((first + second) / 2, abs=1e-6)
    wanted = [
        (e[0] / sum(e) + e[0] / (e[0] + e[2]) - 1) / 2,
        (e[1] / sum(e) - 1) / 2,
        (e[2] / sum(e) + e[2] / (e[0] + e[2])) / 2,
    ]
    assert gradient == pytest.approx(wanted, abs=1e-6)


def test_plackett_luce_probabilities_of_all_orders_sum_to_one():
    from itertools import permutations

    scores = [0.3, -1.2, 0.8, 2.0]
    orders = [group(Ranking(order, (0, 1, 2, 3))) for order in permutations(range(4))]
    assert sum(math.exp(-3 * listwise(scores, each)[0]) for each in orders) == pytest.approx(1, abs=1e-5)


def test_a_partial_ranking_is_a_softmax_of_its_first_among_all():
    scores = [0.5, 2.0, -1.0]
    loss, _ = listwise(scores, group(Ranking((0, 1, 2), (None, 0, None))))
    assert loss == pytest.approx(-math.log(math.exp(2.0) / sum(map(math.exp, scores))), abs=1e-6)


def test_ties_share_their_place():
    scores = [0.5, 2.0, -1.0]
    loss, gradient = listwise(scores, group(Ranking((0, 1, 2), (0, 0, 1))))
    e = [math.exp(each) for each in scores]
    assert loss == pytest.approx(-(math.log(e[0] / sum(e)) + math.log(e[1] / sum(e))) / 2, abs=1e-6)
    assert gradient == pytest.approx([e[0] / sum(e) - 0.5, e[1] / sum(e) - 0.5, e[2] / sum(e)], abs=1e-6)


@pytest.mark.parametrize("ranking", [PAIR, TIE, Ranking((1, 0), (0, None))])
def test_for_two_responses_both_losses_are_one(ranking):
    scores = [1.3, -0.4]
    ours, theirs = pairwise(scores, group(ranking)), listwise(scores, group(ranking))
    assert ours[0] == pytest.approx(theirs[0], abs=1e-6)
    assert ours[1] == pytest.approx(theirs[1], abs=1e-6)


@pytest.mark.parametrize("loss", [pairwise, listwise])
def test_a_constant_added_to_the_scores_of_a_prompt_changes_nothing(loss):
    groups = [group(Ranking((0, 1, 2), (0, 1, 1))), group(PAIR)]
    value, gradient = loss([0.1, 0.2, 0.3, 1.0, 2.0], *groups)
    moved, same = loss([100.1, 100.2, 100.3, -9.0, -8.0], *groups)
    assert moved == pytest.approx(value, abs=1e-4)
    assert gradient == pytest.approx(same, abs=1e-4)


@pytest.mark.parametrize("loss", [pairwise, listwise])
def test_responses_of_different_prompts_are_never_compared(loss):
    one = loss([0.1, 0.2], group(PAIR))[0]
    both = loss([0.1, 0.2, 50.0, 50.1], group(PAIR), group(PAIR))[0]
    assert both == pytest.approx(one, abs=1e-4)


@pytest.mark.parametrize("loss", [pairwise, listwise])
def test_the_loss_agrees_with_numerical_gradients(loss):
    groups = [group(Ranking((0, 1, 2, 3), (0, 0, 1, None)), Ranking((2, 1), (0, 1), margin=0.5)), group(TIE)]
    scores = [0.3, -0.2, 0.9, 0.4, -1.0, 0.8]
    _, gradient = loss(scores, *groups)
    for index in range(len(scores)):
        up, down = (
            loss([each + sign * 1e-2 * (at == index) for at, each in enumerate(scores)], *groups)[0] for sign in (1, -1)
        )
        assert gradient[index] == pytest.approx((up - down) / 2e-2, abs=2e-3)


@pytest.mark.parametrize("loss", [pairwise_loss, listwise_loss])
def test_low_precision_scores_give_a_float32_loss(loss):
    value = loss(torch.tensor([1.0, 0.0], dtype=torch.bfloat16), collate_rankings([group(PAIR)]))
    assert value.dtype is torch.float32


def test_extreme_scores_give_finite_losses_and_gradients():
    for loss in (pairwise, listwise):
        value, gradient = loss([-1e4, 1e4, 0.0], group(Ranking((0, 1, 2), (0, 1, None))))
        assert math.isfinite(value)
        assert all(map(math.isfinite, gradient))


def test_the_groups_of_a_divided_prompt_weigh_as_one_prompt():
    whole = group(Ranking((0, 1), (0, 1)), Ranking((2, 3), (0, 1)))
    halves = split_group(whole, most=2)
    assert [each.rows for each in halves] == [(0, 1), (2, 3)]
    assert [each.weight for each in halves] == [0.5, 0.5]
    scores = [0.0, 1.0, 0.0, 3.0]
    parts = [pairwise(scores[at : at + 2], each)[0] for at, each in zip((0, 2), halves, strict=True)]
    assert sum(parts) == pytest.approx(pairwise(scores, whole)[0], abs=1e-6)


def test_rankings_of_rows_that_are_not_in_the_batch_are_refused():
    rankings = collate_rankings([group(PAIR), group(PAIR)])
    for loss in (pairwise_loss, listwise_loss):
        with pytest.raises(ShapeError, match="rankings of row 3"):
            loss(torch.zeros(3), rankings)
        with pytest.raises(ShapeError, match=r"shape \(4, 1\)"):
            loss(torch.zeros(4, 1), rankings)


def test_the_rows_of_a_batch_are_counted_through_its_groups():
    rankings = collate_rankings([group(PAIR, rows=3), group(Ranking((1, 0), (0, 1), margin=0.5), weight=0.25)])
    assert rankings.items.tolist() == [0, 1, 4, 3]
    assert rankings.lists.tolist() == rankings.prompts.tolist() == [0, 0, 1, 1]
    assert rankings.margins.tolist() == [0.0, 0.0, 0.5, 0.5]
    assert rankings.weights.tolist() == [1.0, 0.25]
    assert rankings.to("cpu").ranks.tolist() == [0.0, 1.0, 0.0, 1.0]
