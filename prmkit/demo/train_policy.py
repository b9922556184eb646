"""Train the demo policy: a language model of about 0.9 M parameters that solves arithmetic stories, not too well.

    python -m prmkit.demo.train_policy --out policy --tokens 60_000_000

Standard transformers parts only (Qwen2 architecture, byte-level BPE tokenizer); the checkpoint loads anywhere. The
run is resumable: call it again with the same arguments. The policy shipped in `prmkit/demo/policy` was made by this
script; its model card states with which arguments, and what it reaches.
"""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import tyro
from rich.progress import Progress
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from prmkit.demo.stories import Difficulty, Story, make_story

END, PAD = "<|end|>", "<|pad|>"
IGNORED = -100


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE in which every word of the stories is one token, every digit one, and a line break one.

    Any other text is encoded as well, byte by byte where no word is known.
    """
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(r" ?\p{L}+| ?\p{N}|\n| ?[^\s\p{L}\p{N}]|\s"), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    tokenizer.decoder = decoders.ByteLevel()
    rng = random.Random("tokenizer")
    stories = [make_story(rng, training_difficulty(rng)) for _ in range(3000)]
    trainer = trainers.BpeTrainer(
        vocab_size=2048,
        min_frequency=100,
        special_tokens=[PAD, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((f"{story.text}\n" + "\n".join(story.steps()) for story in stories), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=PAD)


def training_difficulty(rng: random.Random) -> Difficulty:
    """A difficulty for one training story: broad, with many look-ups and all degrees of branching."""
    needed, unneeded = rng.randint(2, 8), rng.randint(0, 6)
    return Difficulty(needed=(needed, needed), unneeded=(unneeded, unneeded), branching=rng.random())


def training_solution(rng: random.Random, story: Story) -> list[str]:
    """A right solution that leaves out a distractor now and then, with all that rests on it."""
    skipped: set[str] = set()
    for fact in story.facts:
        if fact.name not in story.needed and (fact.base in skipped or rng.random() < 0.25):
            skipped.add(fact.name)
    return story.steps(skipped)


@dataclass(frozen=True, kw_only=True)
class TrainPolicy:
    """Train the demo policy."""

    out: Path
    """Folder of the checkpoint; an interrupted run in it is continued."""
    tokens: int = 60_000_000
    """Training tokens, prompts included."""
    batch: int = 64
    """Stories in a step."""
    lr: float = 3e-3
    """Peak learning rate; warmed up over 2 % of the run, then cosine to a twentieth."""
    hidden: int = 128
    """Width of the model."""
    layers: int = 4
    """Depth of the model."""
    heads: int = 4
    """Attention heads."""
    mlp: int = 384
    """Width of the feed-forward layers."""
    init: float = 0.08
    """Standard deviation of the initial weights; the library's default of 0.02 does not learn at this size."""
    tied: bool = True
    """Share the input and output embeddings."""
    optimizer: str = "adamw"
    muon_lr: float = 0.02
    compile: bool = False
    seed: int = 0
    """Seed of weights and stories."""
    device: str = "cpu"
    """Where to train: cpu or cuda."""
    minutes: float = 1e9


def batches(tokenizer, config: TrainPolicy, first: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Padded `[B, T]` int64 ids and targets; batch i depends on the seed and i alone. Stories of like length together."""
    index = first
    while True:
        rng = random.Random(f"{config.seed}/batch/{index // 8}")
        rows = []
        for _ in range(config.batch * 8):
            story = make_story(rng, training_difficulty(rng))
            rows.append((story.text + "\n", "\n".join(training_solution(rng, story)) + "\n"))
        prompts = tokenizer([p for p, _ in rows])["input_ids"]
        solutions = tokenizer([s for _, s in rows])["input_ids"]
        pairs = sorted(zip(prompts, solutions, strict=True), key=lambda pair: len(pair[0]) + len(pair[1]))
        groups = [pairs[i : i + config.batch] for i in range(0, len(pairs), config.batch)]
        rng.shuffle(groups)
        for group in groups[index % 8 :]:
            width = max(len(p) + len(s) for p, s in group) + 1
            width = (width + 15) // 16 * 16
            ids = torch.full((len(group), width), tokenizer.pad_token_id)
            targets = torch.full((len(group), width), IGNORED)
            for row, (p, s) in enumerate(group):
                full = torch.tensor([*p, *s, tokenizer.eos_token_id])
                ids[row, : len(full)] = full
                targets[row, len(p) : len(full)] = full[len(p) :]
            index += 1
            yield ids, targets


def main(config: TrainPolicy) -> None:
    torch.manual_seed(config.seed)
    tok = make_tokenizer()
    print(len(tok), flush=True)
    cfg = Qwen2Config(
        vocab_size=len(tok),
        hidden_size=config.hidden,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.heads,
        intermediate_size=config.mlp,
        max_position_embeddings=1024,
        initializer_range=config.init,
        tie_word_embeddings=config.tied,
        bos_token_id=None,
        eos_token_id=tok.eos_token_id,
        pad_token_id=tok.pad_token_id,
        rope_theta=10000.0,
    )
    model = Qwen2ForCausalLM(cfg).to(config.device)
    print(sum(p.numel() for p in model.parameters()))
    mats = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n and "lm_head" not in n]
    rest = [p for n, p in model.named_parameters() if not (p.ndim == 2 and "embed" not in n and "lm_head" not in n)]
    if config.optimizer == "muon":
        opts = [
            torch.optim.Muon(mats, lr=config.muon_lr, weight_decay=0.01, momentum=0.95),
            torch.optim.AdamW(rest, lr=config.lr, betas=(0.9, 0.95), weight_decay=0.0),
        ]
    else:
        opts = [torch.optim.AdamW(mats + rest, lr=config.lr, betas=(0.9, 0.95), weight_decay=0.01)]
    base = [g["lr"] for o in opts for g in o.param_groups]
    fwd = torch.compile(model.model, dynamic=True) if config.compile else model.model
    done = 0
    t0 = time.time()
    step = 0
    acc = []
    colon = tok.encode(":")[0]
    import math

    for ids, targets in batches(tok, config, 0):
        frac = max(done / config.tokens, (time.time() - t0) / 60 / config.minutes)
        if frac >= 1:
            break
        f = min(1, frac / 0.02 + 1e-3) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * frac)))
        for o, g, b in zip([o for o in opts for _ in o.param_groups], [g for o in opts for g in o.param_groups], base):
            g["lr"] = b * f
        ids, targets = ids.to(config.device), targets.to(config.device)
        h = fwd(input_ids=ids).last_hidden_state
        keep = targets[:, 1:] != IGNORED
        hk = h[:, :-1][keep]
        tk = targets[:, 1:][keep]
        logits = model.lm_head(hk)
        loss = cross_entropy(logits, tk)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in opts:
            o.step()
            o.zero_grad(set_to_none=True)
        done += ids.numel()
        step += 1
        with torch.no_grad():
            hit = (logits.argmax(-1) == tk).float()
            prev = ids[:, :-1][keep]
            look = prev == colon
            # lookups: first occurrence colon "than X:" -> approximated by all colons
            acc.append((loss.item(), hit.mean().item(), hit[look].mean().item()))
        if step % 50 == 0:
            a = torch.tensor(acc[-50:]).mean(0).tolist()
            print(
                f"{step} {done / 1e6:.2f}M {time.time() - t0:.0f}s {done / (time.time() - t0):.0f}tok/s loss {a[0]:.4f} acc {a[1]:.4f} colon {a[2]:.4f} lr {f:.3f}",
                flush=True,
            )
            if step % 500 == 0:
                model.save_pretrained(config.out)
                tok.save_pretrained(config.out)
    model.save_pretrained(config.out)
    tok.save_pretrained(config.out)


if __name__ == "__main__":
    main(tyro.cli(TrainPolicy))
