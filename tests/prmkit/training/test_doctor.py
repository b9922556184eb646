"""One thing is corrupted at a time, and the check that is there for it fails, no other one."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from prmkit.errors import InputError
from prmkit.models import load_tokenizer
from prmkit.records import FinishReason, StepLabel
from prmkit.rewards.metadata import RewardKind
from prmkit.rewards.trained_on import write_trained
from prmkit.steps import EncodedSolution, TextFormat
from prmkit.tables import label_row
from prmkit.training.checks import labels as label_checks
from prmkit.training.checks import text as text_checks
from prmkit.training.checks.findings import Status
from prmkit.training.checks.subject import Subject
from prmkit.training.data import make_pool
from prmkit.training.doctor import Plan, examine, load_base
from prmkit.training.objectives import objective_of

BAD, MIDDLE, GOOD = StepLabel
OK, WARNING, VIOLATION = Status
PRM, ORM = (objective_of(kind) for kind in (RewardKind.PRM, RewardKind.ORM))


@pytest.fixture
def labeled(labeled_solution):
    """A right and a wrong solution of each of ten problems."""
    return [
        labeled_solution(f"p{problem}", labels, number)
        for problem in range(10)
        for number, labels in enumerate(([GOOD, GOOD], [GOOD, MIDDLE, BAD]))
    ]


def placed(labeled):
    return [(f"labels.jsonl:{number}", label_row(each)) for number, each in enumerate(labeled, start=1)]


def look(base, rows, *, objective=PRM, test=(), **plan):
    return examine(Plan(base=str(base), objective=objective, **plan), rows, test=test, rows=2)


def wrong(base, rows, **options):
    """Status of every check that is not ok; in the small base's tokenizer separators always melt."""
    checks = {each.name: each for each in look(base, rows, **options).checks}
    checks.pop("melting", None)
    return {name: each.status for name, each in checks.items() if each.status is not OK}


def found(base, rows, name, **options):
    return next(each for each in look(base, rows, **options).checks if each.name == name)


def with_tokenizer(base, tmp_path, tokenizer):
    """A copy of the base with another tokenizer."""
    folder = tmp_path / "other"
    shutil.copytree(base, folder)
    tokenizer.save_pretrained(folder)
    return folder


def subject_of(base, labeled, text_format=None):
    """What the checks look at, the pool encoded in another format than the base's."""
    model = load_base(Plan(base=str(base), objective=PRM))
    pool = make_pool(labeled, model.tokenizer, text_format or model.text_format, max_length=256, validation=0.2, seed=0)
    records = {each.solution.name: (f"row {index}", each) for index, each in enumerate(labeled)}
    return Subject(base=model, objective=PRM, records=records, pool=pool, max_length=256)


def test_clean_labels_pass_every_check(tiny_base, labeled):
    diagnosis = look(tiny_base, placed(labeled), test=["Problem of a test set: what is it?"])
    assert {each.name: each.status for each in diagnosis.checks if each.status is not OK} == {"melting": WARNING}
    assert len({each.name for each in diagnosis.checks}) == len(diagnosis.checks) == 20
    assert diagnosis.violations == []


def test_the_page_on_the_doctor_lists_every_check(tiny_base, labeled):
    page = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text(encoding="utf-8")
    names = re.findall(r"^\| `([a-z ]+)`", page, re.MULTILINE)
    there = {each.name for each in look(tiny_base, placed(labeled), test=["Another?"]).checks}
    assert set(names) == there | {"pool", "base", "chat template"} and len(names) == len(set(names))


def test_nothing_to_look_at_is_an_error(tiny_base):
    with pytest.raises(InputError, match="no labelled solutions"):
        look(tiny_base, [])


# Pitfall 10: a placeholder that tokenises differently in context; a row without a label


def test_a_separator_that_melts_into_its_neighbours_in_running_text_is_told(tiny_base, labeled):
    check = found(tiny_base, placed(labeled), "melting")
    assert check.status is WARNING
    assert check.counts == {"found": 20, "separators": 50, "melted": 30}
    assert "in place of" in check.example


def test_a_separator_that_never_melts_is_fine(tiny_base, labeled, tokenizer, tmp_path):
    other = load_tokenizer(str(tiny_base))
    assert other.add_tokens(["<>"]) == 1
    check = found(with_tokenizer(tiny_base, tmp_path, other), placed(labeled), "melting", separator="<>")
    assert check.status is OK


def test_a_separator_that_the_tokenizer_drops_is_a_violation(tiny_base, labeled, tmp_path):
    words = {"<unk>": 0, "Problem": 1}
    model = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    model.pre_tokenizer = pre_tokenizers.Whitespace()
    other = with_tokenizer(tiny_base, tmp_path, PreTrainedTokenizerFast(tokenizer_object=model, unk_token="<unk>"))
    assert wrong(other, placed(labeled)) == {"separator": VIOLATION, "pool": VIOLATION}
    unknown = found(other, placed(labeled), "separator", separator="###")
    assert unknown.status is VIOLATION and "unknown token" in unknown.message


@pytest.mark.parametrize("column", ["labels", "soft_labels", "successes"])
def test_a_row_with_fewer_labels_than_boundaries_is_a_violation(tiny_base, labeled, column):
    rows = placed(labeled)
    rows[3][1][column].pop()
    assert wrong(tiny_base, rows) == {"boundaries": VIOLATION}
    check = found(tiny_base, rows, "boundaries")
    assert check.status is VIOLATION
    assert check.example == f"labels.jsonl:4: 3 steps but 2 {column}"
    assert check.counts == {"found": 1, "labels": 47, "boundaries": 47, "rows": 19}


# Pitfall 11: ids of text that is tokenised again


def test_rows_made_by_tokenising_the_text_again_do_not_pass(tiny_base, labeled, tokenizer):
    subject = subject_of(tiny_base, labeled)
    example = subject.pool.training[0]
    steps = subject.record(example).solution.steps
    again = tokenizer("".join(f"{step}\n\n" for step in steps))["input_ids"]
    start = example.encoded.prompt_length
    ids = example.encoded.ids[:start] + again
    ends = [start + len(again) // 2, len(ids) - 1]
    melted = replace(example, encoded=EncodedSolution(ids, ends, start))
    pool = replace(subject.pool, training=[melted, *subject.pool.training[1:]])
    checks = {each.name: each for each in text_checks.text_checks(replace(subject, pool=pool))}
    assert checks["template"].status is VIOLATION and checks["template"].counts["found"] == 1
    assert example.name in checks["template"].example
    assert label_checks.boundaries({}, [melted], subject.base.separator_ids).status is VIOLATION


# Pitfall 12: labels that are cut off or cast


def test_late_steps_that_the_length_limit_takes_away_are_counted_and_a_violation(tiny_base, labeled):
    limit = len(subject_of(tiny_base, labeled).pool.training[0].encoded.ids)
    check = found(tiny_base, placed(labeled), "truncation", max_length=limit)
    assert wrong(tiny_base, placed(labeled), max_length=limit)["truncation"] is VIOLATION
    assert check.counts["cut"] == check.counts["incorrect_steps"] == check.counts["incorrect_steps_lost"] == 10
    assert "10 of 10 incorrect steps (100.0%) are lost" in check.message


def test_a_limit_that_takes_one_solution_in_many_is_a_warning(tiny_base, labeled, labeled_solution):
    many = [
        labeled_solution(f"p{problem}", [GOOD, BAD, BAD][number:], number) for problem in range(15) for number in (0, 1)
    ]
    many += [
        labeled_solution("p99 " + "and so on " * 20, labels, number) for number, labels in enumerate(([GOOD], [BAD]))
    ]
    assert wrong(tiny_base, placed(many))["truncation"] is WARNING


def test_soft_labels_cast_to_integers_are_no_distribution_and_no_target(tiny_base, labeled):
    rows = placed(labeled)
    for _, row in rows:
        row["soft_labels"] = [[int(value) for value in soft] for soft in row["soft_labels"]]  # 0.75 becomes 0
    assert wrong(tiny_base, rows) == {"targets": VIOLATION, "types": WARNING}
    assert "is no distribution" in found(tiny_base, rows, "targets").example


def test_one_soft_label_that_is_no_distribution_is_found_in_its_row(tiny_base, labeled):
    rows = placed(labeled)
    rows[4][1]["soft_labels"][1] = [0.5, 0.5, 0.5]
    assert wrong(tiny_base, rows) == {"targets": VIOLATION}
    assert found(tiny_base, rows, "targets").example.startswith("labels.jsonl:5: solution p2/0, step 1")


@pytest.mark.parametrize("label", [True, -100, 0.75, 1.0, "1"])
def test_a_label_of_another_type_or_value_is_a_violation(tiny_base, labeled, label):
    rows = placed(labeled)
    rows[2][1]["labels"][0] = label
    assert wrong(tiny_base, rows) == {"types": VIOLATION}
    assert found(tiny_base, rows, "types").example.startswith(
        f"labels.jsonl:3: label {label!r} ({type(label).__name__})"
    )


# Pitfall 13: prompt and first step joined differently, a trailing empty step, a fixed position


def test_a_prompt_joined_differently_in_training_and_scoring_is_a_violation(tiny_base, labeled):
    subject = subject_of(tiny_base, labeled, TextFormat(prompt="{problem} "))
    failed = [each.name for each in text_checks.text_checks(subject) if each.status is VIOLATION]
    assert failed == ["template"]


def test_a_trailing_empty_step_that_would_be_scored_is_a_violation(tiny_base, labeled):
    rows = placed(labeled)
    row = rows[0][1]
    for column in ("steps", "labels", "soft_labels", "successes", "rollouts", "methods"):
        row[column] = [*row[column], " \n" if column == "steps" else row[column][-1]]
    assert wrong(tiny_base, rows) == {"boundaries": VIOLATION}
    assert "step 2 of 3 is blank" in found(tiny_base, rows, "boundaries").example


def test_a_scored_position_that_ends_no_separator_is_a_violation(tiny_base, labeled):
    subject = subject_of(tiny_base, labeled)
    example = subject.pool.training[0]
    fixed = replace(example.encoded, ends=[*example.encoded.ends[:-1], len(example.encoded.ids) - 3])
    check = label_checks.boundaries({}, [replace(example, encoded=fixed)], subject.base.separator_ids)
    assert check.status is VIOLATION and f"token {fixed.ends[-1]} is scored" in check.example


# Pitfall 9: problems that teach nothing, and copies


def test_problems_all_of_whose_solutions_are_right_or_all_wrong_are_counted(tiny_base, labeled, labeled_solution):
    alike = [labeled_solution("p77", labels, number) for number, labels in enumerate(([BAD], [GOOD, BAD]))]
    rows = placed([*labeled, *alike, *(labeled_solution("p78", [GOOD] * (2 + number), number) for number in range(2))])
    assert wrong(tiny_base, rows) == {"problems": WARNING}
    check = found(tiny_base, rows, "problems")
    assert (check.counts["all_right"], check.counts["all_wrong"]) == (1, 1)
    assert wrong(tiny_base, placed(alike), validation=0.0)["problems"] is VIOLATION


def test_copies_of_a_solution_are_counted_and_those_with_other_labels_told(tiny_base, labeled):
    def copy(each):
        return replace(each, solution=replace(each.solution, solution_id="copy"))

    other = replace(copy(labeled[2]), labels=(GOOD, MIDDLE))
    rows = placed([*labeled, copy(labeled[0]), other])
    assert wrong(tiny_base, rows) == {"duplicates": WARNING}
    check = found(tiny_base, rows, "duplicates")
    assert (check.counts["found"], check.counts["contradictory"]) == (2, 1)
    assert check.example == "labels.jsonl:21: p0/copy is p0/0 at labels.jsonl:1 again"


# What else spoils a training


def test_rows_that_training_would_refuse_are_found_all_at_once(tiny_base, labeled):
    rows = placed(labeled)
    del rows[0][1]["rollouts"]
    rows[1][1]["solution_id"] = rows[3][1]["solution_id"] = "1"
    rows[3] = ("labels.jsonl:4", dict(rows[1][1]))
    assert wrong(tiny_base, rows) == {"rows": VIOLATION}
    check = found(tiny_base, rows, "rows")
    assert check.counts["found"] == 2
    assert check.example == "labels.jsonl:1: field 'rollouts' is missing"


def test_without_a_readable_row_the_checks_of_the_rows_still_speak(tiny_base, labeled):
    rows = placed(labeled)
    for _, row in rows:
        row["labels"] = row["labels"][1:]
    assert wrong(tiny_base, rows) == {"boundaries": VIOLATION, "pool": VIOLATION}


def test_soft_labels_in_the_opposite_order_are_a_violation_and_a_single_one_a_warning(tiny_base, labeled):
    turned = placed(labeled)
    for _, row in turned:
        row["soft_labels"] = [soft[::-1] for soft in row["soft_labels"]]
    assert wrong(tiny_base, turned) == {"soft labels": VIOLATION}
    single = placed(labeled)
    single[0][1]["soft_labels"][0] = [1.0, 0.0, 0.0]
    assert wrong(tiny_base, single) == {"soft labels": WARNING}


def test_a_single_class_is_a_violation_for_what_learns_it(tiny_base, labeled_solution):
    fine = placed([labeled_solution(f"p{problem}", [GOOD], 0) for problem in range(5)])
    assert wrong(tiny_base, fine) == {"classes": VIOLATION}
    steps_differ = placed([labeled_solution(f"p{problem}", [GOOD, BAD], 0) for problem in range(5)])
    assert wrong(tiny_base, steps_differ) == {}
    assert wrong(tiny_base, steps_differ, objective=ORM) == {"classes": VIOLATION}


def test_a_rare_class_is_a_warning(tiny_base, labeled_solution):
    rows = placed([labeled_solution(f"p{problem}", [GOOD] * 5, 0) for problem in range(9)])
    rows += placed([labeled_solution("p9", [GOOD, BAD], 0)])
    assert wrong(tiny_base, rows, validation=0.0) == {"classes": WARNING}


def test_an_orm_needs_graded_solutions_and_a_prm_does_not(tiny_base, labeled):
    rows = placed(labeled)
    rows[5][1]["correct"] = None
    assert wrong(tiny_base, rows) == {}
    assert wrong(tiny_base, rows, objective=ORM) == {"targets": VIOLATION}


def test_a_solution_cut_by_the_policys_token_limit_is_told(tiny_base, labeled):
    cut = replace(labeled[1], solution=replace(labeled[1].solution, finish=FinishReason.LENGTH))
    assert wrong(tiny_base, placed([labeled[0], cut, *labeled[2:]])) == {"finish": WARNING}


def _under_two_ids(tiny_base, labeled, change):
    """The held-out problem's text becomes that of a problem that is trained on."""
    subject = subject_of(tiny_base, labeled)
    held_out = subject.pool.validation[0].problem_id
    known = next(each for each in labeled if each.solution.problem.problem_id != held_out).solution.problem
    return [
        replace(
            each,
            solution=replace(each.solution, problem=replace(known, problem_id=held_out, problem=change(known.problem))),
        )
        if each.solution.problem.problem_id == held_out
        else each
        for each in labeled
    ]


def test_a_problem_on_both_sides_of_the_split_in_other_letters_is_a_violation(tiny_base, labeled):
    moved = placed(_under_two_ids(tiny_base, labeled, str.upper))
    assert wrong(tiny_base, moved, validation=0.2) == {"leakage": VIOLATION}
    assert found(tiny_base, moved, "leakage", validation=0.2).counts["near"] == 1


@pytest.mark.parametrize("change", [str, lambda text: f" {text}\n"])
def test_one_problem_under_two_ids_is_on_one_side_of_the_split(tiny_base, labeled, change):
    pool = subject_of(tiny_base, _under_two_ids(tiny_base, labeled, change)).pool
    sides = [{each.problem_id for each in side} for side in (pool.training, pool.validation)]
    assert not sides[0] & sides[1]
    assert found(tiny_base, placed(_under_two_ids(tiny_base, labeled, change)), "leakage").status is Status.OK


def test_one_id_for_two_problems_is_a_warning(tiny_base, labeled):
    problem = replace(labeled[1].solution.problem, problem="Another one: what is it?")
    other = replace(labeled[1], solution=replace(labeled[1].solution, problem=problem))
    assert wrong(tiny_base, placed([labeled[0], other, *labeled[2:]])) == {"problem ids": WARNING}


def test_test_problems_in_the_data_are_a_violation(tiny_base, labeled):
    test = ["problem P3:  what is it?", "Problem p3: what is it?", "Something new?"]
    assert wrong(tiny_base, placed(labeled), test=test) == {"test": VIOLATION}
    check = found(tiny_base, placed(labeled), "test", test=test)
    assert (
        check.message.startswith("1 of 2 test problems") and check.counts["training"] + check.counts["validation"] == 1
    )


def test_problems_that_the_base_learned_from_are_a_violation_in_validation_and_in_the_test(labeled, make_reward):
    base = make_reward("prm")
    held_out = subject_of(base, labeled).pool.validation[0].problem_id
    write_trained(base, [f"Problem {held_out}: what is it?", "Known: what is it?"])
    assert wrong(base, placed(labeled), validation=0.2) == {"base": VIOLATION}
    assert wrong(base, placed(labeled), validation=0.0, test=["Known: what is it?"]) == {"test": VIOLATION}


def test_a_step_that_holds_the_separator_is_told(tiny_base, labeled):
    rows = placed(labeled)
    rows[0][1]["steps"][0] += "\n\nAnd more."
    assert wrong(tiny_base, rows) == {"separator": WARNING}


def test_another_template_or_separator_than_the_base_knows_is_told(labeled, make_reward):
    base = make_reward("prm")
    assert wrong(base, placed(labeled)) == {}
    assert wrong(base, placed(labeled), prompt="Q: {problem}\n\n") == {"format": WARNING}
    assert wrong(base, placed(labeled), separator="\n") == {"format": WARNING}


def test_a_checkpoint_with_another_tokenizer_than_it_was_trained_with_is_a_violation(labeled, make_reward):
    base = make_reward("prm", separator_ids=(7, 7))
    assert wrong(base, placed(labeled)) == {"format": VIOLATION}
    assert "the model was trained on [7, 7]" in found(base, placed(labeled), "format").message


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{{ strftime_now('%d %B') }}: {{ messages[0]['content'] }}\n", "it writes today's date"),
        ("{{ messages[0]['content'][:5] }}\n", "it leaves out 'Problem p"),
    ],
)
def test_a_chat_template_with_todays_date_or_without_the_problem_is_a_violation(
    tiny_base, labeled, tmp_path, template, fault
):
    chat = load_tokenizer(str(tiny_base))
    chat.chat_template = template
    base = with_tokenizer(tiny_base, tmp_path, chat)
    check = found(base, placed(labeled), "chat template")
    assert check.status is VIOLATION and check.example.startswith(fault)
    chat.chat_template = "Q: {{ messages[0]['content'] }}\n"
    chat.save_pretrained(base)
    assert found(base, placed(labeled), "chat template").status is OK


def test_an_id_beyond_the_models_embeddings_is_a_violation(tiny_base, labeled, tmp_path):
    larger = load_tokenizer(str(tiny_base))
    larger.add_tokens(["<step>"])
    base = with_tokenizer(tiny_base, tmp_path, larger)
    assert wrong(base, placed(labeled), separator="<step>") == {"vocabulary": VIOLATION}
    assert wrong(base, placed(labeled)) == {}


def test_characters_that_the_tokenizer_does_not_know_are_told(tiny_base, labeled, tmp_path):
    words = {
        word: index
        for index, word in enumerate(("<unk>", ";", "Problem", "Step", "of", "is", "what", "it", "?", ":", "."))
    }
    model = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    model.pre_tokenizer = pre_tokenizers.Whitespace()
    other = with_tokenizer(tiny_base, tmp_path, PreTrainedTokenizerFast(tokenizer_object=model, unk_token="<unk>"))
    assert wrong(other, placed(labeled), separator=";") == {"vocabulary": WARNING, "text": WARNING}


def test_padding_as_the_separator_is_a_violation_and_the_end_token_a_warning(tiny_base, labeled):
    assert wrong(tiny_base, placed(labeled), separator="<|pad|>")["separator"] is VIOLATION
    assert wrong(tiny_base, placed(labeled), separator="<|end|>") == {"special tokens": WARNING}


def test_a_special_token_in_a_step_and_an_end_token_after_the_prompt_are_told(tiny_base, labeled):
    rows = placed(labeled)
    rows[0][1]["steps"][0] += "<|end|>"
    assert wrong(tiny_base, rows) == {"special tokens": WARNING}
    assert (
        "ends the prompt with" in found(tiny_base, placed(labeled), "special tokens", prompt="{problem}<|end|>").example
    )


def test_rows_are_decoded_from_the_ids_that_are_trained_on(tiny_base, labeled):
    first, second = look(tiny_base, placed(labeled)).rows
    assert (first.prompt, [step.label for step in first.steps]) == ("Problem p0: what is it?\n\n", [GOOD, MIDDLE, BAD])
    assert [step.text for step in first.steps] == list(labeled[1].solution.steps)
    assert {step.read for step in first.steps} == {"\n\n"}
    assert (first.place, second.solution) == ("labels.jsonl:2", "p1/1")
