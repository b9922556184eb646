from dataclasses import replace

import numpy as np
import pytest

from prmkit.errors import InputError
from prmkit.records import StepLabel
from prmkit.rewards.metadata import RewardKind
from prmkit.steps import TextFormat
from prmkit.training.data import make_pool
from prmkit.training.objectives import AfterError, Objective, Targets, TokenLoss

BAD, MIDDLE, GOOD = StepLabel
PRM, ORM = RewardKind.PRM, RewardKind.ORM


@pytest.fixture
def example(labeled_solution, tokenizer):
    labeled = labeled_solution("p1", [GOOD, BAD, MIDDLE, GOOD])
    return make_pool([labeled], tokenizer, TextFormat(), max_length=256, validation=0, seed=0).training[0]


def test_hard_targets_put_all_mass_on_the_class_of_the_step(example):
    row = Objective(kind=PRM).row(example)
    assert row.positions == example.encoded.ends
    assert row.targets.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert row.targets.dtype == np.float32


def test_a_soft_label_of_three_quarters_stays_three_quarters(example):
    row = Objective(kind=PRM, targets=Targets.SOFT).row(example)
    assert row.targets.tolist() == [[0, 0.25, 0.75], [0.75, 0.25, 0], [0.25, 0.5, 0.25], [0, 0.25, 0.75]]


def test_mask_learns_nothing_after_the_first_error_and_keep_learns_everything(example):
    keep = Objective(kind=PRM, after_error=AfterError.KEEP).row(example)
    mask = Objective(kind=PRM, after_error=AfterError.MASK).row(example)
    assert keep.positions == example.encoded.ends
    assert mask.positions == example.encoded.ends[:2]  # the error itself is learned
    assert mask.targets.tolist() == keep.targets[:2].tolist()
    assert mask.ids == keep.ids


def test_mask_changes_nothing_in_a_solution_without_an_error(labeled_solution, tokenizer):
    labeled = labeled_solution("p1", [GOOD, MIDDLE, GOOD])
    (example,) = make_pool([labeled], tokenizer, TextFormat(), max_length=256, validation=0, seed=0).training
    assert Objective(kind=PRM, after_error=AfterError.MASK).row(example).positions == example.encoded.ends


def test_an_orm_learns_the_outcome_at_every_token_of_the_solution_and_none_of_the_prompt(example):
    row = Objective(kind=ORM, loss=TokenLoss.TOKENS).row(example)
    assert row.positions == list(range(example.encoded.prompt_length, len(example.encoded.ids)))
    assert (row.targets == 0.0).all()
    right = Objective(kind=ORM).row(replace(example, correct=True))
    assert (right.targets == 1.0).all()
    assert right.targets.shape == (len(row.positions), 1)


def test_an_orm_may_learn_at_the_last_token_only(example):
    row = Objective(kind=ORM, loss=TokenLoss.LAST).row(example)
    assert row.positions == [len(example.encoded.ids) - 1]


def test_only_the_last_token_loss_needs_whole_solutions():
    assert Objective(kind=ORM, loss=TokenLoss.LAST).needs_whole_solutions
    assert not Objective(kind=ORM, loss=TokenLoss.TOKENS).needs_whole_solutions
    assert not Objective(kind=PRM, loss=TokenLoss.LAST).needs_whole_solutions


def test_an_orm_refuses_a_solution_that_nobody_graded_and_names_it(example):
    with pytest.raises(InputError, match="solution p1/0: field 'correct' is missing"):
        Objective(kind=ORM).row(replace(example, correct=None))
    assert Objective(kind=PRM).row(replace(example, correct=None)).positions


@pytest.mark.parametrize("soft", [(0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (-0.5, 0.5, 1.0), (float("nan"), 0.0, 1.0)])
def test_a_soft_label_that_is_no_distribution_is_refused_with_solution_and_step(example, soft):
    spoiled = replace(example, soft_labels=(*example.soft_labels[:2], soft, example.soft_labels[3]))
    with pytest.raises(InputError, match="solution p1/0, step 2: soft label"):
        Objective(kind=PRM, targets=Targets.SOFT).row(spoiled)
