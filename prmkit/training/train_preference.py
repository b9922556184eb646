"""From checked preferences or ratings to a model of them: losses, validation, and the fit that all models share."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from prmkit.errors import InputError
from prmkit.evaluation.correlation import rank_correlation
from prmkit.evaluation.preference_data import PreferenceCheck, RatingCheck
from prmkit.formats.preferences import Preference, Rating
from prmkit.rewards.base import Aggregation
from prmkit.rewards.metadata import RewardKind, RewardMetadata
from prmkit.runs import contents
from prmkit.training.base import open_base
from prmkit.training.config import TrainConfig
from prmkit.training.fit import Task, fit
from prmkit.training.losses import BinaryLoss, ComparisonLoss, comparison_mean, mean_loss
from prmkit.training.pairs import Comparison
from prmkit.training.preferences import (
    PreferenceData,
    PreferenceObjective,
    RatingData,
    Response,
    preference_data,
    preference_groups,
    rating_data,
    response_row,
)

if TYPE_CHECKING:
    from transformers import TrainerCallback

PARTS = ("training", "validation")
"""Of the data."""


def train_preference(
    config: TrainConfig,
    objective: PreferenceObjective,
    check: PreferenceCheck | RatingCheck,
    out: Path,
    *,
    say: Callable[[str], object] = print,
    report_to: str = "none",
    callbacks: Sequence["TrainerCallback"] = (),
) -> RewardMetadata:
    """Train a preference model, or go on with a run that was interrupted.

    Args:
        config: How.
        objective: What.
        check: The data, checked.
        out: Folder of the model; see `prmkit.training.run` for what is in it.
        say: Receives lines for the user.
        report_to: Where the Trainer reports.
        callbacks: Further callbacks of the Trainer.

    Returns:
        The metadata written beside the weights.

    Raises:
        InputError: The data, the base or an option cannot be used.
        MissingFileError: The base is not there.
        RunChangedError: `out` holds a run with another configuration or other data.
    """
    objective.check(ratings=isinstance(check, RatingCheck))
    if config.per_problem is not None:
        raise InputError("--per-problem draws from labelled solutions; leave it out")
    base = open_base(config)
    share, seed = config.validation, config.seed
    if isinstance(check, RatingCheck):
        task = rating_task(
            rating_data(check.kept, base, validation=share, seed=seed, scale=objective.rating_range), objective, check
        )
    else:
        task = preference_task(preference_data(check.kept, base, validation=share, seed=seed), objective, check)
    return fit(task, base, config, out, say=say, report_to=report_to, callbacks=callbacks)


def preference_task(data: PreferenceData, objective: PreferenceObjective, check: PreferenceCheck) -> Task:
    """Comparisons of responses; validated by `loss`, `pair_accuracy` and `mean_margin` (in logits) on other prompts."""
    comparisons = partial(preference_groups, most=objective.group_size, margin_scale=objective.margin_scale)
    responses, groups = comparisons(data.training)
    held_out, held_out_groups = comparisons(data.validation)
    loss = ComparisonLoss(Comparison(objective.loss), objective.balance)

    def validate(logits: Sequence[Tensor]) -> tuple[dict[str, float], Aggregation]:
        rewards_N = _rewards(logits)
        by_response = dict(zip(held_out, rewards_N.tolist(), strict=True))
        margins = [
            by_response[each.prompt, each.responses[better]] - by_response[each.prompt, each.responses[worse]]
            for each in data.validation
            for better, worse, tie in each.pairs()
            if not tie
        ]
        metrics = {"loss": comparison_mean(loss, rewards_N, held_out_groups)}
        if margins:
            wins = (np.sign(margins) + 1) / 2
            metrics |= {"pair_accuracy": float(wins.mean()), "mean_margin": float(np.mean(margins))}
        return metrics, Aggregation.LAST

    margins = sum(bool(each.margin) for each in data.training)
    used = "none of them used by this loss" if objective.loss == "listwise" else "with them"
    return _task(
        data,
        responses,
        check,
        objective,
        rows=[response_row(data.encoded[each]) for each in responses],
        groups=groups,
        loss=loss,
        validation=[data.encoded[each] for each in held_out],
        validate=validate,
        facts={"training_margins": margins},
        note=f"{margins} training rows have margins, {used}" if margins else "no margins",
    )


def rating_task(data: RatingData, objective: PreferenceObjective, check: RatingCheck) -> Task:
    """Regression of ratings; validated by `loss`, `rmse` (in their units) and `spearman` on other prompts."""

    def responses(ratings: Sequence[Rating]) -> list[Response]:
        return [(each.prompt, each.response) for each in ratings]

    def validate(logits: Sequence[Tensor]) -> tuple[dict[str, float], Aggregation]:
        rewards_N = _rewards(logits)
        targets_N = torch.tensor([data.target(each) for each in data.validation])
        found = [data.rating(score) for score in rewards_N.sigmoid().tolist()]
        wanted = [each.rating for each in data.validation]
        metrics = {
            "loss": float(mean_loss(BinaryLoss(), rewards_N[:, None], targets_N[:, None])),
            "rmse": float(np.sqrt(np.mean(np.square(np.subtract(found, wanted))))),
        }
        if (correlation := rank_correlation(rewards_N.tolist(), wanted)) is not None:
            metrics["spearman"] = correlation
        return metrics, Aggregation.LAST

    low, high = data.scale
    return _task(
        data,
        responses(data.training),
        check,
        objective,
        rows=[response_row(data.encoded[each.prompt, each.response], data.target(each)) for each in data.training],
        groups=None,
        loss=BinaryLoss(),
        validation=[data.encoded[each] for each in responses(data.validation)],
        validate=validate,
        facts={"rating_low": low, "rating_high": high},
        note=f"ratings from {low:g} to {high:g} are learned as 0 to 1",
    )


def _task(
    data: PreferenceData | RatingData,
    responses: Sequence[Response],
    check: PreferenceCheck | RatingCheck,
    objective: PreferenceObjective,
    *,
    facts: dict[str, float],
    note: str,
    **parts: Any,
) -> Task:
    """What both kinds of data share."""
    counts = data.counts()
    kept: Sequence[Preference | Rating] = check.kept
    rows = ((str(number), asdict(each) | {"where": None}) for number, each in enumerate(kept))
    what = "ratings" if isinstance(data, RatingData) else "preferences"
    return Task(
        kind=RewardKind.PREFERENCE,
        identity={"objective": {"kind": "preference", "learns": what, **asdict(objective)}, "data": contents(rows)},
        facts=check.counts() | counts | facts,
        problems=[prompt for prompt, _ in responses],
        notes=[
            *(f"{part}: {counts[f'{part}_{what}']} {what} of {counts[f'{part}_prompts']} prompts" for part in PARTS),
            f"of {len(check.kept)} {what} {data.too_long} are left out: a response is too long",
            note,
        ],
        **parts,
    )


def _rewards(logits: Sequence[Tensor]) -> Tensor:
    """`[N]`, from the logits `[S, 1]` of N responses at the ends of their steps."""
    return torch.stack([each[-1, 0] for each in logits]).float()
