from dataclasses import replace

import numpy as np
import pytest

from prmkit.errors import InputError
from prmkit.records import EstimateMethod, StepEstimate, StepLabel
from prmkit.rewards.metadata import Pooling, RewardKind
from prmkit.steps import TextFormat, encode_solution
from prmkit.training.choices import AfterError, Marks, Neutral, OutcomeLoss, Targets
from prmkit.training.data import make_pool
from prmkit.training.objectives import ORMObjective, PRMObjective, ValueObjective, objective_of

BAD, MIDDLE, GOOD = StepLabel


def example_of(labeled, tokenizer):
    return make_pool([labeled], tokenizer, TextFormat(), max_length=256, validation=0, seed=0).training[0]


@pytest.fixture
def labeled(labeled_solution):
    return labeled_solution("p1", [GOOD, BAD, MIDDLE, GOOD])


@pytest.fixture
def example(labeled, tokenizer):
    return example_of(labeled, tokenizer)


def with_counts(example, *counts):
    return replace(example, estimates=tuple(StepEstimate(successes=k, rollouts=n) for k, n in counts))


def test_hard_targets_put_all_mass_on_the_class_of_the_step(example):
    row = PRMObjective().row(example)
    assert row.positions == example.encoded.ends
    assert row.targets.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert row.targets.dtype == np.float32


def test_a_soft_label_of_three_quarters_stays_three_quarters(example):
    row = PRMObjective(targets=Targets.SOFT).row(example)
    assert row.targets.tolist() == [[0, 0.25, 0.75], [0.75, 0.25, 0], [0.25, 0.5, 0.25], [0, 0.25, 0.75]]


def test_value_targets_are_the_rates_of_the_counts(example):
    row = PRMObjective(targets=Targets.VALUE).row(with_counts(example, (8, 8), (0, 8), (3, 8), (1, 1)))
    assert row.positions == example.encoded.ends
    assert row.targets.tolist() == [[1.0], [0.0], [0.375], [1.0]]


@pytest.mark.parametrize("objective", [PRMObjective(targets=Targets.VALUE), ValueObjective()])
def test_one_right_rollout_of_sixteen_is_not_learned_as_a_correct_step(example, objective):
    row = objective.row(with_counts(example, (1, 16), (0, 16), (16, 16), (1, 1)))
    assert row.targets[0, 0] == pytest.approx(1 / 16)


@pytest.mark.parametrize("objective", [PRMObjective(targets=Targets.VALUE), ValueObjective()])
def test_steps_that_nothing_was_drawn_from_have_no_value_to_learn(example, objective):
    inferred = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)
    drawn = with_counts(example, (8, 8), (0, 8), (3, 8), (1, 1)).estimates
    row = objective.row(replace(example, estimates=(inferred, *drawn[1:])))
    assert row.positions == example.encoded.ends[1:]
    assert row.targets.tolist() == [[0.0], [0.375], [1.0]]
    assert objective.row(replace(example, estimates=(inferred,) * 4)) is None


@pytest.mark.parametrize(
    ("neutral", "positions", "third"),
    [
        (Neutral.KEEP, [0, 1, 2, 3], [0, 1, 0]),
        (Neutral.CORRECT, [0, 1, 2, 3], [0, 0, 1]),
        (Neutral.INCORRECT, [0, 1, 2, 3], [1, 0, 0]),
        (Neutral.MASK, [0, 1, 3], None),
    ],
)
def test_neutral_steps_are_learned_as_the_option_says_and_not_silently_as_negative(example, neutral, positions, third):
    row = PRMObjective(neutral=neutral).row(example)
    assert row.positions == [example.encoded.ends[step] for step in positions]
    if third is not None:
        assert row.targets[2].tolist() == third
    assert PRMObjective().neutral is Neutral.KEEP


def test_the_neutral_mass_of_a_soft_label_goes_where_neutral_steps_go(example):
    targets = {
        neutral: PRMObjective(targets=Targets.SOFT, neutral=neutral).row(example).targets.tolist()
        for neutral in (Neutral.CORRECT, Neutral.INCORRECT, Neutral.MASK)
    }
    assert targets[Neutral.CORRECT] == [[0, 0, 1], [0.75, 0, 0.25], [0.25, 0, 0.75], [0, 0, 1]]
    assert targets[Neutral.INCORRECT] == [[0.25, 0, 0.75], [1, 0, 0], [0.75, 0, 0.25], [0.25, 0, 0.75]]
    assert targets[Neutral.MASK] == [[0, 0.25, 0.75], [0.75, 0.25, 0], [0, 0.25, 0.75]]


def test_a_solution_whose_every_step_is_masked_teaches_nothing(labeled_solution, tokenizer):
    neutral = example_of(labeled_solution("p1", [MIDDLE, MIDDLE]), tokenizer)
    assert PRMObjective(neutral=Neutral.MASK).row(neutral) is None


def test_mask_learns_nothing_after_the_first_error_and_keep_learns_everything(example):
    keep, mask = (PRMObjective(after_error=each).row(example) for each in (AfterError.KEEP, AfterError.MASK))
    assert keep.positions == example.encoded.ends
    assert mask.positions == example.encoded.ends[:2]  # the error itself is learned
    assert mask.targets.tolist() == keep.targets[:2].tolist()
    assert mask.ids == keep.ids


def test_drop_learns_what_mask_does_and_does_not_read_the_rest(example):
    mask, drop = (PRMObjective(after_error=each).row(example) for each in (AfterError.MASK, AfterError.DROP))
    assert drop.positions == mask.positions
    assert drop.targets.tolist() == mask.targets.tolist()
    assert drop.ids == mask.ids[: example.encoded.ends[1] + 1]


@pytest.mark.parametrize("after_error", [AfterError.MASK, AfterError.DROP])
def test_a_solution_without_an_error_is_learned_whole(labeled_solution, tokenizer, after_error):
    example = example_of(labeled_solution("p1", [GOOD, MIDDLE, GOOD]), tokenizer)
    row = PRMObjective(after_error=after_error).row(example)
    assert (row.ids, row.positions) == (example.encoded.ids, example.encoded.ends)


def test_a_neutral_step_that_is_learned_as_incorrect_is_an_error_too(labeled_solution, tokenizer):
    example = example_of(labeled_solution("p1", [GOOD, MIDDLE, GOOD]), tokenizer)
    row = PRMObjective(neutral=Neutral.INCORRECT, after_error=AfterError.MASK).row(example)
    assert row.positions == example.encoded.ends[:2]


def tokens_of(example, *steps):
    """Indices of the tokens of these steps, each with its separator."""
    begins = [example.encoded.prompt_length, *(end + 1 for end in example.encoded.ends)]
    return [at for step in steps for at in range(begins[step], example.encoded.ends[step] + 1)]


def at_ends(example, row):
    """Of the row's targets those at the ends of steps."""
    return [
        target for at, target in zip(row.positions, row.targets.tolist(), strict=True) if at in example.encoded.ends
    ]


def test_marks_at_tokens_are_every_token_of_the_solution_with_the_target_of_its_step(example):
    ends, tokens = (PRMObjective(marks=marks).row(example) for marks in Marks)
    assert tokens.positions == list(range(example.encoded.prompt_length, len(example.encoded.ids)))
    assert (tokens.ids, tokens.prompt_length) == (ends.ids, ends.prompt_length)
    assert tokens.targets.dtype == np.float32
    expected = [target for step, target in enumerate(ends.targets.tolist()) for _ in tokens_of(example, step)]
    assert tokens.targets.tolist() == expected and len(expected) > 3 * len(ends.targets)
    assert PRMObjective().marks is Marks.ENDS


@pytest.mark.parametrize(
    "options",
    [
        {"targets": Targets.SOFT},
        {"targets": Targets.VALUE},
        {"neutral": Neutral.MASK},
        {"neutral": Neutral.CORRECT, "after_error": AfterError.MASK},
        {"targets": Targets.SOFT, "after_error": AfterError.DROP},
    ],
)
def test_marks_at_tokens_learn_at_step_ends_what_marks_at_ends_do(example, options):
    counted = with_counts(example, (8, 8), (0, 8), (3, 8), (1, 1))
    ends, tokens = (PRMObjective(marks=marks, **options).row(counted) for marks in Marks)
    assert at_ends(counted, tokens) == ends.targets.tolist()
    assert [at for at in tokens.positions if at in counted.encoded.ends] == ends.positions
    assert tokens.ids == ends.ids and tokens.positions == sorted(set(tokens.positions))


def test_no_token_of_a_step_that_teaches_nothing_is_marked(example):
    masked = PRMObjective(marks=Marks.TOKENS, neutral=Neutral.MASK).row(example)
    assert masked.positions == tokens_of(example, 0, 1, 3)
    inferred = StepEstimate(successes=0, rollouts=0, method=EstimateMethod.INFERRED)
    drawn = with_counts(example, (8, 8), (0, 8), (3, 8), (1, 1)).estimates
    valued = PRMObjective(marks=Marks.TOKENS, targets=Targets.VALUE).row(
        replace(example, estimates=(inferred, *drawn[1:]))
    )
    assert valued.positions == tokens_of(example, 1, 2, 3)
    assert valued.targets.ravel().tolist() == [
        rate for step, rate in ((1, 0.0), (2, 0.375), (3, 1.0)) for _ in tokens_of(example, step)
    ]


@pytest.mark.parametrize("after_error", [AfterError.MASK, AfterError.DROP])
def test_no_token_after_the_first_error_is_marked(example, after_error):
    row = PRMObjective(marks=Marks.TOKENS, after_error=after_error).row(example)
    assert row.positions == tokens_of(example, 0, 1)
    assert len(row.ids) == (row.positions[-1] + 1 if after_error is AfterError.DROP else len(example.encoded.ids))


def test_a_solution_whose_every_step_is_masked_teaches_nothing_at_its_tokens_either(labeled_solution, tokenizer):
    neutral = example_of(labeled_solution("p1", [MIDDLE, MIDDLE]), tokenizer)
    assert PRMObjective(neutral=Neutral.MASK, marks=Marks.TOKENS).row(neutral) is None


def test_an_orm_learns_the_outcome_at_every_token_of_the_solution_and_none_of_the_prompt(example):
    row = ORMObjective().row(example)
    assert row.positions == list(range(example.encoded.prompt_length, len(example.encoded.ids)))
    assert (row.targets == 0.0).all()
    right = ORMObjective().row(replace(example, correct=True))
    assert (right.targets == 1.0).all()
    assert right.targets.shape == (len(row.positions), 1)


@pytest.mark.parametrize("loss", [each for each in OutcomeLoss if each is not OutcomeLoss.TOKENS])
def test_every_other_loss_of_an_orm_marks_the_last_token_and_needs_the_whole_solution(example, loss):
    objective = ORMObjective(loss=loss)
    assert objective.row(example).positions == [len(example.encoded.ids) - 1]
    assert objective.needs_whole_solutions
    assert objective.pooling is (Pooling.MEAN if loss is OutcomeLoss.MEAN else Pooling.LAST)


def test_losses_at_tokens_and_steps_do_not_need_whole_solutions():
    assert not any(each.needs_whole_solutions for each in (ORMObjective(), PRMObjective(), ValueObjective()))


def test_only_the_text_of_right_solutions_is_learned_as_language(example):
    objective = ORMObjective(lm_weight=0.5)
    assert [objective.row(replace(example, correct=right)).language for right in (True, False)] == [True, False]
    assert not ORMObjective().row(replace(example, correct=True)).language


def test_an_orm_refuses_a_solution_that_nobody_graded_and_names_it(example):
    with pytest.raises(InputError, match="solution p1/0: field 'correct' is missing"):
        ORMObjective().row(replace(example, correct=None))
    assert PRMObjective().row(replace(example, correct=None)).positions


@pytest.mark.parametrize("soft", [(0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (-0.5, 0.5, 1.0), (float("nan"), 0.0, 1.0)])
def test_a_soft_label_that_is_no_distribution_is_refused_with_solution_and_step(example, soft):
    spoiled = replace(example, soft_labels=(*example.soft_labels[:2], soft, example.soft_labels[3]))
    with pytest.raises(InputError, match="solution p1/0, step 2: soft label"):
        PRMObjective(targets=Targets.SOFT).row(spoiled)


@pytest.mark.parametrize(
    "objective", [PRMObjective(), PRMObjective(marks=Marks.TOKENS), ORMObjective(), ValueObjective()]
)
def test_prompt_and_first_step_are_joined_in_training_as_in_scoring(labeled, example, tokenizer, objective):
    solution = labeled.solution
    scored = encode_solution(tokenizer, TextFormat(), solution.problem.problem, solution.steps)
    row = objective.row(example)
    assert (row.ids, row.prompt_length) == (scored.ids, scored.prompt_length)
    assert {*scored.ends} <= {*row.positions}  # some learn at every token


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: PRMObjective(targets=Targets.VALUE, neutral=Neutral.MASK),
            "--neutral mask has no effect with --targets",
        ),
        (
            lambda: PRMObjective(targets=Targets.VALUE, class_weights="balanced"),
            "--class-weights balanced has no effect",
        ),
        (lambda: PRMObjective(class_weights=(1.0, -1.0, 1.0)), "--class-weights must not be negative"),
        (lambda: PRMObjective(class_weights=(0.0, 0.0, 0.0)), "--class-weights must not be negative, and not all zero"),
        (lambda: PRMObjective(neutral_weight=1.5), r"--neutral-weight must be in \[0, 1\]"),
        (lambda: ORMObjective(loss=OutcomeLoss.LAST, lm_weight=1.0), "--lm-weight 1.0 has no effect with --loss last"),
        (
            lambda: ORMObjective(margin=1.0),
            "--margin 1.0 has no effect with --loss tokens; it belongs to --loss pairwise",
        ),
        (
            lambda: ORMObjective(loss=OutcomeLoss.LISTWISE, margin=1.0),
            "--margin 1.0 has no effect with --loss listwise",
        ),
        (lambda: ORMObjective(balance=False), "--balance False has no effect with --loss tokens"),
        (lambda: ORMObjective(loss=OutcomeLoss.MEAN, group_size=4), "--group-size 4 has no effect with --loss mean"),
        (lambda: ORMObjective(loss=OutcomeLoss.PAIRWISE, group_size=1), "--group-size at least 2"),
        (lambda: ORMObjective(lm_weight=-1.0), "--lm-weight and --margin must not be negative"),
    ],
)
def test_options_without_effect_or_out_of_range_are_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_a_kind_that_is_not_learned_from_labels_has_no_objective():
    assert objective_of(RewardKind.VALUE) == ValueObjective()
    with pytest.raises(InputError, match="preference model is not learned from labelled solutions"):
        objective_of(RewardKind.PREFERENCE)
