"""`train`: from labelled solutions to a reward model's folder.

PRM, ORM and value model differ in their `Objective` only: same base, same pool, same split, same code.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prmkit.errors import InputError
from prmkit.records import LabeledSolution, StepLabel
from prmkit.rewards.metadata import RewardKind, RewardMetadata
from prmkit.training.base import open_base
from prmkit.training.choices import AfterError, Neutral
from prmkit.training.config import TrainConfig
from prmkit.training.data import Pool, Row, make_pool
from prmkit.training.fit import Task, fit
from prmkit.training.groups import OutcomeGroups, outcome_groups
from prmkit.training.losses import ClassLoss, RewardLoss, loss_of
from prmkit.training.metrics import Validation
from prmkit.training.objectives import Objective, ORMObjective, PRMObjective

if TYPE_CHECKING:
    from transformers import TrainerCallback


def train(
    config: TrainConfig,
    objective: Objective,
    labeled: Sequence[LabeledSolution],
    out: Path,
    *,
    say: Callable[[str], object] = print,
    report_to: str = "none",
    callbacks: Sequence["TrainerCallback"] = (),
) -> RewardMetadata:
    """Train a reward model on labelled solutions, or go on with a run that was interrupted.

    Args:
        config: How.
        objective: What.
        labeled: The pool.
        out: Folder of the model; see `prmkit.training.run` for what is in it.
        say: Receives lines for the user: what was left out, what was chosen and why.
        report_to: Where the Trainer reports: `none`, `tensorboard`, `wandb`, ...
        callbacks: Further callbacks of the Trainer.

    Returns:
        The metadata written beside the weights. A finished run with the same configuration is left as it is.

    Raises:
        InputError: The data, the base or an option cannot be used.
        MissingFileError: The base is not there.
        MissingExtraError: LoRA was asked for without peft.
        RunChangedError: `out` holds a run with another configuration or other data.
    """
    base = open_base(config)
    pool = make_pool(
        labeled,
        base.tokenizer,
        base.text_format,
        max_length=base.max_length,
        validation=config.validation,
        seed=config.seed,
        cut=not objective.needs_whole_solutions,
        outcomes=objective.kind is RewardKind.ORM,
        per_problem=config.per_problem,
    )
    base.check_ids(example.encoded.ids for example in pool.validation)
    texts = {each.solution.name: each.solution.problem.problem for each in labeled}
    task = task_of(objective, pool, texts, config.seed)
    return fit(task, base, config, out, say=say, report_to=report_to, callbacks=callbacks)


def task_of(objective: Objective, pool: Pool, texts: dict[str, str], seed: int) -> Task:
    """An objective on a pool.

    Args:
        objective: What is learned.
        pool: From what.
        texts: Of the problems, by the names of their solutions.
        seed: Of the grouping of solutions that are compared.

    Raises:
        InputError: There is nothing to learn from.
    """
    made = [objective.row(example) for example in pool.training]
    rows = [row for row in made if row is not None]
    if not rows:
        raise InputError(
            f"none of {len(made)} solutions has a step to learn from: every one is masked, or nothing was drawn from it"
        )
    compared = None
    if isinstance(objective, ORMObjective) and objective.compares:
        compared = outcome_groups(
            [example.problem_id for example in pool.training],
            [example.correct for example in pool.training],
            most=objective.group_size,
            margin=objective.margin,
            seed=seed,
        )
    loss = loss_of(objective, rows)
    learned = [example for example, row in zip(pool.training, made, strict=True) if row is not None]
    return Task(
        kind=objective.kind,
        rows=rows,
        groups=None if compared is None else compared.groups,
        loss=loss,
        pooling=objective.pooling,
        lm_weight=objective.lm_weight if isinstance(objective, ORMObjective) else 0.0,
        validation=[example.encoded for example in pool.validation],
        validate=Validation(objective=objective, loss=loss, examples=pool.validation),
        reading={"neutral_weight": objective.neutral_weight} if isinstance(objective, PRMObjective) else {},
        identity={"objective": {"kind": objective.kind} | asdict(objective), "data": pool.data},
        facts=pool.counts() | _facts(loss, len(made) - len(rows), compared),
        problems=sorted({texts[example.name] for example in learned}),
        notes=[*_left_out(pool), *_learned(objective, pool, rows, loss), *_compared(compared)],
    )


def _facts(loss: RewardLoss, nothing: int, compared: OutcomeGroups | None) -> dict[str, Any]:
    """What came of the objective, for the model card."""
    facts: dict[str, Any] = {"without_a_target": nothing}
    if isinstance(loss, ClassLoss):
        facts["class_weights"] = [round(each, 6) for each in loss.class_weights]
    if compared is not None:
        facts |= {"groups": len(compared.groups), "one_kind": compared.one_kind, "not_compared": compared.left_out}
    return facts


def _left_out(pool: Pool) -> list[str]:
    counts = pool.counts()
    lines = [
        f"{part}: {counts[f'{part}_solutions']} solutions of {counts[f'{part}_problems']} problems"
        for part in ("training", "validation")
    ]
    others = {"without their end": pool.unfinished, "never graded": pool.ungraded, "beyond --per-problem": pool.surplus}
    lines.append(
        f"of {pool.solutions} labelled solutions left out: {pool.duplicates} duplicates, {pool.too_long} too long"
        + "".join(f", {count} {what}" for what, count in others.items() if count)
        + f"; {pool.cut} cut after the last step that fits"
    )
    if only_kind := pool.one_kind():
        lines.append(
            f"{only_kind} of {counts['training_problems']} training problems have only right or only wrong solutions: "
            "they do not show what tells the two apart"
        )
    return lines


def _learned(objective: Objective, pool: Pool, rows: Sequence[Row], loss: RewardLoss) -> list[str]:
    """What is made of the labels; nothing that changes them is silent."""
    lines = []
    if isinstance(objective, PRMObjective):
        neutral = sum(label is StepLabel.NEUTRAL for example in pool.training for label in example.labels)
        if neutral and objective.targets != "value":
            lines.append(f"{neutral} neutral steps are {_NEUTRAL[objective.neutral]} (--neutral {objective.neutral})")
        up_to = replace(objective, after_error=AfterError.MASK)
        if after := sum(len(each.labels) - len(up_to.classes(each)) for each in pool.training):
            learned = "learned like any other" if objective.after_error is AfterError.KEEP else "not learned"
            lines.append(f"{after} steps after a first error are {learned} (--after-error {objective.after_error})")
        if objective.class_weights == "balanced" and isinstance(loss, ClassLoss):
            weights = zip(StepLabel, loss.class_weights, strict=True)
            lines.append("class weights: " + ", ".join(f"{label.name.lower()} {each:.3g}" for label, each in weights))
    if nothing := len(pool.training) - len(rows):
        lines.append(f"{nothing} training solutions have no step to learn from and are left out")
    steps = objective.kind is not RewardKind.ORM
    if only := pool.one_class(steps=steps):
        lines.append(
            f"warning: every {'step' if steps else 'solution'} of the training split is {only}; the model can learn "
            "nothing but that. Label more solutions, or ones of mixed quality."
        )
    return lines


def _compared(compared: OutcomeGroups | None) -> list[str]:
    if compared is None:
        return []
    return [
        f"{len(compared.groups)} groups of solutions to compare; {compared.one_kind} problems have right or wrong "
        f"solutions only, {compared.left_out} solutions are in no group"
    ]


_NEUTRAL = {
    Neutral.KEEP: "learned as a class of their own",
    Neutral.CORRECT: "learned as correct",
    Neutral.INCORRECT: "learned as incorrect",
    Neutral.MASK: "not learned",
}
