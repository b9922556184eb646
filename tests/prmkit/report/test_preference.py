from prmkit.evaluation.preference import ScoredPreference, preference_quality
from prmkit.evaluation.preference_data import check_preferences, check_ratings
from prmkit.evaluation.rating import ScoredRating, rating_quality
from prmkit.formats.preferences import Preference, Rating
from prmkit.report.preference import check_tables, preference_tables, rating_tables


def pair(number, **fields):
    return Preference(
        where=f"row {number}", prompt=f"p{number}", responses=("long answer", "short"), ranks=(0, 1), **fields
    )


def values(table):
    return {key: row["value"] and row["value"]["value"] for key, row in table.to_json().items()}


def test_the_check_is_told_in_counts_and_in_figures():
    data, checks = check_tables(check_preferences([pair(0, annotator="ann"), pair(1), pair(1)]))
    assert values(data)["rows"] == 3
    assert values(data)["dropped_duplicate"] == 1
    assert values(checks)["longer_is_better"] == 1.0
    assert values(checks)["first_shown_is_better"] is None


def test_the_check_of_ratings_is_told_alike():
    rows = [Rating(where=f"{n}", prompt="p", response="x" * (n + 1), rating=n) for n in range(3)]
    data, checks = check_tables(check_ratings(rows))
    assert values(data)["prompts"] == 1
    assert values(checks)["correlation_of_length_and_rating"] == 1.0


def test_every_figure_of_preferences_has_its_row():
    rows = [ScoredPreference(pair(n, domain="math" if n % 2 else "code"), (n % 3, 1.0)) for n in range(12)]
    tie = ScoredPreference(Preference(where="t", prompt="t", responses=("a", "b"), ranks=(0, 0)), (0.5, 0.0))
    quality = preference_quality([*rows, tie])
    *single, confidence = preference_tables(quality, 0.25)
    tables = {table.key: values(table) for table in single}
    assert tables["accuracy"]["all"] == quality.accuracy.value
    assert tables["accuracy"].keys() == {
        *("all", "better_is_longer", "better_is_shorter", "length_controlled", "similar_lengths"),
        *("domain_code", "domain_math"),
    }
    assert tables["margins"]["50_quantile"] == quality.quantiles[0.5]
    assert tables["margins"]["median_of_ties_absolute"] == 0.5
    assert tables["length"].keys() == {"all_responses", "within_prompts"}
    assert tables["calibration"].keys() == {"ece", "brier"}
    assert "at most 25%" in single[0].note
    assert len(confidence.rows) == len(quality.bins)
    assert sum(row["confidence"]["n"] for row in confidence.to_json().values()) == 12


def test_every_figure_of_ratings_has_its_row():
    rows = [Rating(where=f"{n}", prompt="p", response="x" * (n + 1), rating=n, domain="d") for n in range(3)]
    (table,) = rating_tables(rating_quality([ScoredRating(each, each.rating) for each in rows]))
    assert values(table).keys() == {"reward_and_rating", "domain_d", "reward_and_length"}
