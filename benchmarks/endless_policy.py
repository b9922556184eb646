"""A policy of any size that writes steps of exactly one length and never ends, so that a search is as long as told.

A Llama with random weights and the demo policy's tokenizer, but for a few hidden channels that no layer touches: they
carry, from the embedding to the head, how far within a step a token is, and the head allows only the tokens of the next
place. What is drawn among those is the random weights' affair. Steps of one length are the best case for a search that
waits for its longest step. Decoding and tokenising again gives the same ids.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.steps import METADATA_FILE

STEP_TOKENS = 20
"""Tokens of a step, its separator included; those of GSM8K solutions have about as many."""
_SIGNAL = 10.0
"""In the channels of the embedding; the others have a spread of 1."""


def write_endless(folder: Path, width: int, context: int = 1024) -> str:
    """Save one with `width` hidden units (a multiple of 32, at least 64), and return its folder as a string."""
    import torch
    from transformers import AutoConfig, LlamaForCausalLM

    tokenizer = load_tokenizer(str(DEMO_POLICY))
    config = AutoConfig.from_pretrained(DEMO_POLICY)
    config.update(
        {
            "hidden_size": width,
            "intermediate_size": 3 * width,
            "num_attention_heads": width // 32,
            "num_key_value_heads": width // 32,
            "max_position_embeddings": context,
            "initializer_range": width**-0.5,
            "tie_word_embeddings": False,
        }
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        embedding, head = model.model.embed_tokens.weight, model.lm_head.weight
        embedding.normal_()
        embedding[:, :STEP_TOKENS] = 0
        head[:, :STEP_TOKENS] = 0
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight[:STEP_TOKENS] = 0
            layer.mlp.down_proj.weight[:STEP_TOKENS] = 0
        for place, ids in enumerate(_places(tokenizer)):
            embedding[ids, place] = _SIGNAL
            head[ids, (place - 1) % STEP_TOKENS] = _SIGNAL
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / METADATA_FILE).write_bytes((DEMO_POLICY / METADATA_FILE).read_bytes())
    return str(folder)


def _places(tokenizer: "PreTrainedTokenizerBase") -> list[list[int]]:
    """For each place of a step the tokens that may stand there: the separator, then words and digits with a blank
    before them, which stay what they are beside any other.
    """
    texts = {token: str(tokenizer.decode([token])) for token in range(len(tokenizer))}
    words = [token for token, text in texts.items() if text[0] == " " and text.strip(" :").isalnum()]
    whole = [token for token in words if tokenizer(texts[token] * 2)["input_ids"] == [token, token]]
    separator = tokenizer("\n")["input_ids"]
    return [separator, *(whole[place :: STEP_TOKENS - 1] for place in range(STEP_TOKENS - 1))]
