"""Growing, forking and pruned solutions: what is kept of them, what it costs, and that the scores stay those of a full
reading."""

import logging
import random
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForTokenClassification, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from prmkit.errors import InputError, ShapeError
from prmkit.rewards import reading
from prmkit.rewards.ensemble import EnsembleReward
from prmkit.rewards.metadata import CLASSES, Pooling, RewardKind, RewardMetadata
from prmkit.rewards.named import load_any
from prmkit.rewards.packable import packing_refused
from prmkit.rewards.packing import token_batches
from prmkit.rewards.prefixes import PrefixCache
from prmkit.rewards.scorer import ClassifierReward, load_reward_model, step_logits
from prmkit.rewards.simulated import OracleReward
from prmkit.steps import EncodedSolution, TextFormat

FAMILIES = {"llama": LlamaConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}
KINDS = [("prm", "last"), ("prm", "mean"), ("orm", "last"), ("orm", "mean")]
PROBLEM = "Problem p1: what is it?"
PLENTY = 1 << 30
PER_TOKEN = 2 * 2 * 2 * 8 * 4
"""Bytes: keys and values, two layers, two heads, their width, float32."""


def make_model(config, labels=3, **changes):
    torch.manual_seed(0)
    model = AutoModelForTokenClassification.from_config(
        config(
            vocab_size=400,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            intermediate_size=48,
            max_position_embeddings=2048,
            initializer_range=0.2,
            num_labels=labels,
            **changes,
        )
    )
    torch.nn.init.normal_(model.score.weight, std=0.5)
    return model.eval()


@pytest.fixture
def make(tokenizer):
    """`make(family, kind, pooling, **options)`: a model with random weights."""
    ids = tuple(tokenizer("\n\n", add_special_tokens=False)["input_ids"])

    def build(family="llama", kind="prm", pooling="last", **options):
        model = make_model(FAMILIES[family], len(CLASSES[RewardKind(kind)]))
        metadata = RewardMetadata(
            kind=RewardKind(kind), text_format=TextFormat(), separator_ids=ids, pooling=Pooling(pooling)
        )
        return ClassifierReward(model, tokenizer, metadata, **options)

    return build


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def step(draw):
    return " ".join(draw.choices(["wrong", "fine", "useless", "Step", "of", "p1", "is"], k=draw.randint(1, 12)))


def beams(rounds=5, seed=0):
    """What a beam search scores, call by call: three solutions of each of two problems, forked in two and pruned."""
    draw = random.Random(seed)
    kept = [(f"Problem p{number}: what is it?", ()) for number in (1, 2) for _ in range(3)]
    for _ in range(rounds):
        forked = [(problem, (*steps, step(draw))) for problem, steps in kept for _ in range(2)]
        yield forked
        kept = [draw.choice(forked[at : at + 6]) for at in (0, 0, 0, 6, 6, 6)]


def assert_same(first, second, tolerance):
    assert [each.shape for each in first] == [each.shape for each in second]
    assert max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True)) <= tolerance


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("kind", "pooling"), KINDS)
def test_growing_forked_and_pruned_solutions_score_as_in_a_full_reading(make, family, kind, pooling):
    full, kept = make(family, kind, pooling), make(family, kind, pooling, prefix_cache=PLENTY)
    for solutions in beams():
        logits = full.step_logits(solutions)
        assert_same(kept.step_logits(solutions), logits, 1e-5)
        for one, two in zip(kept.score_steps(solutions), full.score_steps(solutions), strict=True):
            assert one == pytest.approx(two, abs=1e-5)
    assert torch.cat(logits).std() > 0.1  # so that 1e-5 is little


def test_the_whole_prefix_is_not_re_scored_at_every_step(make):
    full, kept = make(), make(prefix_cache=PLENTY)
    problem, steps = PROBLEM, [f"Step {number} of p1 is fine." for number in range(30)]
    costs = []
    for end in range(1, len(steps) + 1):
        before = kept.tokens_read, full.tokens_read
        for model in (kept, full):
            model.score_steps([(problem, steps[:end])])
        costs.append((kept.tokens_read - before[0], full.tokens_read - before[1]))
    row = full.encode(problem, steps)
    assert [cost for cost, _ in costs[1:]] == [b - a for a, b in zip(row.ends, row.ends[1:], strict=False)]
    assert [cost for _, cost in costs] == [end + 1 for end in row.ends]
    assert kept.tokens_read == len(row.ids)  # every token once
    kept.score_steps([(problem, steps), (problem, steps[:3])])
    assert kept.tokens_read == len(row.ids)  # nothing is new


def test_forks_share_what_they_have_in_common(make):
    model = make(prefix_cache=PLENTY)
    stem = ["Step 0 of p1 is fine.", "Step 1 of p1 is useless."]
    solutions = [(PROBLEM, [*stem, f"Step 2 is {number}."]) for number in range(8)]
    model.score_steps(solutions)
    rows = [model.encode(*each) for each in solutions]
    distinct = rows[0].ends[1] + 1 + sum(len(row.ids) - row.ends[1] - 1 for row in rows)
    assert model.tokens_read == distinct
    assert model.prefixes.held == distinct * PER_TOKEN
    model.score_steps([(PROBLEM, [*stem, "Step 2 is 7.", "Done."])])
    assert model.prefixes.held == model.tokens_read * PER_TOKEN


@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("tokens", [1, 40, 150, 400])
def test_under_a_small_budget_scores_are_the_same_and_the_budget_holds(make, pooling, tokens):
    plenty, small = make(pooling=pooling, prefix_cache=PLENTY), make(pooling=pooling, prefix_cache=tokens * PER_TOKEN)
    for solutions in beams():
        assert_same(small.step_logits(solutions), plenty.step_logits(solutions), 0)
        assert small.prefixes.held <= small.prefixes.budget
    assert small.tokens_read > plenty.tokens_read  # what went is computed again
    assert plenty.prefixes.held > small.prefixes.budget  # it was too small for all


def test_a_solution_that_is_larger_than_the_budget_is_scored(make):
    model = make(prefix_cache=20 * PER_TOKEN)
    solution = (PROBLEM, ["Step 0 of p1 is fine."] * 40)
    assert_same(model.step_logits([solution]), make().step_logits([solution]), 1e-5)
    assert 0 < model.prefixes.held <= 20 * PER_TOKEN  # its beginning is kept: leaves go first


def test_what_was_used_longest_ago_goes_first(make):
    model = make(prefix_cache=PLENTY)
    first, second, third = ((f"Problem p{number}: what is it?", ["Step 0 is fine."]) for number in (1, 2, 3))
    model.score_steps([first, second])
    model.prefixes.budget = model.prefixes.held
    model.score_steps([first])
    model.score_steps([third])  # there is room for two
    for solution, known in ((first, True), (third, True), (second, False)):
        before = model.tokens_read
        model.score_steps([solution])
        assert (model.tokens_read == before) == known


def test_scores_do_not_depend_on_what_else_is_read_or_kept_to_the_last_bit(make):
    *_, solutions = beams()
    for kind, pooling in ("prm", "mean"), ("orm", "last"):
        together = make(kind=kind, pooling=pooling, prefix_cache=PLENTY)
        expected = together.step_logits(solutions)
        assert_same(together.step_logits(solutions), expected, 0)
        alone = make(kind=kind, pooling=pooling, prefix_cache=PLENTY)
        one_by_one = make(kind=kind, pooling=pooling, prefix_cache=1)
        grown = make(kind=kind, pooling=pooling, prefix_cache=PLENTY)
        for (problem, steps), logits in reversed(list(zip(solutions, expected, strict=True))):
            assert_same(alone.step_logits([(problem, steps)]), [logits], 0)
            assert_same(one_by_one.step_logits([(problem, steps)]), [logits], 0)
            for end in range(1, len(steps) + 1):
                assert_same(grown.step_logits([(problem, steps[:end])]), [logits[:end]], 0)


def test_batches_hold_at_most_so_many_new_tokens_and_do_not_change_the_scores(make):
    *_, solutions = beams()
    model, small = make(prefix_cache=PLENTY), make(prefix_cache=PLENTY, batch_tokens=48)
    sizes = {model: [], small: []}
    for each, seen in sizes.items():
        assert packing_refused(each.model, 9) is None  # which tries it out
        each.model.register_forward_pre_hook(
            lambda _module, _inputs, named, seen=seen: seen.append(named["input_ids"].shape[1]), with_kwargs=True
        )
    assert_same(small.step_logits(solutions), model.step_logits(solutions), 0)
    assert len(sizes[model]) == 1 and max(sizes[small]) < sizes[model][0]
    assert small.tokens_read == model.tokens_read
    assert all(size % 16 == 0 for size in sizes[model] + sizes[small])


@pytest.mark.parametrize("pooling", list(Pooling))
def test_a_solution_without_a_prompt_is_read_too(pooling):
    model = make_model(LlamaConfig)
    rows = [EncodedSolution([5, 6, 7, 8, 9], [1, 4], 0), EncodedSolution([5, 6, 3], [1, 2], 0)]
    cache = PrefixCache(model, pooling, PLENTY)
    found, tokens = cache.step_logits(rows, 100)
    assert_same(found, step_logits(model, rows, pooling=pooling), 1e-5)
    assert tokens == 6


def test_a_prompt_and_a_step_with_the_same_ids_are_not_confused():
    model = make_model(LlamaConfig)
    rows = [EncodedSolution([5, 6, 7], [2], 2), EncodedSolution([5, 6, 7], [1, 2], 0), EncodedSolution([5, 6], [1], 0)]
    cache = PrefixCache(model, Pooling.MEAN, PLENTY)
    for row in (*rows, *reversed(rows)):
        assert_same(cache.step_logits([row], 100)[0], step_logits(model, [row], pooling=Pooling.MEAN), 1e-5)


def test_a_model_that_cannot_pack_reads_in_full_and_says_so(tokenizer, caplog):
    metadata = make_metadata(tokenizer)
    solutions = [(PROBLEM, ["Step 0 of p1 is fine."] * 3)]
    model = ClassifierReward(make_model(MistralConfig, sliding_window=9), tokenizer, metadata, prefix_cache=PLENTY)
    with caplog.at_level(logging.WARNING):
        found = model.step_logits(solutions)
    assert "rows are padded, not packed" in caplog.text
    assert_same(found, ClassifierReward(model.model, tokenizer, metadata).step_logits(solutions), 1e-6)
    tokens = len(model.encode(*solutions[0]).ids)
    assert (model.tokens_read, model.prefixes.held) == (tokens, 0)
    assert model.prm_tokens(*solutions[0], 2) == tokens


def make_metadata(tokenizer):
    ids = tuple(tokenizer("\n\n", add_special_tokens=False)["input_ids"])
    return RewardMetadata(kind=RewardKind.PRM, text_format=TextFormat(), separator_ids=ids)


def test_a_reading_that_fails_halfway_leaves_nothing_half_computed(make):
    model = make(prefix_cache=PLENTY)
    first, second = list(beams(2))
    model.step_logits(first)
    held = model.prefixes.held

    def fail(*_):
        raise MemoryError("no room")

    hook = model.model.model.layers[1].register_forward_hook(fail)
    with pytest.raises(MemoryError, match="no room"):
        model.step_logits(second)
    hook.remove()
    assert model.prefixes.held == held
    assert_same(model.step_logits(second), make().step_logits(second), 1e-5)


def test_dropout_is_off_as_in_a_full_reading(make):
    *_, solutions = beams(2)
    model = make(prefix_cache=PLENTY)
    model.model.train()
    assert_same(model.step_logits(solutions), make().step_logits(solutions), 1e-5)


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_that_holds_nothing_is_refused(make, budget):
    with pytest.raises(InputError, match=f"a prefix cache needs a budget of at least 1 byte, got {budget}"):
        make(prefix_cache=budget)


class Counting:
    """A tokenizer that counts the texts it is given."""

    def __init__(self, tokenizer):
        self.tokenizer, self.texts = tokenizer, []

    def __call__(self, text, **options):
        self.texts.append(text)
        return self.tokenizer(text, **options)

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)


def test_old_steps_are_not_tokenised_again(tokenizer, monkeypatch):
    counting = Counting(tokenizer)
    reader = reading.StepReader(counting, make_metadata(tokenizer))
    plain = reading.StepReader(tokenizer, make_metadata(tokenizer))
    steps = [f"Step {number}." for number in range(5)]
    for end in range(1, 6):
        assert reader.encode(PROBLEM, steps[:end]) == plain.encode(PROBLEM, steps[:end])
    assert counting.texts == ["\n\n", PROBLEM + "\n\n", *steps]

    monkeypatch.setattr(reading, "TEXTS", 2)  # what is remembered is bounded
    counting = Counting(tokenizer)
    forgetful = reading.StepReader(counting, make_metadata(tokenizer))
    for _ in range(2):
        assert forgetful.encode(PROBLEM, steps) == plain.encode(PROBLEM, steps)
    assert len(counting.texts) == 14


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "in full"])
def test_the_cost_that_is_told_is_the_cost_that_is_paid(make, keeps):
    model = make(prefix_cache=PLENTY if keeps else None)
    steps = ["Step 0 of p1 is fine.", "Step 1 is wrong.", "Done."]
    told, paid = [], []
    for known, end in [(None, 1), (1, 2), (2, 3), (3, 3)]:
        told.append(model.prm_tokens(PROBLEM, steps[:end], known))
        before = model.tokens_read
        model.score_steps([(PROBLEM, steps[:end])])
        paid.append(model.tokens_read - before)
    assert told == paid
    assert (told[-1] == 0) == keeps
    other = ["Step 0 of p1 is useless."]  # its prompt was read
    before = model.tokens_read
    model.score_steps([(PROBLEM, other)])
    assert model.prm_tokens(PROBLEM, other, 0) == model.tokens_read - before
    assert (model.prm_tokens(PROBLEM, other, 0) < model.prm_tokens(PROBLEM, other)) == keeps


def test_rows_that_share_a_prompt_are_counted_with_one_where_it_is_run_once(make):
    solutions = [(PROBLEM, ["One."]), (PROBLEM, ["Two."])]
    packed = make()
    packed.score_steps(solutions)
    rows = [packed.encode(*each) for each in solutions]
    assert packed.tokens_read == sum(len(row.ids) for row in rows) - rows[0].prompt_length
    assert token_batches([(row.ids, row.prompt_length) for row in rows], 1) == [[0], [1]]
    single = make(batch_tokens=1)
    single.score_steps(solutions)
    assert single.tokens_read == sum(len(row.ids) for row in rows)


def test_an_ensemble_costs_the_sum_and_who_has_no_tokens_says_so(make):
    kept, full = make(prefix_cache=PLENTY), make(kind="orm")
    asked = (PROBLEM, ["One.", "Two."], 1)
    assert EnsembleReward([kept, full]).prm_tokens(*asked) == kept.prm_tokens(*asked) + full.prm_tokens(*asked)
    assert OracleReward().prm_tokens(*asked) is None
    oracle = SimpleNamespace(prm_tokens=OracleReward().prm_tokens, aggregation=full.aggregation, threshold=0.5)
    assert EnsembleReward([full, oracle]).prm_tokens(*asked) is None


@pytest.mark.parametrize("known", [-1, 3])
def test_more_known_steps_than_there_are_is_an_error(make, known):
    with pytest.raises(ShapeError, match=f"of 2 steps {known} cannot have been scored before"):
        make(prefix_cache=PLENTY).prm_tokens(PROBLEM, ["One.", "Two."], known)


def test_the_option_reaches_a_model_of_our_own_and_a_published_one(make_reward, published):
    folder = make_reward("prm")
    assert load_reward_model(folder, "cpu").prefixes is None
    assert load_reward_model(folder, "cpu", prefix_cache=1000).prefixes.budget == 1000
    assert load_any(folder, "cpu", prefix_cache=1000).prefixes.budget == 1000
    solution = ("What is 1 + 1?", ["One and one.", "That is 2."])
    for name in ("skywork-prm", "rlhflow"):
        full = load_any(published(name), "cpu", adapter=name)
        kept = load_any(published(name), "cpu", adapter=name, prefix_cache=PLENTY)
        kept.score_steps([(solution[0], solution[1][:1])])
        before = kept.tokens_read
        assert kept.score_steps([solution])[0] == pytest.approx(full.score_steps([solution])[0], abs=1e-5)
        assert kept.tokens_read - before == kept.prm_tokens(*solution, 1) < full.tokens_read
