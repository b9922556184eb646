"""Small real models and labelled solutions, made once per test session."""

import random
from pathlib import Path

import pytest

from prmkit.records import LabeledSolution, Problem, Solution, StepEstimate, StepLabel

WORDS = {StepLabel.INCORRECT: "wrong", StepLabel.NEUTRAL: "useless", StepLabel.CORRECT: "fine"}
SOFT = {
    StepLabel.INCORRECT: (0.75, 0.25, 0.0),
    StepLabel.NEUTRAL: (0.25, 0.5, 0.25),
    StepLabel.CORRECT: (0.0, 0.25, 0.75),
}


def labeled_solution(problem: str, labels: list[StepLabel], number: int = 0) -> LabeledSolution:
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


def labeled_pool(problems: int, per_problem: int = 4, seed: int = 0) -> list[LabeledSolution]:
    """Solutions of 1 to 5 steps of many problems, about half of them right."""
    rng = random.Random(seed)
    pool = []
    for problem in range(problems):
        for number in range(per_problem):
            weights = (1, 1, 2) if number % 2 else (0, 1, 3)
            labels = rng.choices(list(StepLabel), weights, k=rng.randint(1, 5))
            pool.append(labeled_solution(f"p{problem}", labels, number))
    return pool


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 language model of two layers with random weights, and a BPE tokenizer in which `.` + line breaks melt."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts = ["\n\n".join([each.solution.problem.problem, *each.solution.steps]) for each in labeled_pool(20)]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|end|>", "<|pad|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, *[".\n\n"] * 100], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>")
    torch.manual_seed(0)
    config = Qwen2Config(
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
    Qwen2ForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
