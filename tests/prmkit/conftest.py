"""Small real models and labelled solutions, made once per test session."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from prmkit.records import LabeledSolution, Problem, Solution, StepEstimate, StepLabel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WORDS = {StepLabel.INCORRECT: "wrong", StepLabel.NEUTRAL: "useless", StepLabel.CORRECT: "fine"}
SOFT = {
    StepLabel.INCORRECT: (0.75, 0.25, 0.0),
    StepLabel.NEUTRAL: (0.25, 0.5, 0.25),
    StepLabel.CORRECT: (0.0, 0.25, 0.75),
}


def _labeled_solution(problem: str, labels: list[StepLabel], number: int = 0) -> LabeledSolution:
    """A solution whose steps say their own labels; it is right if no step is wrong."""
    steps = tuple(f"Step {index} of {problem} is {WORDS[label]}." for index, label in enumerate(labels))
    correct = StepLabel.INCORRECT not in labels
    return LabeledSolution(
        solution=Solution(
            solution_id=str(number),
            problem=Problem(problem_id=problem, problem=f"Problem {problem}: what is it?", answer="1"),
            steps=steps,
            correct=correct,
        ),
        estimates=tuple(StepEstimate(successes=(label + 1) * 2, rollouts=4) for label in labels),
        labels=tuple(labels),
        soft_labels=tuple(SOFT[label] for label in labels),
    )


def _labeled_pool(problems: int, per_problem: int = 4, seed: int = 0) -> list[LabeledSolution]:
    """Solutions of 1 to 5 steps of many problems, about half of them right."""
    rng = random.Random(seed)
    pool = []
    for problem in range(problems):
        for number in range(per_problem):
            weights = (1, 1, 2) if number % 2 else (0, 1, 3)
            labels = rng.choices(list(StepLabel), weights, k=rng.randint(1, 5))
            pool.append(_labeled_solution(f"p{problem}", labels, number))
    return pool


@pytest.fixture(scope="session")
def labeled_solution() -> Callable[..., LabeledSolution]:
    """`labeled_solution(problem, labels, number=0)`: steps say their own labels; right if no step is wrong."""
    return _labeled_solution


@pytest.fixture(scope="session")
def labeled_pool() -> Callable[..., list[LabeledSolution]]:
    """`labeled_pool(problems, per_problem=4, seed=0)`: solutions of 1 to 5 steps."""
    return _labeled_pool


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama language model of two layers with random weights, and a BPE tokenizer whose tokens span the separators.

    (Beside a Qwen2 model, AutoTokenizer would replace the tokenizer's own splitting rule by Qwen2's.)
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts = ["\n\n".join([each.solution.problem.problem, *each.solution.steps]) for each in _labeled_pool(20)]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|end|>", "<|pad|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
        initializer_range=0.1,
        tie_word_embeddings=True,
    )
    folder = tmp_path_factory.mktemp("base")
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tiny_base: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer of the small base."""
    from prmkit.models import load_tokenizer

    return load_tokenizer(str(tiny_base))


@pytest.fixture
def make_reward(tiny_base: Path, tokenizer: "PreTrainedTokenizerBase", tmp_path: Path) -> Callable[..., Path]:
    """`make_reward("prm", neutral_weight=..., ...)`: a checkpoint as training writes it, its head random."""
    import torch

    from prmkit.rewards.loading import load_classifier
    from prmkit.rewards.metadata import CLASSES, RewardKind, RewardMetadata
    from prmkit.steps import TextFormat

    def make(kind: str, **fields: object) -> Path:
        folder = tmp_path / kind
        torch.manual_seed(1)
        model = load_classifier(str(tiny_base), num_labels=len(CLASSES[RewardKind(kind)]))
        torch.nn.init.normal_(model.score.weight)  # scores that differ visibly
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        ids = tuple(tokenizer("\n\n", add_special_tokens=False)["input_ids"])
        defaults = {"kind": RewardKind(kind), "text_format": TextFormat(), "separator_ids": ids}
        RewardMetadata(**(defaults | fields)).write(folder)
        return folder

    return make
