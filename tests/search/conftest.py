"""Real models that the tests of search share: the demo policy, and a small reward model with random weights."""

from collections.abc import Callable, Iterator

import pytest
import torch
from transformers import AutoModelForTokenClassification, LlamaConfig

from prmkit.completers.transformers import TransformersCompleter
from prmkit.models import DEMO_POLICY
from prmkit.rewards.base import Aggregation
from prmkit.rewards.metadata import RewardKind, RewardMetadata
from prmkit.rewards.scorer import ClassifierReward

from .searching import FORMAT, TOKENIZER


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in one order: what is bit for bit the same is so with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def demo_policy() -> Iterator[TransformersCompleter]:
    """The engine that runs everywhere, with the policy of the package; with one thread, so that draws repeat."""
    torch.set_num_threads(1)
    completer = TransformersCompleter.load(str(DEMO_POLICY), FORMAT, slots=32)
    yield completer
    completer.close()


@pytest.fixture
def make_prm() -> Callable[..., ClassifierReward]:
    """`make_prm(context=1024, aggregation=LAST, **options)`: two layers that read the demo policy's tokens."""

    def make(
        context: int = 1024, aggregation: Aggregation = Aggregation.LAST, **options: int | None
    ) -> ClassifierReward:
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=len(TOKENIZER()),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=48,
            max_position_embeddings=context,
            initializer_range=0.2,
            num_labels=3,
        )
        model = AutoModelForTokenClassification.from_config(config)
        torch.nn.init.normal_(model.score.weight, std=0.5)  # scores that differ visibly
        separator = tuple(TOKENIZER()(FORMAT.separator, add_special_tokens=False)["input_ids"])
        metadata = RewardMetadata(
            kind=RewardKind.PRM, text_format=FORMAT, separator_ids=separator, aggregation=aggregation
        )
        return ClassifierReward(model, TOKENIZER(), metadata, **options)

    return make
