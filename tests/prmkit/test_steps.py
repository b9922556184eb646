"""Where steps end, and which token is scored."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from prmkit.errors import InputError, ShapeError
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.steps import TextFormat, boundaries, encode_solution, find_text_format, policy_ids, split_ids, split_text

FORMAT = TextFormat(prompt="{problem}\n", separator="\n")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(str(DEMO_POLICY))


def test_blank_lines_end_steps() -> None:
    assert split_text("First.\n\nSecond.\n\nThird.", "\n\n") == ["First.", "Second.", "Third."]


def test_three_newlines_make_no_empty_step() -> None:
    assert split_text("First.\n\n\nSecond.", "\n\n") == ["First.", "Second."]


def test_a_trailing_blank_line_makes_no_empty_step() -> None:
    assert split_text("First.\n\nSecond.\n\n\n\n", "\n\n") == ["First.", "Second."]


def test_leading_blank_lines_make_no_empty_step() -> None:
    assert split_text("\n\nFirst.\n\nSecond.", "\n\n") == ["First.", "Second."]


def test_a_separator_of_visible_text_is_no_part_of_the_step() -> None:
    assert split_text("one ; two ; three", " ; ") == ["one", "two", "three"]
    assert split_text("one <step> two <step>", "<step>") == ["one", "two"]


@pytest.mark.parametrize(
    "block",
    ["```\na = 1\n\nb = 2\n```", "\\[\nx = 1\n\n y = 2\n\\]", "$$\nx\n\ny\n$$", "\\begin{align}\nx\n\ny\n\\end{align}"],
)
def test_blank_lines_inside_a_block_do_not_cut_it(block: str) -> None:
    assert split_text(f"First.\n\n{block}\n\nLast.", "\n\n") == ["First.", block, "Last."]


def test_a_block_begun_and_not_closed_is_still_one_step() -> None:
    assert boundaries("First.\n\n```\na = 1\n\nb", "\n\n") == [len("First.\n\n")]


def test_a_blank_text_has_no_steps() -> None:
    assert split_text("\n \n", "\n") == []


def test_ids_are_cut_at_the_same_places_as_text_and_none_is_lost(tokenizer: PreTrainedTokenizerBase) -> None:
    text = "Eli has 12 books. Eli: 12.\nOra has 1 more than Eli: 12 + 1 = 13. Ora: 13.\nThe answer is 13.\n"
    ids = [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
    steps, step_ids = split_ids(tokenizer, ids, "\n")
    assert steps == split_text(text, "\n")
    assert [each for part in step_ids for each in part] == ids
    assert step_ids[0][-1] == tokenizer("\n")["input_ids"][0]
    assert step_ids[-1][-1] == tokenizer.eos_token_id


def test_ids_of_a_blank_text_have_no_steps(tokenizer: PreTrainedTokenizerBase) -> None:
    assert split_ids(tokenizer, tokenizer("\n\n")["input_ids"], "\n") == ([], [])


def test_text_without_ids_is_tokenised_whole_and_cut_into_the_same_steps(tokenizer: PreTrainedTokenizerBase) -> None:
    steps = ["Compute $x^2$ for \\( x = 3 \\).", "So 9 – the answer."]
    prompt, step_ids = policy_ids(tokenizer, FORMAT, "How many?", steps)
    assert prompt == tokenizer("How many?\n")["input_ids"]
    assert [tokenizer.decode(ids).strip() for ids in step_ids] == steps
    assert [each for ids in step_ids for each in ids] == tokenizer("\n".join(steps) + "\n")["input_ids"]


def test_a_step_that_holds_the_separator_is_refused_and_not_relabelled(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(ShapeError, match="1 steps fall into 2"):
        policy_ids(tokenizer, FORMAT, "How many?", ["one\ntwo"])


def test_every_step_has_exactly_one_scored_position_and_it_is_a_separator(tokenizer: PreTrainedTokenizerBase) -> None:
    encoded = encode_solution(tokenizer, FORMAT, "How many?", ["one", "two", "three"])
    newline = tokenizer("\n")["input_ids"]
    assert len(encoded.ends) == 3
    assert [encoded.ids[end] for end in encoded.ends] == newline * 3
    assert encoded.ends[-1] == len(encoded.ids) - 1


def test_another_step_leaves_the_ids_before_it_as_they_were(tokenizer: PreTrainedTokenizerBase) -> None:
    short = encode_solution(tokenizer, FORMAT, "How many?", ["one", "two"])
    longer = encode_solution(tokenizer, FORMAT, "How many?", ["one", "two", "three"])
    assert longer.ids[: len(short.ids)] == short.ids
    assert longer.ends[:2] == short.ends


def test_prompt_and_first_step_are_joined_as_the_policy_joined_them(tokenizer: PreTrainedTokenizerBase) -> None:
    encoded = encode_solution(tokenizer, FORMAT, "How many?", ["one"])
    assert encoded.ids[: encoded.prompt_length] == FORMAT.prompt_ids(tokenizer, "How many?")


def test_no_steps_cannot_be_encoded(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(ShapeError, match="0 steps"):
        encode_solution(tokenizer, FORMAT, "How many?", [])


def test_the_text_format_comes_from_the_model_and_flags_override_it(tokenizer: PreTrainedTokenizerBase) -> None:
    assert find_text_format(DEMO_POLICY, tokenizer) == FORMAT
    changed = find_text_format(DEMO_POLICY, tokenizer, prompt="Q: {problem}\nA: ", separator="\n\n")
    assert (changed.prompt, changed.separator) == ("Q: {problem}\nA: ", "\n\n")


def test_a_model_that_says_nothing_gets_plain_text_and_blank_lines(
    tokenizer: PreTrainedTokenizerBase, tmp_path: pytest.TempPathFactory
) -> None:
    assert find_text_format(tmp_path, tokenizer) == TextFormat()


def test_a_chat_template_is_used_where_the_model_has_one(tmp_path: pytest.TempPathFactory) -> None:
    tokenizer = load_tokenizer(str(DEMO_POLICY))
    tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    text_format = find_text_format(tmp_path, tokenizer)
    text = tokenizer.decode(text_format.prompt_ids(tokenizer, "How many?"))
    assert text.startswith("<user>How many?") and text.endswith("\\boxed{}.<assistant>")


def test_a_prompt_without_the_problem_is_refused() -> None:
    with pytest.raises(InputError, match=r"\{problem\}"):
        TextFormat(prompt="Solve it.")


def test_an_empty_separator_is_refused() -> None:
    with pytest.raises(InputError, match="separator"):
        TextFormat(separator="")


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("[]", "expected a JSON object"),
        ('{"textformat": {}}', "'text_format'"),
        ('{"text_format": "plain"}', "'text_format'"),
        ('{"text_format": {"seperator": "x"}}', "no field 'seperator'"),
        ('{"text_format": {"chat": "yes"}}', "field 'chat' must be bool, found str"),
        ('{"text_format": {"separator": 3}}', "field 'separator' must be str, found int"),
        ('{"text_format": {"prompt": "Solve it."}}', "prompt format"),
    ],
)
def test_a_text_format_that_cannot_be_read_names_the_file(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path, stored: str, said: str
) -> None:
    (tmp_path / "prmkit.json").write_text(stored)
    with pytest.raises(InputError, match=r"prmkit\.json: ") as caught:
        find_text_format(tmp_path, tokenizer)
    assert said in str(caught.value)
