"""Tiny models of the published architectures with random weights, saved as their authors saved the large ones."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2Model,
)

PROBLEM = "Janet's ducks lay 16 eggs per day. She eats 3 and bakes with 4. How many are left?"
STEPS = ["Janet's ducks lay 16 eggs per day.", "She uses 3 + 4 = 7 eggs.", "So 16 - 7 = 9 are left. The answer is: 9"]
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 512,
    "initializer_range": 0.4,  # scores that differ visibly
}
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023<|eot_id|>"
    "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] | trim }}<|eot_id|>"
    "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


def byte_level(special: list[str], chat_template: str | None, bos: str | None = None) -> PreTrainedTokenizerFast:
    """As of GPT-2 and its heirs; every byte is a token, so any text can be written."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=380, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([PROBLEM, *STEPS], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        eos_token=special[0],
        pad_token=special[0],
        chat_template=chat_template,
    )


def sentence_piece() -> PreTrainedTokenizerFast:
    """As of Llama 2 and Mistral: a blank is put before every text and is part of the words."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    texts = [PROBLEM, *STEPS, "Step 1: Step 2: Step 3: ки ки + - + - \n "]
    words = sorted({"▁" + word for text in texts for word in text.split()} | {"▁+", "▁-"})
    characters = sorted({each for text in texts for each in text} | {"▁"} - {" "})
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=characters,
        show_progress=False,
    )
    tokenizer.train_from_iterator(words * 3, trainer)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def _save_language_model(
    folder: Path, tokenizer: PreTrainedTokenizerFast, config: type, model: type, tied: bool
) -> None:
    model(config(vocab_size=len(tokenizer), tie_word_embeddings=tied, **SIZES)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _save_qwen(folder: Path, head: dict[str, torch.nn.Module], architecture: str, bos: str | None) -> None:
    """A Qwen2 body, a head of its own, and a configuration that points to code in the repository."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<extra_0>"]
    tokenizer = byte_level(special, CHATML, bos)
    config = Qwen2Config(vocab_size=len(tokenizer), **SIZES)
    weights = {f"model.{name}": value for name, value in Qwen2Model(config).state_dict().items()}
    for prefix, layer in head.items():
        weights |= {f"{prefix}.{name}": value for name, value in layer.state_dict().items()}
    folder.mkdir(parents=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save_pretrained(folder)
    code = {"AutoConfig": "remote.Config", "AutoModel": "remote.Model", "AutoModelForTokenClassification": "remote.M"}
    stored = config.to_dict() | {"architectures": [architecture], "auto_map": code, "dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(stored))
    (folder / "remote.py").write_text("raise SystemExit('code of the repository was run')\n")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`published(adapter)`: the folder of a tiny model of that family; its name says nothing."""
    root = tmp_path_factory.mktemp("published")
    width = SIZES["hidden_size"]

    def make(adapter: str) -> Path:
        folder = root / f"model-{adapter[:1]}"
        if folder.exists():
            return folder
        torch.manual_seed(3)
        match adapter:
            case "math-shepherd":
                _save_language_model(folder, sentence_piece(), MistralConfig, MistralForCausalLM, tied=False)
            case "rlhflow":
                special = ["<|eot_id|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>"]
                tokenizer = byte_level(special, LLAMA3, bos="<|begin_of_text|>")
                _save_language_model(folder, tokenizer, LlamaConfig, LlamaForCausalLM, tied=True)
            case "qwen-math-prm":
                head = {"score.0": torch.nn.Linear(width, width), "score.2": torch.nn.Linear(width, 2)}
                _save_qwen(folder, head, "Qwen2ForProcessRewardModel", None)
            case "skywork-prm":
                head = {"v_head.summary": torch.nn.Linear(width, 1)}
                _save_qwen(folder, head, "Qwen2ForPrmModel", "<|endoftext|>")
        return folder

    return make
