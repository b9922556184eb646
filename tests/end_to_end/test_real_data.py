"""Real problems pass through: GSM8K text and MATH LaTeX, labelled by a real architecture that knows nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from prmkit.records import EstimateMethod, LabeledSolution, StepLabel
from prmkit.tables import read_labels

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def random_policy(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> str:
    """A Qwen3 with random weights and a byte-level BPE of real problems; nothing in it says how it reads problems."""
    lines = (data_dir / "gsm8k" / "train.jsonl").read_text(encoding="utf-8").splitlines()[:400]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=800, initial_alphabet=alphabet, special_tokens=["<|end|>"], show_progress=False
    )
    tokenizer.train_from_iterator((json.loads(line)["question"] for line in lines), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(fast),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        eos_token_id=fast.eos_token_id,
    )
    folder = tmp_path_factory.mktemp("random-policy")
    Qwen3ForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return str(folder)


def label(policy: str, source: Path, limit: int, out: Path) -> list[LabeledSolution]:
    sizes = ["--rollouts", "2", "--max-tokens", "40", "--limit", str(limit), "--separator", "\n"]
    command = ["label", "--policy", policy, "--engine", "transformers", "--solutions", str(source), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "prmkit.cli.main", *command, *sizes],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    assert not (out / "quarantine").exists(), next((out / "quarantine").iterdir()).read_text()
    return read_labels(out)


def check(labels: list[LabeledSolution], count: int) -> None:
    assert len(labels) == count
    assert sum(len(each.solution.steps) for each in labels) > 2 * count
    for each in labels:
        *rolled, graded = each.estimates
        assert graded.method is EstimateMethod.GRADED and each.labels[-1] is StepLabel.CORRECT, each.solution.name
        assert all(estimate.rollouts == 2 and estimate.method is EstimateMethod.ROLLOUTS for estimate in rolled)
    rolled = [estimate.successes for each in labels for estimate in each.estimates[:-1]]
    assert sum(rolled) <= 0.1 * 2 * len(rolled), "a policy that knows nothing is hardly ever right"


def test_gsm8k_reference_solutions_are_labelled(random_policy: str, data_dir: Path, tmp_path: Path) -> None:
    check(label(random_policy, data_dir / "gsm8k" / "test.jsonl", 20, tmp_path / "run"), 20)


def test_math_reference_solutions_with_latex_are_labelled(random_policy: str, data_dir: Path, tmp_path: Path) -> None:
    check(label(random_policy, data_dir / "math500" / "test.jsonl", 10, tmp_path / "run"), 10)
