import pytest

from prmkit.evaluation.preference_data import check_preferences, check_ratings, rank_correlation
from prmkit.formats.preferences import Preference, Rating


def pair(number, chosen="good", rejected="bad", **fields):
    defaults = {"prompt": f"p{number}", "ranks": (0, 1), "where": f"row {number}"}
    return Preference(responses=(chosen, rejected), **(defaults | fields))


def rating(number, response, value, annotator=None):
    return Rating(where=f"row {number}", prompt="p", response=response, rating=value, annotator=annotator)


def test_what_says_nothing_is_dropped_and_its_place_is_told():
    rows = [
        pair(0),
        pair(1, chosen="same", rejected="same"),
        pair(2, rejected=" "),
        pair(3, prompts_differ=True),
        pair(4, prompt="p0"),
        pair(5, prompt="p0", annotator="ann"),
    ]
    check = check_preferences(rows)
    assert [each.where for each in check.kept] == ["row 0", "row 5"]
    assert check.dropped == {
        "different prompts": ["row 3"],
        "empty response": ["row 2"],
        "identical responses": ["row 1"],
        "duplicate": ["row 4"],
    }
    counts = check.counts()
    assert (counts["rows"], counts["dropped_empty_response"], counts["prompts"], counts["pairs"]) == (6, 1, 1, 2)
    assert "dropped, duplicate: 1 rows, the first at row 4" in check.warnings()


def test_a_duplicate_is_found_in_another_order_of_its_responses():
    one = Preference(where="a", prompt="p", responses=("x", "y"), ranks=(0, 1), listed=True)
    two = Preference(where="b", prompt="p", responses=("y", "x"), ranks=(1, 0), listed=True)
    assert check_preferences([one, two]).dropped["duplicate"] == ["b"]


def test_contradictory_pairs_are_reported_and_kept():
    rows = [pair(0), pair(1, "bad", "good", prompt="p0"), pair(2)]
    check = check_preferences(rows)
    assert check.contradictions == [["row 0", "row 1"]]
    assert len(check.kept) == 3
    assert "1 pairs are ordered both ways, the first at row 0, row 1" in check.warnings()


def test_a_contradiction_inside_rankings_is_found_for_each_pair():
    one = Preference(where="a", prompt="p", responses=tuple("xyz"), ranks=(0, 1, 2), listed=True)
    two = Preference(where="b", prompt="p", responses=tuple("xyz"), ranks=(2, 1, 0), listed=True)
    assert check_preferences([one, two]).contradictions == [["a", "b"]] * 3


def test_ties_are_no_contradiction_and_are_counted():
    check = check_preferences([pair(0), pair(1, prompt="p0", ranks=(0, 0))])
    assert check.contradictions == []
    assert (check.pairs, check.ties) == (1, 1)


def test_a_preference_for_what_was_shown_first_is_told():
    rows = [pair(number, chosen_position=int(number < 4)) for number in range(40)]
    check = check_preferences(rows)
    assert check.first_wins.value == 0.9
    assert "what was shown first is better in 90% of 40 pairs: a model can learn that alone" in check.warnings()
    even = check_preferences([pair(number, chosen_position=number % 2) for number in range(40)])
    assert even.first_wins.value == 0.5
    assert not any("shown first" in each for each in even.warnings())
    assert check_preferences([pair(0)]).first_wins is None


def test_a_preference_for_length_is_told():
    long = check_preferences([pair(number, "a long answer", "short") for number in range(20)])
    assert long.longer_wins.value == 1.0
    assert long.length_correlation == pytest.approx(1.0)
    assert "the longer response is better in 100% of 20 pairs: a model can learn that alone" in long.warnings()
    equal = check_preferences([pair(number, "yes", "not") for number in range(20)])
    assert equal.longer_wins is None
    assert equal.length_correlation is None
    short = check_preferences([pair(number, "short", "a long answer") for number in range(20)])
    assert short.longer_wins.value == 0.0
    assert short.length_correlation == pytest.approx(-1.0)


def test_agreement_of_annotators_is_the_share_of_equal_judgements_and_kappa():
    from sklearn.metrics import cohen_kappa_score

    ann, bob = [1, 1, -1, 1, 0, -1], [1, -1, -1, 1, 0, 1]
    rows = [
        pair(f"{who}{number}", *(("a", "b") if order >= 0 else ("b", "a")), prompt=f"p{number}", annotator=who)
        if order
        else pair(f"{who}{number}", "a", "b", prompt=f"p{number}", annotator=who, ranks=(0, 0))
        for who, orders in (("ann", ann), ("bob", bob))
        for number, order in enumerate(orders)
    ]
    check = check_preferences(rows)
    assert check.agreement.value == pytest.approx(4 / 6)
    assert check.agreement.n == 6
    assert check.kappa == pytest.approx(cohen_kappa_score(ann, bob))
    assert check.counts()["annotators"] == 2


def test_annotators_without_shared_pairs_have_no_agreement():
    check = check_preferences([pair(0, annotator="ann"), pair(1, annotator="bob")])
    assert check.agreement is None
    assert check.kappa is None


def test_annotators_that_agree_no_better_than_chance_are_told():
    rows = [
        pair(f"{who}{n}", *(("a", "b") if flip == n % 2 else ("b", "a")), prompt=f"p{n}", annotator=who)
        for who, flip in (("ann", 0), ("bob", 1))
        for n in range(6)
    ]
    check = check_preferences(rows)
    assert check.kappa == -1.0
    assert "annotators hardly agree beyond chance (kappa -1.00)" in check.warnings()


def test_figures_of_preferences_are_named():
    figures = check_preferences([pair(0, "long answer", "bad"), pair(1)]).figures()
    assert figures["longer is better"].value == 1.0
    assert figures["first shown is better"] is None


def test_ratings_are_checked():
    rows = [
        rating(0, "aaaa", 4.0, "ann"),
        rating(1, "aa", 2.0, "ann"),
        rating(2, "", 1.0),
        rating(3, "aa", 5.0, "ann"),
        rating(4, "aaaa", 9.0, "bob"),
        rating(5, "aa", 8.0, "bob"),
    ]
    check = check_ratings(rows)
    assert [each.where for each in check.kept] == ["row 0", "row 1", "row 4", "row 5"]
    assert check.dropped == {"empty response": ["row 2"], "duplicate": ["row 3"]}
    assert check.agreement == pytest.approx(1.0)
    assert check.length_correlation == pytest.approx(rank_correlation([4, 2, 4, 2], [4, 2, 9, 8]))
    assert any("ratings follow length" in each for each in check.warnings())
    assert check.counts()["rows"] == 6
    assert check.figures()["correlation of annotators"].value == pytest.approx(1.0)


def test_annotators_that_rate_in_opposite_orders_are_told():
    rows = [rating(f"{who}{n}", f"r{n}", sign * n, who) for who, sign in (("ann", 1), ("bob", -1)) for n in range(3)]
    assert "annotators hardly agree (rank correlation -1.00)" in check_ratings(rows).warnings()
