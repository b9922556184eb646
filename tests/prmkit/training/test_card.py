import pytest

from prmkit.rewards.metadata import Pooling, RewardKind, RewardMetadata
from prmkit.steps import TextFormat
from prmkit.training.card import model_card


def card(kind, objective, **fields):
    return model_card(
        RewardMetadata(
            kind=kind,
            text_format=TextFormat(),
            separator_ids=(7,),
            training={"base": "owner/base", "objective": {"kind": kind} | objective, "class_weights": [2.0, 1.0, 0.5]},
            **fields,
        )
    )


@pytest.mark.parametrize(
    ("kind", "objective", "said"),
    [
        ("prm", {"targets": "hard"}, "Learned: the class of each step, by cross-entropy"),
        (
            "prm",
            {"targets": "value"},
            "Learned: the Monte-Carlo rate k/n of each step, by binomial cross-entropy of the",
        ),
        ("orm", {"loss": "pairwise"}, "Learned: which of two answers is better, by the Bradley-Terry loss of pairs"),
        ("preference", {"learns": "ratings", "loss": "pairwise"}, "Learned: ratings, scaled to [0, 1]"),
        ("value", {}, "Learned: the Monte-Carlo rate k/n of each step, by binomial cross-entropy."),
    ],
)
def test_the_card_says_what_was_learned_and_how(kind, objective, said):
    text = card(RewardKind(kind), objective)
    assert said in text
    assert f"prmkit train {kind}" in text
    assert "| base | owner/base |" in text


def test_the_card_says_which_logits_are_read():
    mean, last = (card(RewardKind.ORM, {"loss": "mean"}, pooling=each) for each in (Pooling.MEAN, Pooling.LAST))
    assert "as the mean of the logits from the first token of the solution up to there" in mean
    assert "mean of the logits" not in last


def test_the_card_holds_the_metrics_or_says_that_there_are_none():
    assert "| step_ece | 0.125 |" in card(RewardKind.PRM, {"targets": "hard"}, metrics={"step_ece": 0.125})
    assert "None: no problems were held out." in card(RewardKind.PRM, {"targets": "hard"})
