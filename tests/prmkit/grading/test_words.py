"""Answers in prose."""

import pytest

from prmkit.grading.words import same_words, words_key


@pytest.mark.parametrize(
    ("gold", "pred"),
    [
        ("The cat", "cat."),
        ("no solution", "There are no solutions"),
        ("does not exist", "undefined"),
        ("Yes", "true"),
        ("Alice, Bob and Carol", "Carol, Bob, Alice"),
        ("right-angled", "right angled"),
        ("a", "a"),
    ],
)
def test_what_does_not_count_is_left_out(gold: str, pred: str) -> None:
    assert same_words(gold, pred)
    assert same_words(pred, gold)
    assert words_key(gold) == words_key(pred)


@pytest.mark.parametrize(
    ("gold", "pred"), [("east", "west"), ("even", "not even"), ("Yes", "No"), ("Alice or Bob", "Alice")]
)
def test_other_words_differ(gold: str, pred: str) -> None:
    assert not same_words(gold, pred)
    assert words_key(gold) != words_key(pred)


def test_a_reasoned_yes_answers_a_question_and_has_no_key() -> None:
    assert same_words("Yes", "Yes, because it is even")
    assert not same_words("No", "Yes, because it is even")
    assert not same_words("Yes, because it is even", "Yes")
    assert words_key("Yes, because it is even") is None
