"""Which solutions become fine-tuning data, and what it looks like."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from prmkit.errors import InputError, MissingFileError
from prmkit.files import read_json
from prmkit.formats.messages import Candidate, choose, equations, find_format, read_candidates, write_messages
from prmkit.formats.options import Answers, Distinct, MessageOptions, Over
from prmkit.records import SCORE_SCHEMA, SOLUTION_SCHEMA, FinishReason, Problem, ScoredSolution, Solution
from prmkit.steps import INSTRUCTION, TextFormat
from prmkit.tables import score_row, solution_row, write_rows
from search.result import RESULT_SCHEMA

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def one(
    name: str,
    score: float | None = None,
    *steps: str,
    problem: str = "1 + 1?",
    correct: bool | None = True,
    **more: Any,
) -> Candidate:
    """A solution; its steps say its name unless given."""
    return Candidate(
        problem=Problem(problem_id=more.pop("id", problem), problem=problem, answer=more.pop("answer", "2")),
        solution_id=name,
        steps=steps or (f"This is {name}.", "The answer is 2."),
        finish=more.pop("finish", FinishReason.END),
        correct=correct,
        score=score,
    )


def names(candidates: list[Candidate], **options: Any) -> list[str]:
    return [each.solution_id for each in choose(candidates, MessageOptions(**options))[0]]


def notes(candidates: list[Candidate], **options: Any) -> str:
    return "\n".join(choose(candidates, MessageOptions(**options))[1])


POOL = [
    one("a", 0.2),
    one("b", 0.9),
    one("c", 0.5),
    one("d", 0.8, problem="2 + 2?", answer="4"),
    one("e", 0.7, problem="2 + 2?", answer="4"),
    one("f", 0.1, problem="3 + 3?", answer="6"),
]


def test_the_best_of_each_problem_are_chosen_in_the_order_of_the_problems() -> None:
    assert names(POOL) == ["b", "d", "f"]
    assert names(POOL, best=2) == ["b", "c", "d", "e", "f"]
    assert names(POOL, best=0) == ["b", "c", "a", "d", "e", "f"]
    assert "3 solutions are left out: not among the best 1 of their problem" in notes(POOL)
    assert "left out" not in notes(POOL, best=0)


def test_the_best_of_all_are_chosen_wherever_they_are() -> None:
    assert names(POOL, over=Over.ALL, best=4) == ["b", "d", "e", "c"]
    said = notes(POOL, over=Over.ALL, best=4)
    assert "2 solutions are left out: not among the best 4 of all" in said
    assert "1 of 3 problems have no solution in the output, 0 of them no whole and right one" in said


def test_wrong_answers_are_left_out_and_counted_unless_any_will_do() -> None:
    pool = [replace(each, correct=each.solution_id not in "bf") for each in POOL]
    assert names(pool) == ["c", "d"]
    assert names(pool, answers=Answers.ANY) == names(POOL)
    said = notes(pool)
    assert "2 solutions are left out: their answers are wrong" in said
    assert "1 of 3 problems have no solution in the output, 1 of them no whole and right one" in said
    assert "wrong" not in notes(pool, answers=Answers.ANY)


def test_what_nobody_graded_is_graded_where_the_answer_is_known() -> None:
    pool = [
        one("right", 0.1, "The answer is 2.", correct=None),
        one("wrong", 0.9, "The answer is 3.", correct=None),
        one("unknown", 0.5, problem="Why?", answer=None, correct=None),
    ]
    chosen, said = choose(pool, MessageOptions())
    assert [(each.solution_id, each.correct) for each in chosen] == [("right", True), ("unknown", None)]
    assert "1 solutions have no reference answer and may be chosen, right or wrong" in said
    assert names(pool, answers=Answers.ANY) == ["wrong", "unknown"]


def test_a_minimum_leaves_out_what_scores_lower_and_takes_what_reaches_it() -> None:
    noisy = 0.8999999761581421  # 0.9 in a table of float32
    pool = [one("a", noisy), one("b", 0.4), one("c", None)]
    assert names(pool, best=0) == ["a", "b", "c"]
    assert names(pool, best=0, min_score=0.9) == ["a"]
    assert "2 solutions are left out: they score below 0.9" in notes(pool, min_score=0.9)
    with pytest.raises(InputError, match="--min-score needs scores"):
        choose([one("a")], MessageOptions(min_score=0.5))


def test_of_equal_texts_the_best_is_taken_whatever_their_white_space() -> None:
    pool = [one("a", 0.1, "So 2.", "Yes  2."), one("b", 0.9, "So 2. ", "Yes 2."), one("c", 0.5, "So 2.", "No, 2.")]
    pool.append(one("d", 0.3, "So 2.", "Yes 2.", problem="2?"))  # another problem's
    assert names(pool, best=0) == ["b", "c", "d"]
    assert names(pool, best=0, distinct=Distinct.NONE) == ["b", "c", "a", "d"]
    assert "1 solutions are left out: the same as one that ranks higher (--distinct text)" in notes(pool, best=0)


def test_of_equal_equations_the_best_is_taken_whatever_the_words() -> None:
    pool = [
        one("a", 0.9, "Tom has 3 + 4 = 7 pens.", "He sells 2: 7 - 2 = 5."),
        one("b", 0.8, "There are $3 + 4 = 7$ pens.", "Selling two leaves \\(7-2 = 5\\)."),
        one("c", 0.7, "He has 3 - 2 = 1 left of his.", "So 1 + 4 = 5."),
        one("d", 0.6, "3 + 4 = <<3+4=7>>7 pens,", "7 − 2 = 5."),
        one("e", 0.5, "Five, clearly."),
        one("f", 0.4, "Five, of course."),
    ]
    assert names(pool, best=0, distinct=Distinct.EQUATIONS) == ["a", "c", "e", "f"]
    assert names(pool, best=0) == list("abcdef")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Mia has 37 more than Gus: 23 + 37 = 60. Mia: 60.", ("23+37=60",)),
        ("Half is 48/2 = <<48/2=24>>24, and 48+24 = 72.", ("48/2=24", "48+24=72")),
        ("He pays $3 * 4 = $12.", ("3*4=12",)),
        (r"\[ 3 \times 4 = 12 \] and $x^2 = \dfrac{1}{2}$, so 1 < 2", ("3*4=12", r"x^2=\frac{1}{2}")),
        (r"\left( a + b \right) = 1,080.5!", ("+b)=1,080.5!",)),
        ("a = 5 and = and ==", ("=5",)),
        ("3 + 4 = 7\n7 - 2 = 5", ("3+4=7", "7-2=5")),
        ("nothing to see", ()),
    ],
)
def test_equations_are_found_in_prose_and_latex(text: str, found: tuple[str, ...]) -> None:
    assert equations(text) == found


def test_order_of_equations_counts_and_hostile_texts_are_read_fast() -> None:
    assert equations("1 + 2 = 3, 3 + 4 = 7") != equations("3 + 4 = 7, 1 + 2 = 3")
    assert equations("1 " * 50_000 + "= " + "(" * 50_000)[0].count("1") == 50_000


@pytest.mark.parametrize("finish", [FinishReason.LENGTH, FinishReason.STEP])
def test_what_is_not_whole_is_never_taken(finish: FinishReason) -> None:
    """A solution cut by the limit is not a finished one (PITFALLS 15)."""
    pool = [one("whole", 0.1), one("cut", 0.9, finish=finish), replace(one("blank", 0.8), steps=())]
    assert names(pool, best=0, answers=Answers.ANY) == ["whole"]
    assert "2 solutions are left out: not whole" in notes(pool)
    assert "1 of 1 problems have no solution in the output, 1 of them no whole one" in notes(
        pool[1:], answers=Answers.ANY
    )


def test_ties_and_choices_without_scores_depend_on_seed_and_ids_and_not_on_the_order() -> None:
    for score in (0.5, None):
        pool = [one(str(number), score) for number in range(40)]
        shuffled = random.Random(1).sample(pool, len(pool))
        assert names(pool, best=5) == names(shuffled, best=5) != [str(number) for number in range(5)]
        assert names(pool, best=5) != names(pool, best=5, seed=1)
    assert "no scores in --data: the best are chosen at random, by --seed and ids" in notes(pool)
    assert "at random" not in notes(POOL) and "at random" not in notes(pool, best=0)


def test_solutions_without_a_score_rank_last_and_that_is_said() -> None:
    pool = [one("a"), one("b", 0.01), one("c")]
    assert names(pool, best=0)[0] == "b"
    assert "2 solutions have no score and rank behind those that have one" in notes(pool)


def test_a_problem_under_two_ids_is_one_problem() -> None:
    pool = [one("a", 0.2, id="p"), one("b", 0.9, id="q", problem="1 +  1?")]
    assert names(pool) == ["b"]


@pytest.mark.parametrize("options", [{"best": -1}, {"min_score": float("nan")}, {"best": 0, "over": Over.ALL}])
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"need best >= 0|say how many"):
        MessageOptions(**options)


def solution(number: int, *, correct: bool | None = True) -> Solution:
    problem = Problem(problem_id="p", problem="1 + 1?", answer="2")
    return Solution(solution_id=str(number), problem=problem, steps=(f"Try {number}.", "It is 2."), correct=correct)


def test_samples_scores_and_searches_are_read(tmp_path: Path) -> None:
    sampled, scores, searched = (tmp_path / name for name in ("sampled.parquet", "scores.jsonl", "searched.parquet"))
    write_rows(sampled, [solution_row(solution(number)) for number in range(2)], SOLUTION_SCHEMA)
    scored = [ScoredSolution(solution=solution(number), step_scores=(0.5, 0.25), score=0.25) for number in range(2)]
    write_rows(scores, [score_row(each) for each in scored], SCORE_SCHEMA)
    row = {"problem_id": "p", "problem": "1 + 1?", "answer": "2", "method": "beam", "chosen": "x", "correct": True}
    lists = {"candidates": [["It is 2."], ["It"], []], "scores": [0.75, 0.5, float("-inf")]}
    write_rows(searched, [row | lists | {"finishes": ["end", "length", "step"]}], RESULT_SCHEMA)
    assert [(each.solution_id, each.score, each.correct) for each in read_candidates(sampled)] == [
        ("0", None, True),
        ("1", None, True),
    ]
    assert [each.score for each in read_candidates(scores)] == [0.25, 0.25]
    beams = read_candidates(searched)
    assert [(each.solution_id, each.score) for each in beams] == [("beam-0", 0.75), ("beam-1", 0.5), ("beam-2", None)]
    assert [each.finish for each in beams] == [FinishReason.END, FinishReason.LENGTH, FinishReason.STEP]
    assert names(beams, best=0) == ["beam-0"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"candidates": [["x"]], "scores": [], "finishes": ["end"]}, "differ in length: 1, 0 and 1"),
        ({"candidates": ["x"], "scores": [1.0], "finishes": ["end"]}, "'candidates' must be a list of lists of texts"),
        ({"candidates": [["x"]], "scores": [1.0], "finishes": ["over"]}, "'finishes' must be one of end, step, length"),
        ({"solution_id": "0", "steps": []}, "no steps"),
    ],
)
def test_a_row_that_cannot_be_read_is_told_with_its_place(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"problem_id": "p", "problem": "1 + 1?"} | row), encoding="utf-8")
    with pytest.raises(InputError, match=rf"rows.jsonl:1: .*{said}"):
        read_candidates(file)


def test_a_solution_that_is_there_twice_is_told(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [solution_row(solution(0))] * 2, SOLUTION_SCHEMA)
    with pytest.raises(InputError, match=r"rows.jsonl:2: solution p/0 is at .*rows.jsonl:1 already"):
        read_candidates(tmp_path / "rows.jsonl")


def written(folder: Path, **options: Any) -> dict[str, Any]:
    """The only row, of one candidate of two steps."""
    file = folder / "tuning.json"
    write_messages(file, [one("a", 0.8999999761581421)], MessageOptions(**options))
    (row,) = read_json(file)
    return dict(row)


def test_a_row_is_a_conversation_with_its_origin(tmp_path: Path) -> None:
    assert written(tmp_path) == {
        "messages": [
            {"role": "user", "content": "1 + 1?"},
            {"role": "assistant", "content": "This is a.\n\nThe answer is 2."},
        ],
        "problem_id": "1 + 1?",
        "solution_id": "a",
        "score": 0.9,
        "correct": True,
    }
    assert written(tmp_path, only_messages=True).keys() == {"messages"}


def test_prompt_separator_and_system_turn_are_written_as_asked(tmp_path: Path) -> None:
    turns = written(tmp_path, prompt="Solve: {problem}\n", separator="\n", system="Be brief.")["messages"]
    assert [(turn["role"], turn["content"]) for turn in turns] == [
        ("system", "Be brief."),
        ("user", "Solve: 1 + 1?"),
        ("assistant", "This is a.\nThe answer is 2."),
    ]


def test_a_policy_brings_its_own_prompt_and_separator(tmp_path: Path, tokenizer: "PreTrainedTokenizerBase") -> None:
    assert find_format(MessageOptions()) == TextFormat(prompt="{problem}", separator="\n\n")
    assert find_format(MessageOptions(policy="demo")) == TextFormat(prompt="{problem}\n", separator="\n")
    assert find_format(MessageOptions(policy="demo", separator=";")).separator == ";"
    with pytest.raises(MissingFileError, match="no such folder"):
        find_format(MessageOptions(policy="./nowhere"))
    with pytest.raises(InputError, match=r"must contain \{problem\}"):
        find_format(MessageOptions(prompt="Solve."))


def test_the_user_turn_is_what_the_policys_chat_template_was_given(
    tmp_path: Path, tiny_base: Path, tokenizer: "PreTrainedTokenizerBase"
) -> None:
    chat = chat_base(tmp_path, tiny_base)
    turn = written(tmp_path, policy=str(chat))["messages"][0]
    assert turn["content"] == INSTRUCTION.replace("{problem}", "1 + 1?")
    own = find_format(MessageOptions(policy=str(chat)))
    assert own.chat_text(load_chat(chat), "1 + 1?") == f"<user>{turn['content']}\n<assistant>"


def test_nothing_to_write_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing can be written.*1 solutions are left out: their answers are wrong"):
        write_messages(tmp_path / "out.jsonl", [one("a", correct=False)], MessageOptions())
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet"])
def test_what_is_written_is_loaded_by_datasets(tmp_path: Path, ending: str) -> None:
    from datasets import load_dataset

    file = tmp_path / f"tuning.{ending}"
    said = write_messages(file, POOL, MessageOptions())
    assert said[-1] == f"3 conversations about 3 problems in {file}"
    kind = "parquet" if ending == "parquet" else "json"
    data = load_dataset(kind, data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert [row["messages"][1]["role"] for row in data] == ["assistant"] * 3
    assert [row["solution_id"] for row in data] == ["b", "d", "f"]
    if kind == "parquet":
        assert pq.read_table(file).num_rows == 3


TEMPLATE = (
    "{% for each in messages %}<{{ each.role }}>{{ each.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def load_chat(folder: Path) -> "PreTrainedTokenizerBase":
    from prmkit.models import load_tokenizer

    return load_tokenizer(str(folder))


def chat_base(folder: Path, base: Path) -> Path:
    """The small model with a chat template."""
    chat = Path(shutil.copytree(base, folder / "chat"))
    tokenizer = load_chat(base)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(chat)
    tokenizer.chat_template = None
    return chat


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_trl_fine_tunes_on_what_is_written(tmp_path: Path, tiny_base: Path) -> None:
    trl = pytest.importorskip("trl", reason="TRL is not installed: pip install 'trl>=1.13'")
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM

    chat, file = chat_base(tmp_path, tiny_base), tmp_path / "tuning.jsonl"
    write_messages(file, POOL, MessageOptions(policy=str(chat)))
    data = load_dataset("json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    trainer = trl.SFTTrainer(
        AutoModelForCausalLM.from_pretrained(chat),
        args=trl.SFTConfig(output_dir=str(tmp_path / "sft"), max_steps=1, report_to=[], use_cpu=True, bf16=False),
        train_dataset=data,
        processing_class=load_chat(chat),
    )
    read = load_chat(chat).decode(trainer.train_dataset[0]["input_ids"])
    assert read == f"<user>{INSTRUCTION.replace('{problem}', '1 + 1?')}\n<assistant>This is b.\n\nThe answer is 2.\n"
    assert trainer.train().training_loss > 0
