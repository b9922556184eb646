"""vLLM (its CPU build) reads a checkpoint as transformers does."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from prmkit.errors import EngineError, InputError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.vllm,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        importlib.util.find_spec("vllm") is None, reason="vllm is not installed (make test installs it)"
    ),
]


@dataclass
class Both:
    """One checkpoint behind both engines, and its folder."""

    folder: Path
    plain: "object"
    vllm: "object"


def write_checkpoint(folder, family, kind, pooling, tokenizer):
    """A random model of a family, as training writes one; its logits spread by about 2."""
    import transformers

    from prmkit.models import load_tokenizer
    from prmkit.rewards.metadata import CLASSES, RewardKind, RewardMetadata
    from prmkit.steps import TextFormat

    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        intermediate_size=128,
        max_position_embeddings=512,
        initializer_range=0.2,
        num_labels=len(CLASSES[RewardKind(kind)]),
    )
    model = getattr(transformers, f"{family}ForTokenClassification")(config)
    torch.nn.init.normal_(model.score.weight, std=0.5)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    ids = tuple(load_tokenizer(str(folder))("\n\n", add_special_tokens=False)["input_ids"])
    RewardMetadata(
        kind=RewardKind(kind), text_format=TextFormat(), separator_ids=ids, pooling=pooling, neutral_weight=0.25
    ).write(folder)


@pytest.fixture(
    scope="module", params=[("Llama", "prm", "last"), ("Qwen2", "orm", "mean"), ("Qwen3", "value", "last")], ids=str
)
def both(request, tokenizer, tmp_path_factory):
    from prmkit.rewards.metadata import Pooling
    from prmkit.rewards.scorer import load_reward_model
    from prmkit.rewards.vllm import load_vllm_reward

    family, kind, pooling = request.param
    folder = tmp_path_factory.mktemp(family)
    write_checkpoint(folder, family, kind, Pooling(pooling), tokenizer)
    engines = Both(folder, load_reward_model(folder, "cpu"), load_vllm_reward(folder))
    yield engines
    engines.vllm.close()


@pytest.fixture
def solutions(labeled_pool):
    return [(each.solution.problem.problem, each.solution.steps) for each in labeled_pool(6, seed=3)]


def test_step_pooling_that_breaks_silently_between_vllm_versions_is_caught_against_transformers(both, solutions):
    expected, found = both.plain.step_logits(solutions), both.vllm.step_logits(solutions)
    assert [each.shape for each in found] == [each.shape for each in expected]
    assert max(float((a - b).abs().max()) for a, b in zip(found, expected, strict=True)) < 1e-4
    assert float(np.concatenate([each.numpy() for each in expected]).std()) > 0.5  # so that 1e-4 is little
    for one, two in zip(both.vllm.score_steps(solutions), both.plain.score_steps(solutions), strict=True):
        assert one == pytest.approx(two, abs=1e-4)


def test_a_solution_scored_again_behind_a_cached_prefix_scores_the_same(both, solutions):
    problem, steps = max(solutions, key=lambda each: len(each[1]))
    prefixes = [(problem, steps[: end + 1]) for end in range(len(steps))]
    (whole,) = both.vllm.score_steps([(problem, steps)])
    for end, scores in enumerate(both.vllm.score_steps(prefixes)):
        assert scores == pytest.approx(whole[: end + 1], abs=1e-4)


def test_the_documented_reading_of_a_servers_answer_equals_score_steps(both, solutions):
    from vllm import PoolingParams, TokensPrompt

    from prmkit.rewards.reading import load_reader

    reader = load_reader(both.folder)
    row = reader.encode(*solutions[0])
    (output,) = both.vllm._engine.encode(
        [TokensPrompt(prompt_token_ids=row.ids)],
        pooling_params=PoolingParams(use_activation=False),
        pooling_task="token_classify",
        use_tqdm=False,
    )
    answer = torch.tensor(output.outputs.data.tolist())  # as JSON brings it
    expected = both.plain.score_steps(solutions[:1])[0]
    assert reader.scores(reader.probabilities(reader.pool(answer, row))) == pytest.approx(expected, abs=1e-4)


def test_a_failing_engine_is_an_error_and_never_zeros(both, solutions, monkeypatch):
    with pytest.raises(InputError, match="does not fit the reward model's context of 512"):
        both.vllm.score_steps([("What?", ["many words " * 800])])
    with monkeypatch.context() as patched:
        patched.setattr(both.vllm, "_context", None)
        with pytest.raises(EngineError, match="the vllm engine failed"):
            both.vllm.score_steps([("What?", ["many words " * 800])])
    assert len(both.vllm.score_steps(solutions[:1])[0]) == len(solutions[0][1])  # and the engine lives on


def test_a_vllm_that_reads_in_full_runs_every_token(both, solutions):
    before = both.vllm.tokens_read
    for _ in range(2):
        both.vllm.score_steps(solutions[:2])
    tokens = [len(both.vllm.encode(*each).ids) for each in solutions[:2]]
    assert both.vllm.tokens_read - before == 2 * sum(tokens)
    assert [both.vllm.prm_tokens(*each, 0) for each in solutions[:2]] == tokens


# the last one with `both`: where a second engine of the process stops, vLLM takes the first one's state with it
def test_the_command_scores_with_the_engine_it_is_asked_for(both, labeled_pool, tmp_path):
    import tyro

    from prmkit.cli.score import Score
    from prmkit.records import SOLUTION_SCHEMA
    from prmkit.tables import read_scores, solution_row, write_rows

    if both.plain.metadata.kind != "prm":
        pytest.skip("one start of the command is enough")
    pool = [each.solution for each in labeled_pool(3)]
    write_rows(tmp_path / "pool.parquet", [solution_row(each) for each in pool], SOLUTION_SCHEMA)
    found = []
    for engine in ("vllm", "transformers"):
        options = ["--model", str(both.folder), "--solutions", str(tmp_path / "pool.parquet")]
        options += ["--out", str(tmp_path / engine), "--engine", engine, "--neutral-weight", "0.9"]
        tyro.cli(Score, args=options).run()
        found.append([score for each in read_scores(tmp_path / engine) for score in each.step_scores])
    assert found[0] == pytest.approx(found[1], abs=1e-4)
    assert found[0] != found[1]  # the last bits tell them apart


@pytest.fixture(scope="module", params=[("Llama", "prm"), ("Qwen3", "value")], ids=str)
def classifying(request, tokenizer, tmp_path_factory):
    """The same checkpoint in full by transformers, and by a vLLM that keeps prefixes."""
    import os

    from prmkit.rewards.metadata import Pooling
    from prmkit.rewards.scorer import load_reward_model
    from prmkit.rewards.vllm import load_vllm_reward

    family, kind = request.param
    folder = tmp_path_factory.mktemp(family)
    write_checkpoint(folder, family, kind, Pooling.LAST, tokenizer)
    os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
    vllm = load_vllm_reward(folder, prefix_cache=8 << 20)
    assert os.environ["VLLM_CPU_KVCACHE_SPACE"] == "1"  # as it was; and it did not override the budget:
    assert vllm._engine.llm_engine.vllm_config.cache_config.kv_cache_memory_bytes == 8 << 20
    yield Both(folder, load_reward_model(folder, "cpu"), vllm)
    vllm.close()


def assert_same_logits(found, expected):
    assert [each.shape for each in found] == [each.shape for each in expected]
    assert max(float((a - b).abs().max()) for a, b in zip(found, expected, strict=True)) < 1e-4


def test_a_vllm_that_keeps_prefixes_scores_growing_forks_as_transformers_in_full(classifying, solutions, monkeypatch):
    from prmkit.rewards import vllm

    problem, steps = max(solutions, key=lambda each: len(each[1]))
    grown = [(problem, [*steps[:end], more]) for end in range(len(steps)) for more in (steps[end], "Or so.")]
    for solution in grown:
        assert_same_logits(classifying.vllm.step_logits([solution]), classifying.plain.step_logits([solution]))
    expected = classifying.plain.step_logits(solutions)
    assert float(torch.cat(expected).std()) > 0.5  # so that 1e-4 is little
    monkeypatch.setattr(vllm, "STEPS", 3)  # what is forgotten is asked for again
    for _ in range(2):
        assert_same_logits(classifying.vllm.step_logits(solutions), expected)
        assert len(classifying.vllm._seen) == 3
    for one, two in zip(classifying.vllm.score_steps(solutions), classifying.plain.score_steps(solutions), strict=True):
        assert one == pytest.approx(two, abs=1e-4)


def test_the_whole_prefix_is_not_re_scored_at_every_step_by_vllm(classifying):
    problem, steps = "Problem new: what is it?", [f"Step {number} of new is fine." for number in range(12)]
    model, costs = classifying.vllm, []
    for end in range(1, len(steps) + 1):
        before = model.tokens_read
        model.score_steps([(problem, steps[:end])])
        costs.append(model.tokens_read - before)
    row = model.encode(problem, steps)
    assert len(row.ids) > 2 * max(costs[1:])
    assert max(costs[1:]) <= model.prm_tokens(problem, steps[:2], 1) + 32  # its own tokens and a block begun before
    before = model.tokens_read
    model.score_steps([(problem, steps), (problem, steps[:4])])
    assert model.tokens_read == before  # nothing is new
    assert classifying.plain.prm_tokens(problem, steps, 11) == len(row.ids)


def test_vllm_refuses_to_keep_prefixes_of_a_model_read_at_the_mean(tokenizer, tmp_path):
    from prmkit.rewards.metadata import Pooling
    from prmkit.rewards.vllm import load_vllm_reward

    write_checkpoint(tmp_path, "Llama", "prm", Pooling.MEAN, tokenizer)
    with pytest.raises(InputError, match=r"vllm keeps no prefixes .* \(pooling mean\); score with transformers"):
        load_vllm_reward(tmp_path, prefix_cache=8 << 20)


def test_a_budget_that_no_solution_fits_is_an_error_of_one_line(tokenizer, tmp_path):
    from prmkit.rewards.metadata import Pooling
    from prmkit.rewards.vllm import load_vllm_reward

    write_checkpoint(tmp_path, "Llama", "prm", Pooling.LAST, tokenizer)
    with pytest.raises(EngineError, match=r"vllm cannot serve .* with a prefix cache of 1000 bytes: ") as caught:
        load_vllm_reward(tmp_path, prefix_cache=1000)
    assert "\n" not in str(caught.value)
