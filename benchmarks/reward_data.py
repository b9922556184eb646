"""Labelled solutions of realistic lengths and a base model with random weights, for benchmarks of reward models.

Lengths are those of GSM8K: questions of its test set with the solutions that four models wrote to each, where
`benchmarks.grading_sources.DATA` holds them; else random words with the same means and spreads. Labels are random:
they do not change what is computed.
"""

import math
import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.grading_sources import DATA, read_rows
from prmkit.records import LabeledSolution, Problem, Solution, StepEstimate, StepLabel

PER_PROBLEM = 4
"""Solutions of a problem."""
_WORDS = (
    "how",
    "many",
    "apples",
    "does",
    "each",
    "of",
    "12",
    "boxes",
    "hold",
    "if",
    "she",
    "sells",
    "$2",
    "in",
    "total",
)
_SOFT = {
    StepLabel.INCORRECT: (0.75, 0.25, 0.0),
    StepLabel.NEUTRAL: (0.25, 0.5, 0.25),
    StepLabel.CORRECT: (0.0, 0.25, 0.75),
}


def lengths_from() -> str:
    """Where texts come from, in words."""
    return "GSM8K with the solutions of four models" if _gsm8k().is_file() else "random words with GSM8K's lengths"


def labeled_pool(problems: int, seed: int = 0) -> list[LabeledSolution]:
    """`PER_PROBLEM` labelled solutions of so many problems; fewer where two are the same text."""
    draw = random.Random(seed)
    if _gsm8k().is_file():
        texts = [
            (row["question"], [each["solution"].splitlines() for each in row.values() if isinstance(each, dict)])
            for row in draw.sample(read_rows("gsm8k/model_solutions.jsonl"), problems)
        ]
    else:
        texts = [(_words(draw, 57, 0.4), [_solution(draw) for _ in range(PER_PROBLEM)]) for _ in range(problems)]
    return [
        _labeled(f"{number}", problem, str(index), steps, draw)
        for number, (problem, solutions) in enumerate(texts)
        for index, steps in enumerate(dict.fromkeys(tuple(filter(str.strip, steps)) for steps in solutions))
    ]


def _gsm8k() -> Path:
    return DATA / "gsm8k" / "model_solutions.jsonl"


def _solution(draw: random.Random) -> list[str]:
    return [_words(draw, 21, 0.5) for _ in range(max(1, round(draw.gauss(4.4, 1.3))))]


def _words(draw: random.Random, mean: float, spread: float) -> str:
    count = math.ceil(draw.lognormvariate(math.log(mean) - spread**2 / 2, spread))
    return " ".join(draw.choices(_WORDS, k=count))


def _labeled(name: str, problem: str, number: str, steps: Sequence[str], draw: random.Random) -> LabeledSolution:
    labels = tuple(draw.choices(list(StepLabel), k=len(steps)))
    return LabeledSolution(
        solution=Solution(
            solution_id=number,
            problem=Problem(problem_id=name, problem=problem, answer="1"),
            steps=tuple(steps),
            correct=draw.random() < 0.5,
        ),
        estimates=tuple(StepEstimate(successes=(label + 1) * 2, rollouts=4) for label in labels),
        labels=labels,
        soft_labels=tuple(_SOFT[label] for label in labels),
    )


def write_base(folder: Path, pool: Sequence[LabeledSolution]) -> None:
    """Save a Llama language model of 4 layers and 5 million weights, and a BPE tokenizer learned from the pool."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        special_tokens=["<|end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        ["\n\n".join([each.solution.problem.problem, *each.solution.steps]) for each in pool], trainer
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=1024,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
