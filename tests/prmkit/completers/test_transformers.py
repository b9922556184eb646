"""The transformers engine: its own batching must not change what is drawn."""

import asyncio
from collections.abc import Iterator

import pytest
import torch
from transformers import AutoModelForCausalLM

from prmkit.completers import Completion, Request, Sampling, draw_seed
from prmkit.completers.slots import BLOCK
from prmkit.completers.transformers import TransformersCompleter
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import EngineError, InputError
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import FinishReason
from prmkit.steps import TextFormat, split_ids

FORMAT = TextFormat(prompt="{problem}\n", separator="\n")
PROBLEMS = [story.text for story in make_stories(12, 5, LEVELS["default"])]


def build(slots: int = 16) -> TransformersCompleter:
    torch.set_num_threads(1)
    return TransformersCompleter.load(str(DEMO_POLICY), FORMAT, slots=slots)


@pytest.fixture(scope="module")
def completer() -> Iterator[TransformersCompleter]:
    completer = build()
    yield completer
    completer.close()


def request(problem: str, index: int = 0, **changes: object) -> Request:
    ids = tuple(FORMAT.prompt_ids(load_tokenizer(str(DEMO_POLICY)), problem))
    options = {"temperature": 1.0, "max_tokens": 120} | {
        name: value for name, value in changes.items() if name in ("temperature", "top_p", "max_tokens")
    }
    return Request(
        prompt_ids=ids,
        sampling=Sampling(**options),
        seed=draw_seed(0, "sample", problem, ids, index),
        one_step=bool(changes.get("one_step")),
    )


def complete(completer: TransformersCompleter, requests: list[Request]) -> list[Completion]:
    async def all_of_them() -> list[Completion]:
        return list(await asyncio.gather(*(completer.complete(each) for each in requests)))

    return asyncio.run(all_of_them())


MANY = [request(problem, index) for problem in PROBLEMS for index in range(4)]


def test_greedy_decoding_equals_the_models_own_generate(completer: TransformersCompleter) -> None:
    requests = [request(problem, temperature=0.0) for problem in PROBLEMS[:4]]
    model = AutoModelForCausalLM.from_pretrained(DEMO_POLICY, dtype=torch.float32)
    for ours, each in zip(complete(completer, requests), requests, strict=True):
        theirs = model.generate(torch.tensor([each.prompt_ids]), max_new_tokens=120, do_sample=False)
        assert list(ours.token_ids) == theirs[0, len(each.prompt_ids) :].tolist()


def test_draws_do_not_depend_on_order_company_or_slots(completer: TransformersCompleter) -> None:
    together = complete(completer, MANY)
    assert complete(completer, MANY[::-1])[::-1] == together
    assert [complete(completer, [each])[0] for each in MANY[:6]] == together[:6]
    other = build(slots=5)
    assert complete(other, MANY) == together
    other.close()


def test_seeds_give_different_draws_and_the_same_seed_the_same(completer: TransformersCompleter) -> None:
    drawn = complete(completer, [request(PROBLEMS[0], index) for index in range(8)] * 2)
    assert drawn[:8] == drawn[8:]
    assert len({each.token_ids for each in drawn}) > 1


def test_temperature_and_top_p_change_the_draws(completer: TransformersCompleter) -> None:
    def variety(**changes: float) -> int:
        return len(
            {each.token_ids for each in complete(completer, [request(PROBLEMS[1], i, **changes) for i in range(16)])}
        )

    assert variety(temperature=0.0) == 1
    assert variety(temperature=2.0) > 1
    assert variety(temperature=2.0, top_p=1e-6) == 1


def test_sampled_frequencies_follow_the_models_probabilities(completer: TransformersCompleter) -> None:
    each = request(PROBLEMS[0], temperature=1.5)
    model = AutoModelForCausalLM.from_pretrained(DEMO_POLICY, dtype=torch.float32)
    with torch.no_grad():
        expected = (model(torch.tensor([each.prompt_ids])).logits[0, -1] / 1.5).softmax(-1)
    drawn = complete(completer, [request(PROBLEMS[0], i, temperature=1.5, max_tokens=1) for i in range(2000)])
    counts = torch.bincount(torch.tensor([each.token_ids[0] for each in drawn]), minlength=len(expected)) / 2000
    assert (counts - expected).abs().max() < 0.05


def test_a_text_ends_at_the_end_token_or_at_the_limit(completer: TransformersCompleter) -> None:
    (whole,) = complete(completer, [request(PROBLEMS[0], temperature=0.0, max_tokens=400)])
    assert whole.finish is FinishReason.END
    assert whole.token_ids[-1] == completer.tokenizer.eos_token_id
    (cut,) = complete(completer, [request(PROBLEMS[0], temperature=0.0, max_tokens=7)])
    assert cut.finish is FinishReason.LENGTH and len(cut.token_ids) == 7


def test_one_step_stops_after_the_separator_and_steps_in_turn_make_the_whole(completer: TransformersCompleter) -> None:
    (whole,) = complete(completer, [request(PROBLEMS[2], temperature=0.0, max_tokens=400)])
    first = request(PROBLEMS[2], temperature=0.0, max_tokens=400, one_step=True)
    written: tuple[int, ...] = ()
    for _ in range(40):
        step = Request(prompt_ids=first.prompt_ids + written, sampling=first.sampling, seed=first.seed, one_step=True)
        (each,) = complete(completer, [step])
        written += each.token_ids
        if each.finish is FinishReason.END:
            break
        assert each.finish is FinishReason.STEP
        assert len(split_ids(completer.tokenizer, each.token_ids, "\n")[0]) == 1
    assert written == whole.token_ids


def test_steps_reuse_the_prefixes_that_were_computed_and_are_drawn_as_if_there_were_none() -> None:
    grown, first = build(), request(PROBLEMS[3], temperature=0.7, max_tokens=400)
    prefix, computed = first.prompt_ids, 0
    for _ in range(7):
        steps = [Request(prompt_ids=prefix, sampling=first.sampling, seed=seed, one_step=True) for seed in range(3)]
        drawn = complete(grown, steps)
        fresh = build()
        assert complete(fresh, steps[:1]) == drawn[:1]
        fresh.close()
        assert [each.cached_tokens for each in drawn] == [computed // BLOCK * BLOCK, len(prefix), len(prefix)]
        computed = len(prefix)
        prefix += drawn[0].token_ids
    assert len(prefix) > 3 * BLOCK
    grown.close()


def test_a_prompt_longer_than_the_context_is_refused_and_the_engine_lives_on(completer: TransformersCompleter) -> None:
    too_long = Request(prompt_ids=(5,) * 5000, sampling=Sampling(), seed=0)
    with pytest.raises(InputError, match="5000 tokens"):
        complete(completer, [too_long])
    assert complete(completer, MANY[:1])[0].token_ids


def test_the_context_bounds_a_completion(completer: TransformersCompleter) -> None:
    nearly = Request(prompt_ids=(5,) * 1020, sampling=Sampling(temperature=0.0, max_tokens=400), seed=0)
    (each,) = complete(completer, [nearly])
    assert len(each.token_ids) <= 4


@pytest.mark.parametrize("room", [4, 5])
def test_a_step_that_fills_the_context_is_a_cut_text_because_nothing_can_follow_it(
    completer: TransformersCompleter, room: int
) -> None:
    line = completer.tokenizer("Mia has 37 more than Gus: 23 + 37 = 60. Mia: 60.\n", add_special_tokens=False)
    ids = tuple(line["input_ids"] * 60)[9 : 9 + 1024]
    for prompt, finish in ((ids[: 1024 - room], FinishReason.LENGTH), (ids[: 1024 - 34], FinishReason.STEP)):
        step = Request(prompt_ids=prompt, sampling=Sampling(temperature=0.0), seed=0, one_step=True)
        (drawn,) = complete(completer, [step])
        assert drawn.finish is finish
        assert str(completer.tokenizer.decode(drawn.token_ids)).endswith("\n")
        assert (len(prompt) + len(drawn.token_ids) == 1024) is (finish is FinishReason.LENGTH)


def test_requests_under_way_hear_of_a_closed_engine() -> None:
    completer = build()

    async def close_early() -> None:
        task = asyncio.create_task(completer.complete(MANY[0]))
        await asyncio.sleep(0)
        completer.close()
        await task

    with pytest.raises(EngineError, match="closed"):
        asyncio.run(close_early())


def test_a_model_that_fails_is_an_error_for_all_who_wait_and_not_a_hang() -> None:
    completer = build()
    broken = Request(prompt_ids=(10**6,), sampling=Sampling(), seed=0)  # no such token
    with pytest.raises(EngineError, match="died"):
        complete(completer, [broken])
    with pytest.raises(EngineError, match="closed"):
        complete(completer, MANY[:1])
