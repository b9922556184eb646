from collections import Counter
from dataclasses import replace

import pytest

from prmkit.errors import InputError, ShapeError
from prmkit.records import FinishReason, StepEstimate, StepLabel
from prmkit.steps import EncodedSolution, TextFormat
from prmkit.training.data import Example, held_out_problems, make_pool

BAD, MIDDLE, GOOD = StepLabel
FORMAT = TextFormat()


def pool_of(labeled, tokenizer, **options):
    return make_pool(labeled, tokenizer, FORMAT, **({"max_length": 256, "validation": 0.0, "seed": 0} | options))


def test_every_label_stays_on_the_separator_that_ends_its_step(labeled_solution, tokenizer):
    labeled = labeled_solution("p1", [GOOD, MIDDLE, BAD])
    (example,) = pool_of([labeled], tokenizer).training
    texts = []
    start = example.encoded.prompt_length
    for end in example.encoded.ends:
        texts.append(tokenizer.decode(example.encoded.ids[start : end + 1]))
        start = end + 1
    assert texts == [f"{step}\n\n" for step in labeled.solution.steps]
    assert start == len(example.encoded.ids)
    assert example.labels == (GOOD, MIDDLE, BAD)


def test_separator_ids_do_not_melt_into_their_neighbours_as_they_do_in_running_text(labeled_solution, tokenizer):
    labeled = labeled_solution("p1", [GOOD, GOOD])
    separator = tokenizer("\n\n", add_special_tokens=False)["input_ids"]
    running = tokenizer("\n\n".join(labeled.solution.steps))["input_ids"]
    assert not set(separator) & set(running)  # the failure: in context the separator is another token
    (example,) = pool_of([labeled], tokenizer).training
    assert [example.encoded.ids[end] for end in example.encoded.ends] == [separator[-1]] * 2


def test_late_labels_are_cut_with_their_steps_and_counted_not_sliced_off(labeled_solution, tokenizer):
    labeled = labeled_solution("p1", [GOOD, GOOD, MIDDLE, BAD])
    (whole,) = pool_of([labeled], tokenizer).training
    pool = pool_of([labeled], tokenizer, max_length=whole.encoded.ends[2] + 2)  # one token into the last step
    (example,) = pool.training
    assert example.labels == (GOOD, GOOD, MIDDLE)
    assert example.encoded.ids == whole.encoded.ids[: whole.encoded.ends[2] + 1]
    assert example.encoded.ends == whole.encoded.ends[:3]
    assert (pool.cut, pool.too_long) == (1, 0)


def test_a_solution_exactly_as_long_as_the_limit_is_not_cut(labeled_solution, tokenizer):
    labeled = labeled_solution("p1", [GOOD, BAD])
    length = len(pool_of([labeled], tokenizer).training[0].encoded.ids)
    assert pool_of([labeled], tokenizer, max_length=length).cut == 0
    assert pool_of([labeled], tokenizer, max_length=length - 1).cut == 1


def test_a_solution_whose_first_step_does_not_fit_is_left_out_and_counted(labeled_solution, tokenizer):
    short, long = labeled_solution("p1", [GOOD]), labeled_solution("p2 " + "with many words " * 20, [GOOD, GOOD])
    pool = pool_of([short, long], tokenizer, max_length=60)
    assert [example.problem_id for example in pool.training] == ["p1"]
    assert (pool.cut, pool.too_long) == (0, 1)


def test_without_cutting_a_long_solution_is_left_out_whole(labeled_solution, tokenizer):
    one, four = labeled_solution("p1", [GOOD]), labeled_solution("p2", [GOOD] * 4)
    limit = len(pool_of([four], tokenizer).training[0].encoded.ids) - 1
    pool = pool_of([one, four], tokenizer, max_length=limit, cut=False)
    assert [example.name for example in pool.training] == ["p1/0"]
    assert (pool.cut, pool.too_long) == (0, 1)


def test_nothing_that_fits_is_an_error_that_says_so(labeled_solution, tokenizer):
    with pytest.raises(InputError, match=r"no solution to train on: 1 labelled solutions, .* 1 longer than 3 tokens"):
        pool_of([labeled_solution("p1", [GOOD])], tokenizer, max_length=3)


def test_identical_solutions_of_a_problem_count_once(labeled_solution, tokenizer):
    labeled = [labeled_solution("p1", [GOOD, BAD], 0), labeled_solution("p1", [GOOD, BAD], 1)]
    pool = pool_of([*labeled, labeled_solution("p2", [GOOD, BAD], 0)], tokenizer)
    assert [example.name for example in pool.training] == ["p1/0", "p2/0"]
    assert pool.duplicates == 1


def test_labels_and_boundaries_that_differ_in_number_raise_and_name_the_solution():
    with pytest.raises(ShapeError, match="solution p7/3: 2 step boundaries but 1 labels"):
        Example(
            name="p7/3",
            problem_id="p7",
            encoded=EncodedSolution([1, 2, 3], [1, 2], 1),
            labels=(GOOD,),
            soft_labels=((0.0, 0.0, 1.0),),
            estimates=(StepEstimate(successes=1, rollouts=1),),
            correct=True,
        )


def test_a_row_without_any_label_raises_and_names_the_solution():
    with pytest.raises(ShapeError, match="solution p7/3: not one step with a label"):
        Example(
            name="p7/3",
            problem_id="p7",
            encoded=EncodedSolution([1], [], 1),
            labels=(),
            soft_labels=(),
            estimates=(),
            correct=True,
        )


def test_no_problem_has_solutions_on_both_sides_of_the_split(labeled_pool, tokenizer):
    pool = pool_of(labeled_pool(60), tokenizer, validation=0.25)
    training, validation = ({each.problem_id for each in side} for side in (pool.training, pool.validation))
    assert not training & validation
    assert len(training | validation) == 60
    assert 5 <= len(validation) <= 25


def test_the_side_of_a_problem_does_not_depend_on_the_other_problems():
    ids = [f"p{index}" for index in range(200)]
    few, all_ = held_out_problems(ids[:100], 0.2, seed=1), held_out_problems(ids[::-1], 0.2, seed=1)
    assert few == {each for each in all_ if int(each[1:]) < 100}
    assert all_ != held_out_problems(ids, 0.2, seed=2)


def test_a_small_pool_still_holds_out_one_problem_and_no_share_holds_out_none():
    assert len(held_out_problems(["a", "b", "c"], 1e-9, seed=0)) == 1
    assert held_out_problems(["a", "b", "c"], 0.0, seed=0) == set()


def test_a_share_outside_its_range_is_refused(labeled_pool, tokenizer):
    with pytest.raises(InputError, match="validation share must be in"):
        pool_of(labeled_pool(2), tokenizer, validation=1.0)


def test_the_fingerprint_changes_with_a_label(labeled_solution, tokenizer):
    labeled = labeled_solution("p1", [GOOD, BAD])
    other = replace(labeled, labels=(GOOD, MIDDLE))
    assert pool_of([labeled], tokenizer).data == pool_of([labeled], tokenizer).data
    assert pool_of([labeled], tokenizer).data != pool_of([other], tokenizer).data


def test_the_fingerprint_changes_with_a_count(labeled_solution, tokenizer):
    labeled = labeled_solution("p1", [GOOD, BAD])
    more = replace(labeled, estimates=(StepEstimate(successes=8, rollouts=8), labeled.estimates[1]))
    assert pool_of([labeled], tokenizer).data != pool_of([more], tokenizer).data


def test_the_counts_of_a_cut_example_are_cut_with_its_labels(labeled_solution, tokenizer):
    labeled = labeled_solution("p1", [GOOD, BAD, MIDDLE])
    whole = pool_of([labeled], tokenizer).training[0]
    (cut,) = pool_of([labeled], tokenizer, max_length=whole.encoded.ends[1] + 1).training
    assert (len(cut.labels), cut.estimates) == (2, labeled.estimates[:2])


def test_solutions_beyond_the_cap_of_a_problem_are_left_out_by_the_seed_and_counted(labeled_pool, tokenizer):
    labeled = labeled_pool(30, per_problem=6)
    every = pool_of(labeled, tokenizer, validation=0.2)
    capped, other = (pool_of(labeled, tokenizer, validation=0.2, per_problem=2, seed=seed) for seed in (0, 0))
    members = Counter(example.problem_id for example in capped.training)
    assert set(members.values()) == {2}
    assert capped.surplus == len(every.training) - len(capped.training)
    assert len(capped.validation) == len(every.validation)  # nothing is learned from these
    assert [each.name for each in capped.training] == [each.name for each in other.training]
    assert {each.name for each in capped.training} <= {each.name for each in every.training}
    drawn = pool_of(labeled, tokenizer, per_problem=2, validation=0.0, seed=1).training
    first = pool_of(labeled, tokenizer, per_problem=2, validation=0.0, seed=0).training
    assert {each.name for each in drawn} != {each.name for each in first}


def test_problems_that_are_all_right_or_all_wrong_are_counted(labeled_solution, tokenizer):
    labeled = [
        labeled_solution("both", [GOOD], 0),
        labeled_solution("both", [BAD], 1),
        labeled_solution("right", [GOOD], 0),
        labeled_solution("wrong", [GOOD, BAD], 0),
        labeled_solution("wrong", [BAD], 1),
    ]
    pool = pool_of(labeled, tokenizer)
    assert pool.one_kind() == pool.counts()["training_problems_one_kind"] == 2


def test_a_solution_that_lacks_its_end_is_left_out_where_the_whole_is_needed(labeled_solution, tokenizer):
    whole, cut = labeled_solution("p1", [GOOD]), labeled_solution("p2", [GOOD])
    cut = replace(cut, solution=replace(cut.solution, finish=FinishReason.STEP))
    kept = pool_of([whole, cut], tokenizer)
    left = pool_of([whole, cut], tokenizer, cut=False)
    assert (len(kept.training), kept.unfinished) == (2, 0)
    assert ([each.name for each in left.training], left.unfinished) == (["p1/0"], 1)


def test_a_solution_that_nobody_graded_is_left_out_where_outcomes_are_learned_and_counted(labeled_solution, tokenizer):
    graded, other = labeled_solution("p1", [GOOD]), labeled_solution("p2", [GOOD])
    other = replace(other, solution=replace(other.solution, correct=None))
    pool = pool_of([graded, other], tokenizer, outcomes=True)
    assert ([each.name for each in pool.training], pool.ungraded) == (["p1/0"], 1)
    assert pool_of([graded, other], tokenizer).ungraded == 0
    with pytest.raises(InputError, match=r"1 never graded \(field 'correct'\)"):
        pool_of([other], tokenizer, outcomes=True)


def test_counts_say_how_many_of_each_class_there_are(labeled_solution, tokenizer):
    pool = pool_of([labeled_solution("p1", [GOOD, GOOD, BAD]), labeled_solution("p2", [MIDDLE])], tokenizer)
    counts = pool.counts()
    assert (counts["training_steps_incorrect"], counts["training_steps_neutral"], counts["training_steps_correct"]) == (
        1,
        1,
        2,
    )
    assert (counts["training_solutions"], counts["training_solutions_correct"]) == (2, 1)


def test_a_pool_of_one_class_is_noticed(labeled_solution, tokenizer):
    one = pool_of([labeled_solution("p1", [GOOD, GOOD])], tokenizer)
    assert (one.one_class(steps=True), one.one_class(steps=False)) == ("correct", "correct")
    two = pool_of([labeled_solution("p1", [GOOD, MIDDLE])], tokenizer)
    assert (two.one_class(steps=True), two.one_class(steps=False)) == (None, "correct")


def test_whatever_decides_targets_or_what_is_left_out_is_part_of_the_fingerprint(labeled_solution, tokenizer):
    labeled = labeled_solution("p1", [GOOD, BAD])
    solution = labeled.solution
    others = [
        replace(solution, correct=not solution.correct),
        replace(solution, finish=FinishReason.STEP),
        replace(solution, solution_id="another"),
    ]
    pools = [pool_of([replace(labeled, solution=each)], tokenizer).data for each in (solution, *others)]
    assert len(set(pools)) == 4


def test_one_problem_under_two_ids_is_never_on_both_sides_of_the_split(labeled_solution, tokenizer):
    """Else it leaks: aggregation, early stopping and metrics are those of problems that were learned (PITFALLS 27)."""
    labeled = [labeled_solution(f"p{number}", [GOOD, BAD]) for number in range(12)]
    copies = [
        replace(
            each,
            solution=replace(
                each.solution,
                problem=replace(each.solution.problem, problem_id=f"q{number}"),
                steps=(*each.solution.steps[:-1], "Another end."),
            ),
        )
        for number, each in enumerate(labeled)
    ]
    pool = pool_of([*labeled, *copies], tokenizer, validation=0.5)
    sides = [
        {tuple(each.encoded.ids[: each.encoded.prompt_length]) for each in part}
        for part in (pool.training, pool.validation)
    ]
    assert sides[0]
    assert sides[1]
    assert not sides[0] & sides[1]
