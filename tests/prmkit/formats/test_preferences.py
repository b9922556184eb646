import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prmkit.errors import InputError, MissingFileError
from prmkit.formats.preferences import holds_ratings, read_preferences, read_ratings


@pytest.fixture
def read(tmp_path):
    def run(*rows):
        file = tmp_path / "preferences.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return read_preferences(file)

    return run


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


PAIR = {"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}


@pytest.mark.parametrize("name", ["prompt", "problem", "question"])
def test_a_pair_is_read_with_its_chosen_response_first(read, name):
    (only,) = read({name: " 2 + 2? ", "chosen": " 4\n", "rejected": "5"})
    assert (only.prompt, only.responses, only.ranks) == ("2 + 2?", ("4", "5"), (0, 1))
    assert (only.margin, only.annotator, only.domain, only.chosen_position, only.listed) == (0, None, None, None, False)
    assert not only.prompts_differ


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "2 + 2?", "chosen": [assistant("4")], "rejected": [assistant("5")]},
        {"prompt": [user("2 + 2?")], "chosen": [assistant("4")], "rejected": [assistant("5")]},
        {"prompt": "2 + 2?", "chosen": [user("2 + 2?"), assistant("4")], "rejected": [user("2 + 2?"), assistant("5")]},
        {"chosen": [user("2 + 2?"), assistant("4")], "rejected": [user("2 + 2?"), assistant("5")]},
        {"prompt": "2 + 2?", "responses": ["4", [assistant("5")]], "ranks": [1, 2]},
    ],
)
def test_all_forms_of_trl_are_the_same_pair(read, row):
    (only,) = read(row)
    assert (only.prompt, only.responses, only.ranks) == ("2 + 2?", ("4", "5"), (0, 1))


def test_texts_of_hh_rlhf_are_cut_before_the_last_answer(read):
    start = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: 2 + 2?\n\nAssistant:"
    (only,) = read({"chosen": f"{start} 4", "rejected": f"{start} 5"})
    assert only.prompt == "Human: Hi\n\nAssistant: Hello\n\nHuman: 2 + 2?"
    assert only.responses == ("4", "5")


def test_a_dialogue_of_several_turns_becomes_one_text(read):
    before = [{"role": "system", "content": "Be brief."}, user("2 + 2?")]
    (only,) = read({"chosen": [*before, assistant("4")], "rejected": [*before, assistant("5")]})
    assert only.prompt == "system: Be brief.\n\nuser: 2 + 2?"
    (split,) = read(
        {"prompt": before[:1], "chosen": [user("2 + 2?"), assistant("4")], "rejected": [*before[1:], assistant("5")]}
    )
    assert split.prompt == only.prompt


def test_responses_to_different_prompts_are_marked(read):
    (only,) = read({"chosen": [user("2 + 2?"), assistant("4")], "rejected": [user("2 + 3?"), assistant("5")]})
    assert only.prompts_differ


def test_a_ranking_has_ties_and_responses_of_unknown_order(read):
    (only,) = read({"prompt": "p", "responses": list("abcd"), "ranks": [2.5, 1, 2.5, None]})
    assert only.ranks == (1, 0, 1, None)
    assert only.listed
    assert list(only.pairs()) == [
        (1, 0, False),
        (0, 2, True),
        (0, 3, False),
        (1, 2, False),
        (1, 3, False),
        (2, 3, False),
    ]


def test_two_responses_of_unknown_order_are_no_pair(read):
    (only,) = read({"prompt": "p", "responses": list("abc"), "ranks": [1, None, None]})
    assert list(only.pairs()) == [(0, 1, False), (0, 2, False)]


def test_a_tie_is_a_pair_of_equal_ranks(read):
    assert [each.ranks for each in read(PAIR | {"tie": True}, PAIR | {"tie": False})] == [(0, 0), (0, 1)]


@pytest.mark.parametrize(
    ("fields", "margin"),
    [
        ({"margin": 0.5}, 0.5),
        ({"strength": 2}, 2.0),
        ({"strength": "significantly better"}, 3.0),
        ({"strength": "Slightly better"}, 1.0),
        ({"strength": "negligibly better"}, 0.0),
        ({"margin": None, "strength": None}, 0.0),
    ],
)
def test_margins_are_numbers_or_the_phrases_of_llama_2(read, fields, margin):
    assert read(PAIR | fields)[0].margin == margin


@pytest.mark.parametrize(("position", "first"), [(0, True), (1, False), (None, None)])
def test_the_position_of_the_chosen_response_is_kept(read, position, first):
    (only,) = read(PAIR | {"chosen_position": position})
    assert only.shown_first(0, 1) is first


def test_the_order_of_listed_responses_is_the_order_in_which_they_were_shown(read):
    (only,) = read({"prompt": "p", "responses": list("abc"), "ranks": [2, 1, 3]})
    assert [only.shown_first(better, worse) for better, worse, _ in only.pairs()] == [False, True, True]


@pytest.mark.parametrize(("field", "value"), [("domain", "math"), ("category", "math"), ("subset", "math")])
def test_domain_and_annotator_are_found_by_their_names(read, field, value):
    (only,) = read(PAIR | {field: value, "annotator_id": 7})
    assert (only.domain, only.annotator) == ("math", "7")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "p", "chosen": "a"}, ":1: field 'rejected' is missing; a row has chosen and rejected, responses"),
        ({"chosen": "a", "rejected": "b"}, ":1: no prompt: the row has none of prompt, problem, question"),
        ({"prompt": "", "chosen": "a", "rejected": "b"}, ":1: no prompt: .* are empty"),
        ({"chosen": [assistant("a")], "rejected": [assistant("b")]}, ":1: no prompt: .* no message is before the last"),
        (PAIR | {"chosen": [user("a")]}, ":1: field 'chosen' must be a text, or messages that end with the assistant"),
        (PAIR | {"chosen": []}, ":1: field 'chosen' must be a text, or messages that end with the assistant"),
        (PAIR | {"chosen": 4}, ":1: field 'chosen' must be a text, or a list of messages"),
        (PAIR | {"prompt": [{"role": "user"}]}, ":1: field 'prompt' must be a text, or a list of messages"),
        (PAIR | {"margin": -1}, ":1: field 'margin' must be a number from 0, found -1"),
        (PAIR | {"margin": float("nan")}, ":1: field 'margin' must be a number from 0, found nan"),
        (PAIR | {"margin": True}, ":1: field 'margin' must be a number from 0, found True"),
        (PAIR | {"strength": "much"}, ":1: field 'strength' must be a number from 0 or one of significantly better"),
        (PAIR | {"margin": 1, "strength": 1}, ":1: a row has a margin or a strength, not both"),
        (PAIR | {"tie": "no"}, ":1: field 'tie' must be true or false"),
        (PAIR | {"chosen_position": 2}, r":1: field 'chosen_position' must be 0 \(shown first\) or 1, found 2"),
        (PAIR | {"domain": 1.5}, ":1: field 'domain' must be a text or a number"),
        ({"prompt": "p", "responses": ["a"], "ranks": [1]}, ":1: 1 responses and 1 ranks"),
        ({"prompt": "p", "responses": ["a", "b"], "ranks": [1]}, ":1: 2 responses and 1 ranks"),
        (
            {"prompt": "p", "responses": ["a", "b"], "ranks": [None, None]},
            ":1: field 'ranks' must be a list of numbers",
        ),
        ({"prompt": "p", "responses": ["a", "b"], "ranks": [1, "2"]}, ":1: field 'ranks' must be a list of numbers"),
        (
            {"prompt": "p", "responses": list("abc"), "ranks": [1, 2, 3], "margin": 1},
            ":1: a margin or strength belongs",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_named(read, row, message):
    with pytest.raises(InputError, match=message):
        read(row)


def test_parquet_files_are_read_as_well(tmp_path):
    file = tmp_path / "preferences.parquet"
    rows = [PAIR | {"margin": 1.0, "chosen": [assistant("4")], "rejected": [assistant("5")]}, PAIR | {"margin": None}]
    pq.write_table(pa.Table.from_pylist(rows[:1]), file)
    (only,) = read_preferences(file)
    assert (only.responses, only.margin) == (("4", "5"), 1.0)


def test_ratings_are_read(tmp_path):
    file = tmp_path / "ratings.jsonl"
    row = {"problem": "p", "response": " good ", "rating": 4, "annotator": "ann", "domain": "math"}
    file.write_text(json.dumps(row) + "\n" + json.dumps({"response": [user("q"), assistant("r")], "rating": 0.5}))
    one, two = read_ratings(file)
    assert (one.prompt, one.response, one.rating, one.annotator, one.domain) == ("p", "good", 4.0, "ann", "math")
    assert (two.prompt, two.response, two.rating) == ("q", "r", 0.5)


@pytest.mark.parametrize("rating", ["4", None, True, float("inf")])
def test_a_rating_that_is_no_number_is_named(tmp_path, rating):
    file = tmp_path / "ratings.jsonl"
    file.write_text(json.dumps({"problem": "p", "response": "r", "rating": rating}))
    with pytest.raises(InputError, match=r"ratings.jsonl:1: field 'rating' must be"):
        read_ratings(file)


def test_files_of_ratings_are_told_from_files_of_preferences(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(PAIR))
    assert not holds_ratings(file)
    file.write_text(json.dumps({"problem": "p", "response": "r", "rating": 0}))
    assert holds_ratings(file)
    with pytest.raises(MissingFileError):
        holds_ratings(tmp_path / "nothing.jsonl")
