"""`train`: from labelled solutions to a reward model's folder.

PRM and ORM differ in their `Objective` only: same base, same pool, same split, same code.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import prmkit
from prmkit.errors import InputError
from prmkit.files import write_json, write_text
from prmkit.models import load_tokenizer, resolve_model
from prmkit.records import LabeledSolution
from prmkit.rewards.loading import load_classifier, quiet_transformers
from prmkit.rewards.metadata import CLASSES, RewardKind, RewardMetadata
from prmkit.steps import TextFormat, find_text_format
from prmkit.training.card import model_card
from prmkit.training.data import Pool, make_pool
from prmkit.training.objectives import Objective
from prmkit.training.run import HISTORY_FILE, RunFolder
from prmkit.training.trainer import Milestones, RewardTrainer, RichProgress, check_report_to, training_arguments

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides the weights, the data aside."""

    base: str
    """Causal language model: a folder, a hub name or `demo`."""
    objective: Objective
    """What to learn."""
    epochs: int = 2
    """Passes over the training split; at least 1."""
    lr: float | None = None
    """Peak learning rate; None chooses by the number of parameters."""
    batch_size: int = 32
    """Solutions per optimiser step and device."""
    max_length: int = 2048
    """Token ids of a solution at most; the base's own context if that is less."""
    validation: float = 0.1
    """Share of the problems held out, in [0, 1)."""
    seed: int = 0
    """Of the split, the new head, the order and dropout."""
    neutral_weight: float = 0.5
    """Of a PRM's scores, see `RewardMetadata`."""
    evaluations: int = 4
    """Evenly spaced validations; a checkpoint is saved at each but the last. Does not change the weights."""
    prompt: str | None = None
    """Overrides the base's prompt format."""
    separator: str | None = None
    """Overrides the base's step separator."""

    def __post_init__(self) -> None:
        numbers = (self.epochs, self.batch_size, self.max_length, self.evaluations)
        if min(numbers) < 1 or (self.lr is not None and self.lr <= 0):
            raise InputError(
                "epochs, batch size, maximal length and evaluations must be at least 1 and the learning rate positive, "
                f"got {', '.join(map(str, numbers))} and {self.lr}"
            )
        if not 0 <= self.neutral_weight <= 1:
            raise InputError(f"the neutral weight must be in [0, 1], got {self.neutral_weight}")


def train(
    config: TrainConfig,
    labeled: Sequence[LabeledSolution],
    out: Path,
    *,
    say: Callable[[str], object] = print,
    report_to: str = "none",
    callbacks: Sequence["TrainerCallback"] = (),
) -> RewardMetadata:
    """Train a reward model, or go on with a run that was interrupted.

    Args:
        config: What and how.
        labeled: The pool.
        out: Folder of the model; see `prmkit.training.run` for what is in it.
        say: Receives lines for the user: what was left out, what was chosen and why.
        report_to: Where the Trainer reports: `none`, `tensorboard`, `wandb`, ...
        callbacks: Further callbacks of the Trainer.

    Returns:
        The metadata written beside the weights. A finished run with the same configuration is left as it is.

    Raises:
        InputError: The data or the base cannot be used.
        MissingFileError: The base is not there.
        RunChangedError: `out` holds a run with another configuration or other data.
    """
    check_report_to(report_to)
    tokenizer, text_format, pool = _prepare(config, labeled)
    rows = [config.objective.row(example) for example in pool.training]
    identity = {name: value for name, value in asdict(config).items() if name != "evaluations"}
    run = RunFolder(out, identity | {"data": pool.data})
    if run.finished:
        say(f"{out} holds the finished run; nothing to do")
        return RewardMetadata.read(out)
    _describe(pool, config, say)
    model = _load_base(config, tokenizer)
    lr, reason = (config.lr, "asked for") if config.lr else default_lr(model.num_parameters())
    say(f"learning rate {lr:.2g}, {reason}")
    run.begin()
    trainer = RewardTrainer(
        model,
        training_arguments(
            run.checkpoints,
            epochs=config.epochs,
            lr=lr,
            batch_size=config.batch_size,
            seed=config.seed,
            report_to=report_to,
            steps=config.epochs * math.ceil(len(rows) / config.batch_size),
        ),
        rows=rows,
        validation=pool.validation,
        kind=config.objective.kind,
        neutral_weight=config.neutral_weight,
    )
    metrics = _fit(trainer, run, say, (Milestones(config.evaluations), *callbacks))
    metadata = RewardMetadata(
        kind=config.objective.kind,
        text_format=text_format,
        separator_ids=tuple(tokenizer(text_format.separator, add_special_tokens=False)["input_ids"]),
        neutral_weight=config.neutral_weight,
        aggregation=trainer.aggregation,
        training=identity | {"learning_rate": lr} | pool.counts() | _versions(),
        metrics=metrics,
    )
    _write(out, trainer.model, tokenizer, metadata, trainer.state.log_history)
    run.remove_checkpoints()
    return metadata


def _fit(
    trainer: RewardTrainer,
    run: RunFolder,
    say: Callable[[str], object],
    callbacks: Sequence["TrainerCallback"],
) -> dict[str, float]:
    """Train from the start or from the newest checkpoint; the validation metrics at the end."""
    checkpoint = run.latest_checkpoint()
    if checkpoint is not None:
        say(f"continuing from {checkpoint}")
    with quiet_transformers(), RichProgress(f"training {trainer.kind.upper()}") as bar:
        for callback in (*callbacks, bar):
            trainer.add_callback(callback)
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        return trainer.evaluate()


def default_lr(parameters: int) -> tuple[float, str]:
    """A peak learning rate, and why: it falls with the square root of the model's size, 1e-5 at 7 billion."""
    return 1e-5 * math.sqrt(7e9 / parameters), f"chosen for {parameters:,} parameters"


def _prepare(
    config: TrainConfig, labeled: Sequence[LabeledSolution]
) -> tuple["PreTrainedTokenizerBase", TextFormat, Pool]:
    """Everything that needs no weights, so that bad data is refused in seconds."""
    from transformers import AutoConfig

    path = resolve_model(config.base)
    tokenizer = load_tokenizer(path)
    text_format = find_text_format(Path(path), tokenizer, config.prompt, config.separator)
    model_config = AutoConfig.from_pretrained(path).get_text_config()
    context = getattr(model_config, "max_position_embeddings", None)
    pool = make_pool(
        labeled,
        tokenizer,
        text_format,
        max_length=min(config.max_length, context or config.max_length),
        validation=config.validation,
        seed=config.seed,
        cut=not config.objective.needs_whole_solutions,
    )
    largest = max(max(example.encoded.ids) for example in [*pool.training, *pool.validation])
    if largest >= model_config.vocab_size:
        raise InputError(
            f"model {config.base!r}: its tokenizer gives id {largest}, its vocabulary has {model_config.vocab_size}"
        )
    return tokenizer, text_format, pool


def _describe(pool: Pool, config: TrainConfig, say: Callable[[str], object]) -> None:
    counts = pool.counts()
    for part in ("training", "validation"):
        say(f"{part}: {counts[f'{part}_solutions']} solutions of {counts[f'{part}_problems']} problems")
    say(
        f"of {pool.solutions} labelled solutions left out: {pool.duplicates} duplicates, {pool.too_long} too long; "
        f"{pool.cut} cut after the last step that fits"
    )
    steps = config.objective.kind is RewardKind.PRM
    if only := pool.one_class(steps=steps):
        say(
            f"warning: every {'step' if steps else 'solution'} of the training split is {only}; the model can learn "
            "nothing but that. Label more solutions, or ones of mixed quality."
        )


def _load_base(config: TrainConfig, tokenizer: "PreTrainedTokenizerBase") -> "PreTrainedModel":
    """The base with a new head: three logits for a PRM, one for an ORM."""
    from transformers import set_seed

    set_seed(config.seed)
    classes = CLASSES[config.objective.kind]
    model = load_classifier(
        resolve_model(config.base),
        num_labels=len(classes),
        id2label=classes,
        label2id={name: index for index, name in classes.items()},
        ignore_mismatched_sizes=True,  # the head of a base that is a reward model of the other kind
    )
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    _check_causal(model, config.base)
    return model


def _check_causal(model: "PreTrainedModel", base: str) -> None:
    """Refuse a base that looks ahead: its step scores would depend on later steps, and on padding."""
    embeddings = model.get_input_embeddings().weight
    first_logits = model.eval()(input_ids=torch.tensor([[1, 2]])).logits[0, 0]
    (gradient,) = torch.autograd.grad(first_logits.sum(), embeddings)
    if bool(gradient[2].any()):  # of the second token
        raise InputError(f"model {base!r} reads later tokens too ({type(model).__name__}); the base must be causal")


def _versions() -> dict[str, Any]:
    return {"versions": {name: version(name) for name in ("torch", "transformers")} | {"prmkit": prmkit.__version__}}


def _write(
    out: Path,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    metadata: RewardMetadata,
    history: list[dict[str, float]],
) -> None:
    """The finished model; `prmkit.json` last, because it says that the rest is whole."""
    with quiet_transformers():
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)
    write_json(out / HISTORY_FILE, history)
    write_text(out / "README.md", model_card(metadata))
    metadata.write(out)
