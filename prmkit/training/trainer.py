"""transformers' Trainer with the batches, the loss, the schedule and the validation of reward models."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from prmkit.rewards.base import Aggregation
from prmkit.rewards.metadata import Pooling
from prmkit.rewards.packing import packed_attention
from prmkit.rewards.scorer import step_logits
from prmkit.steps import EncodedSolution
from prmkit.training.arguments import warm_up_steps
from prmkit.training.batches import Material, Part, ShareSampler, idle
from prmkit.training.callbacks import EpochOrder
from prmkit.training.collate import marked_logits, model_inputs
from prmkit.training.config import Optimizer
from prmkit.training.losses import check_marks
from prmkit.training.optimizers import make_optimizer

Validate = Callable[[Sequence[Tensor]], tuple[dict[str, float], Aggregation]]
"""From the logits `[S, C]` of the validation solutions to metrics and the aggregation that they speak for."""
LanguageHead = Callable[[Tensor], Tensor]
"""From hidden states `[M, D]` to logits `[M, V]`."""


class RewardTrainer(Trainer):  # type: ignore[misc]
    """Trains a token classifier on `Material`."""

    control: Any
    optimizer: Any
    lr_scheduler: Any

    def __init__(
        self,
        model: PreTrainedModel,
        args: TrainingArguments,
        *,
        material: Material,
        pooling: Pooling = Pooling.LAST,
        validation: Sequence[EncodedSolution] = (),
        validate: Validate,
        head_share: float = 0.0,
        language: tuple[float, LanguageHead] | None = None,
        optimizer: Optimizer = Optimizer.ADAMW,
    ) -> None:
        """Train a model.

        Args:
            model: A token classifier.
            args: Of `prmkit.training.arguments`.
            material: What it learns from.
            pooling: Which logits make up those of a mark.
            validation: What it is validated on; may be empty.
            validate: How.
            head_share: Share of the steps, at the beginning, in which only the head learns.
            language: Weight and head of the language-modelling loss.
            optimizer: What moves the weights.
        """
        super().__init__(model=model, args=args, train_dataset=material, eval_dataset=list(validation))
        self.remove_callback(PrinterCallback)
        self.sampler = ShareSampler(
            material.sampler(args.seed),
            args.per_device_train_batch_size,
            process=args.process_index,
            processes=args.world_size,
        )
        self.add_callback(EpochOrder(self.sampler))
        self.material = material
        self.pooling = pooling
        self.validation = validation
        self.validate = validate
        self.head_share = head_share
        self.language = language
        self.moved_by = optimizer
        self.aggregation = Aggregation.LAST

    def get_train_dataloader(self) -> DataLoader[int]:
        """Not the one of accelerate: the sampler already gives each process its share, of the last batch too."""
        return DataLoader(self.material, batch_sampler=self.sampler, collate_fn=self.material.parts)  # type: ignore[arg-type]

    def training_step(self, model: Any, inputs: list[Part], num_items_in_batch: Any = None) -> Tensor:
        """Gradients of the mean loss over a batch: part by part, and over all processes.

        Returns:
            This process's share of the loss; the mean over the processes is the loss.
        """
        del num_items_in_batch  # counted below
        model.train()
        parts = self._in_step(inputs)
        weights = self._summed([sum(part.weight for part in parts), sum(part.language_weight for part in parts)])
        loss = torch.zeros((), device=self.args.device)
        for number, part in enumerate(parts, start=1):
            with self.accelerator.no_sync(model) if number < len(parts) else nullcontext():
                with self.compute_loss_context_manager():
                    share = self._loss(model, part, *weights.tolist()) * self.args.world_size
                self.accelerator.backward(share)
            loss += share.detach()
        return loss

    def _in_step(self, parts: list[Part]) -> list[Part]:
        """As many parts as every other process has: gradients are exchanged by all at once."""
        if self.args.world_size == 1:
            return parts
        most = int(self._summed([len(parts)], most=True))
        spare = idle(parts[0]) if parts else self.material.filler()
        return [*parts, *[spare] * (most - len(parts))]

    def _summed(self, values: Sequence[float], *, most: bool = False) -> Tensor:
        """Over all processes; or their maximum."""
        mine = torch.tensor([values], dtype=torch.float64, device=self.args.device)
        everywhere: Tensor = self.accelerator.gather(mine)
        return everywhere.amax(dim=0) if most else everywhere.sum(dim=0)

    def _loss(self, model: Any, part: Part, weight: float, language_weight: float) -> Tensor:
        """What a part adds to the loss of a batch of such weights."""
        batch = self._prepare_inputs(part.batch)
        speaks = self.language is not None
        outputs = model(**model_inputs(batch), use_cache=False, output_hidden_states=speaks)
        logits_NC = marked_logits(outputs.logits, batch, self.pooling).float()
        check_marks(logits_NC, batch["targets"])
        rankings = None if part.rankings is None else part.rankings.to(self.args.device)
        loss = self.material.loss.total(logits_NC, batch["targets"], rankings) / (weight or 1.0)
        if not part.weight:
            loss = loss * 0.0
        if self.language is not None and part.language_weight:
            share, head = self.language
            hidden_MD = outputs.hidden_states[-1].flatten(0, 1)[part.said_after.to(self.args.device)]
            said = part.said.to(self.args.device)
            loss = loss + share * cross_entropy(head(hidden_MD).float(), said, reduction="sum") / language_weight
        return loss

    def create_optimizer(self, model: Any = None) -> Any:
        """Its last group of parameters is the head."""
        if self.optimizer is None:
            model = self.model if model is None else model
            _, options = self.get_optimizer_cls_and_kwargs(self.args, model)
            self.optimizer = make_optimizer(self.moved_by, model, lr=options.pop("lr"), adamw=options)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """A linear rise and fall; the body's begins when the head has had its share of the steps alone."""
        first = round(self.head_share * num_training_steps)
        rise = warm_up_steps(num_training_steps)

        def rate(step: int, begin: int) -> float:
            fallen = (num_training_steps - step) / max(1, num_training_steps - rise)
            return max(0.0, min(1.0, (step + 1 - begin) / rise, fallen))

        if self.lr_scheduler is None:
            chosen = self.optimizer if optimizer is None else optimizer
            body = len(chosen.param_groups) - 1
            self.lr_scheduler = LambdaLR(chosen, [lambda step: rate(step, first)] * body + [lambda step: rate(step, 0)])
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def train(self, *args: Any, **options: Any) -> Any:
        """As the Trainer does, packed where the model can."""
        with packed_attention(self.model) if self.material.packed else nullcontext():
            return super().train(*args, **options)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Validation metrics of the weights as they are, by the code that scores; logged. Empty without solutions.

        Every process computes the logits of its share of the solutions, and the metrics from all of them. (With FSDP
        each computes all: the processes must call the model equally often.)
        """
        del eval_dataset, ignore_keys
        if not self.validation:
            return {}
        found, self.aggregation = self.validate(self._validation_logits())
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in found.items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _validation_logits(self) -> list[Tensor]:
        everybody, me = (1, 0) if self.is_fsdp_enabled else (self.args.world_size, self.args.process_index)
        mine = range(me, len(self.validation), everybody)
        rows = [self.validation[index] for index in mine]
        logits = step_logits(self.model, rows, self.material.tokens, self.pooling)
        if everybody == 1:
            return logits
        gathered = gather_object(list(zip(mine, logits, strict=True)))
        return [each for _, each in sorted(gathered, key=lambda pair: pair[0])]
