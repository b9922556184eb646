"""Train the demo policy: a language model of about 0.9 M parameters that solves arithmetic stories, not too well.

    python -m prmkit.demo.train_policy --out policy

Standard parts only (Llama architecture, byte-level BPE tokenizer); the checkpoint loads anywhere. An interrupted run is
continued by the same command. The policy shipped in `prmkit/demo/policy` was made by this script; its model card states
the arguments and what it reaches.

What matters at this size: weights begin at a standard deviation of 0.08 (the library's 0.02 learns nothing), and Muon
(Jordan et al. 2024) for the matrices learns to look up earlier values several times sooner than AdamW.
"""

import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from prmkit.demo.stories import Difficulty, Story, make_story
from prmkit.files import write_atomic, write_json
from prmkit.steps import METADATA_FILE, TextFormat

END, PAD = "<|end|>", "<|pad|>"
TEXT_FORMAT = TextFormat(prompt="{problem}\n", separator="\n")
_IGNORED = -100
_SUPERBATCH = 8
"""Batches drawn together and sorted by length, so that little is padding."""


@dataclass(frozen=True, kw_only=True)
class TrainPolicy:
    """Train the demo policy."""

    out: Path
    """Folder of the checkpoint; an interrupted run in it is continued."""
    tokens: int = 36_000_000
    """Training tokens, prompts and padding included."""
    batch: int = 32
    """Stories in a step."""
    lr: float = 3e-3
    """Peak learning rate of AdamW (embeddings and norms); warmed up over 2 % of the run, then cosine to a twentieth."""
    muon_lr: float = 0.02
    """Peak learning rate of Muon (all matrices), on the same schedule."""
    seed: int = 0
    """Seed of weights and stories."""
    device: str = "cpu"
    """Where to train: cpu or cuda."""


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE in which a word of the stories is one token (its colon included), and so is a digit or line break.

    Any other text is encoded as well, byte by byte where no word is known.
    """
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(r" ?\p{L}+:?| ?\p{N}|\n| ?[^\s\p{L}\p{N}]|\s"), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    tokenizer.decoder = decoders.ByteLevel()
    rng = random.Random("tokenizer")
    stories = [make_story(rng, training_difficulty(rng)) for _ in range(3000)]
    trainer = trainers.BpeTrainer(
        vocab_size=2048,
        min_frequency=100,
        special_tokens=[PAD, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((f"{story.text}\n" + "\n".join(story.steps()) for story in stories), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=PAD)


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """The untrained model; seed torch beforehand."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=384,
        max_position_embeddings=1024,
        initializer_range=0.08,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def training_difficulty(rng: random.Random) -> Difficulty:
    """A difficulty for one training story: broad, with many look-ups and all degrees of branching."""
    needed, unneeded = rng.randint(2, 8), rng.randint(0, 5)
    return Difficulty(needed=(needed, needed), unneeded=(unneeded, unneeded), branching=rng.random())


def training_solution(rng: random.Random, story: Story) -> list[str]:
    """A right solution that leaves out a distractor now and then, with all that rests on it."""
    skipped: set[str] = set()
    for fact in story.facts:
        if fact.name not in story.needed and (fact.base in skipped or rng.random() < 0.2):
            skipped.add(fact.name)
    return story.steps(skipped)


def batches(tokenizer: PreTrainedTokenizerFast, config: TrainPolicy, first: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Padded `[B, T]` int64 ids and targets from batch `first` on; batch i depends on the seed and i alone."""
    index = first
    while True:
        rng = random.Random(f"{config.seed}/stories/{index // _SUPERBATCH}")
        pairs = []
        for _ in range(config.batch * _SUPERBATCH):
            story = make_story(rng, training_difficulty(rng))
            prompt = TEXT_FORMAT.prompt_ids(tokenizer, story.text)
            solution = tokenizer("\n".join(training_solution(rng, story)) + "\n")["input_ids"]
            pairs.append((prompt, [*solution, tokenizer.eos_token_id]))
        pairs.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
        groups = [pairs[at : at + config.batch] for at in range(0, len(pairs), config.batch)]
        rng.shuffle(groups)
        for group in groups[index % _SUPERBATCH :]:
            index += 1
            yield _pad(group, tokenizer.pad_token_id)


def _pad(pairs: list[tuple[list[int], list[int]]], pad: int) -> tuple[Tensor, Tensor]:
    """Ids, and the same shifted as targets where they belong to the solution."""
    width = max(len(prompt) + len(solution) for prompt, solution in pairs)
    ids = torch.full((len(pairs), width), pad)
    targets = torch.full((len(pairs), width), _IGNORED)
    for row, (prompt, solution) in enumerate(pairs):
        ids[row, : len(prompt) + len(solution)] = torch.tensor([*prompt, *solution])
        targets[row, len(prompt) - 1 : len(prompt) + len(solution) - 1] = torch.tensor(solution)
    return ids, targets


class _Trainer:
    """Model, optimizers and progress of one run, saved and restored together."""

    def __init__(self, config: TrainPolicy, tokenizer: PreTrainedTokenizerFast) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.model = make_model(tokenizer).to(config.device)
        matrices = [each for each in self.model.model.layers.parameters() if each.ndim == 2]
        rest = [each for name, each in self.model.named_parameters() if "layers" not in name or each.ndim != 2]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, lr=config.muon_lr, weight_decay=0.01),
            torch.optim.AdamW(rest, lr=config.lr, betas=(0.9, 0.95), weight_decay=0.0),
        ]
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.curve: list[tuple[int, float]] = []
        """Tokens seen and mean loss in nats per token since the last entry."""

    def train_step(self, ids: Tensor, targets: Tensor) -> float:
        """One update; returns the loss in nats per solution token."""
        share = self.tokens / self.config.tokens
        factor = min(1.0, share / 0.02 + 1e-3) * (0.05 + 0.475 * (1 + math.cos(math.pi * share)))
        for optimizer, lr in zip(self.optimizers, (self.config.muon_lr, self.config.lr), strict=True):
            optimizer.param_groups[0]["lr"] = lr * factor
        hidden = self.model.model(input_ids=ids).last_hidden_state
        wanted = targets != _IGNORED
        loss = cross_entropy(self.model.lm_head(hidden[wanted]), targets[wanted])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += ids.numel()
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {
            "model": self.model.state_dict(),
            "optimizers": [each.state_dict() for each in self.optimizers],
            "progress": (self.step, self.tokens, self.seconds, self.curve),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.tokens, self.seconds, self.curve = state["progress"]


def train(config: TrainPolicy) -> None:
    """Train, or go on training, and write the checkpoint."""
    tokenizer = make_tokenizer()
    trainer = _Trainer(config, tokenizer)
    state_file = config.out / "training_state.pt"
    if state_file.is_file():
        trainer.restore(torch.load(state_file, weights_only=True))
    losses: list[float] = []
    began = time.monotonic() - trainer.seconds
    for ids, targets in batches(tokenizer, config, trainer.step):
        if trainer.tokens >= config.tokens:
            break
        losses.append(trainer.train_step(ids.to(config.device), targets.to(config.device)))
        if trainer.step % 100 == 0:
            trainer.seconds = time.monotonic() - began
            trainer.curve.append((trainer.tokens, round(sum(losses) / len(losses), 4)))
            left = trainer.seconds * (config.tokens / trainer.tokens - 1) / 60
            print(
                f"{trainer.tokens / 1e6:.1f} M tokens, loss {trainer.curve[-1][1]:.4f}, {left:.0f} min left", flush=True
            )
            losses.clear()
            write_atomic(state_file, lambda path: torch.save(trainer.state(), path))
    save(trainer, tokenizer)
    state_file.unlink(missing_ok=True)


def save(trainer: _Trainer, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write the checkpoint, its text format, and how it came to be."""
    out = trainer.config.out
    trainer.model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    write_json(out / METADATA_FILE, {"text_format": TEXT_FORMAT.to_json()})
    arguments = {name: value for name, value in asdict(trainer.config).items() if name != "out"}
    history = {
        "arguments": arguments,
        "parameters": trainer.model.num_parameters(),
        "seconds": round(trainer.seconds),
        "loss_curve": trainer.curve,
    }
    (out / "training.json").write_text(json.dumps(history) + "\n")


if __name__ == "__main__":
    train(tyro.cli(TrainPolicy))
