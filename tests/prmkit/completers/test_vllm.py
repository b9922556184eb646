"""The vLLM engine (its CPU build) draws what the transformers engine draws when it is greedy, and reuses prefixes."""

import asyncio
import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from prmkit.completers import Completer, Completion, Request, Sampling, draw_seed
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import InputError
from prmkit.models import DEMO_POLICY
from prmkit.records import FinishReason
from prmkit.steps import TextFormat, split_ids

pytestmark = [
    pytest.mark.slow,
    pytest.mark.vllm,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        importlib.util.find_spec("vllm") is None, reason="vllm is not installed (make test installs it)"
    ),
]
PROBLEMS = [story.text for story in make_stories(8, 5, LEVELS["default"])]


class Engines:
    """Both engines, vLLM's in a loop of its own that lives as long as it does."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.plain = EngineSpec(engine=Engine.TRANSFORMERS, policy=str(DEMO_POLICY)).build()
        self.vllm = self.loop.run_until_complete(self._start())

    async def _start(self) -> Completer:
        return EngineSpec(engine=Engine.VLLM, policy=str(DEMO_POLICY), slots=32).build()

    def complete(self, completer: Completer, requests: list[Request]) -> list[Completion]:
        async def all_of_them() -> list[Completion]:
            return list(await asyncio.gather(*(completer.complete(each) for each in requests)))

        return self.loop.run_until_complete(all_of_them())

    def close(self) -> None:
        self.plain.close()
        self.loop.run_until_complete(self._stop())
        self.loop.close()

    async def _stop(self) -> None:
        self.vllm.close()
        await asyncio.sleep(1)  # the engine's task ends in its loop; left pending, it keeps the process from exiting


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    engines = Engines()
    yield engines
    engines.close()


def request(engines: Engines, problem: str, index: int = 0, *, one_step: bool = False, **sampling: float) -> Request:
    ids = tuple(engines.plain.text_format.prompt_ids(engines.plain.tokenizer, problem))
    return Request(
        prompt_ids=ids,
        sampling=Sampling(**({"max_tokens": 300} | sampling)),
        seed=draw_seed(0, "sample", problem, ids, index),
        one_step=one_step,
    )


def test_greedy_decoding_equals_the_transformers_engine_token_for_token(engines: Engines) -> None:
    requests = [request(engines, problem, temperature=0.0) for problem in PROBLEMS]
    theirs = engines.complete(engines.plain, requests)
    assert engines.complete(engines.vllm, requests) == theirs
    assert {each.finish for each in theirs} == {FinishReason.END}


def test_greedy_steps_equal_the_transformers_engine_token_for_token(engines: Engines) -> None:
    requests = [request(engines, problem, temperature=0.0, one_step=True) for problem in PROBLEMS]
    drawn = engines.complete(engines.vllm, requests)
    assert drawn == engines.complete(engines.plain, requests)
    assert {each.finish for each in drawn} == {FinishReason.STEP}


def test_a_separator_that_ends_no_step_is_written_over_as_by_the_transformers_engine(engines: Engines) -> None:
    point = TextFormat(prompt="{problem}\n", separator=".")
    plain = EngineSpec(engine=Engine.TRANSFORMERS, policy=str(DEMO_POLICY), prompt="{problem}\n", separator=".").build()
    ids = tuple(plain.tokenizer(f"{PROBLEMS[0]}\n{PROBLEMS[0].split('.')[0]}")["input_ids"])
    own, engines.vllm.text_format = engines.vllm.text_format, point
    try:
        for limit, text, finish in ((60, ". Gus: 23.", FinishReason.STEP), (1, ".", FinishReason.LENGTH)):
            sampling = Sampling(temperature=0.0, max_tokens=limit)
            step = Request(prompt_ids=ids, sampling=sampling, seed=0, one_step=True)
            (drawn,) = engines.complete(engines.vllm, [step])
            assert (plain.tokenizer.decode(drawn.token_ids), drawn.finish) == (text, finish)
            assert [drawn] == engines.complete(plain, [step])
            assert drawn.cached_tokens <= len(ids)
    finally:
        engines.vllm.text_format = own
        plain.close()


def test_a_step_that_fills_the_context_is_a_cut_text_because_nothing_can_follow_it(engines: Engines) -> None:
    line = engines.plain.tokenizer("Mia has 37 more than Gus: 23 + 37 = 60. Mia: 60.\n", add_special_tokens=False)
    ids = tuple(line["input_ids"] * 60)[9 : 9 + 1024]
    step = Request(prompt_ids=ids[: 1024 - 5], sampling=Sampling(temperature=0.0), seed=0, one_step=True)
    (drawn,) = engines.complete(engines.vllm, [step])
    assert (drawn.finish, len(drawn.token_ids)) == (FinishReason.LENGTH, 5)
    assert str(engines.plain.tokenizer.decode(drawn.token_ids)).endswith("\n")
    assert [drawn] == engines.complete(engines.plain, [step])


def test_steps_find_every_whole_block_of_their_prefix_computed(engines: Engines) -> None:
    starts = [request(engines, problem, one_step=True) for problem in PROBLEMS[:4]]
    beams = [start for start in starts for _ in range(3)]
    for step in range(8):
        beams = [replace(beam, seed=8 * place + step) for place, beam in enumerate(beams)]
        drawn = engines.complete(engines.vllm, beams)
        if step:  # the engine has read all but the last token of each prefix, which it always reads again
            expected = [(len(beam.prompt_ids) - 1) // 32 * 32 for beam in beams]
            assert [each.cached_tokens for each in drawn] == expected
        beams = [
            replace(beam, prompt_ids=beam.prompt_ids + each.token_ids)
            for beam, each in zip(beams, drawn, strict=True)
            if each.finish is FinishReason.STEP
        ]
    assert len({beam.prompt_ids for beam in beams}) > 4 and max(len(beam.prompt_ids) for beam in beams) > 6 * 32


def test_a_prefix_goes_to_the_engine_as_the_ids_that_were_written_and_not_as_text(engines: Engines) -> None:
    tokenizer, first = engines.plain.tokenizer, request(engines, PROBLEMS[5], one_step=True, max_tokens=1)
    letters = "Once more, one letter at a time: nothing is ever read as text again.\n"
    written = tuple(each for letter in letters for each in tokenizer(letter, add_special_tokens=False)["input_ids"])
    again = tuple(tokenizer(tokenizer.decode(written), add_special_tokens=False)["input_ids"])
    assert len(again) < len(written) and tokenizer.decode(again) == tokenizer.decode(written)
    grown = replace(first, prompt_ids=first.prompt_ids + written)
    engines.complete(engines.vllm, [grown])
    (same,) = engines.complete(engines.vllm, [grown])
    assert same.cached_tokens == (len(grown.prompt_ids) - 1) // 32 * 32
    (other,) = engines.complete(engines.vllm, [replace(first, prompt_ids=first.prompt_ids + again)])
    assert other.cached_tokens == len(first.prompt_ids) // 32 * 32


def test_the_share_of_gpu_memory_reaches_the_engines_arguments_on_gpus_only(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def started(arguments: Any) -> Any:
        given.append(arguments)
        return engines.vllm._engine  # one is enough

    monkeypatch.setattr("vllm.v1.engine.async_llm.AsyncLLM.from_engine_args", started)
    spec = EngineSpec(engine=Engine.VLLM, policy=str(DEMO_POLICY), gpu_memory=0.4)
    spec.build()
    monkeypatch.setattr("prmkit.completers.vllm.prepare_vllm", lambda: False)  # as if it were the build for GPUs
    spec.build()
    on_cpu, on_gpu = (each.gpu_memory_utilization for each in given)
    assert on_gpu == 0.4 and on_cpu != 0.4


def test_draws_do_not_depend_on_order_or_company(engines: Engines) -> None:
    many = [request(engines, problem, index) for problem in PROBLEMS for index in range(4)]
    together = engines.complete(engines.vllm, many)
    assert engines.complete(engines.vllm, many[::-1])[::-1] == together
    assert engines.complete(engines.vllm, many[3:4]) == together[3:4]
    assert len({each.token_ids for each in together[:4]}) > 1


def test_a_text_cut_at_the_limit_is_not_called_finished(engines: Engines) -> None:
    (cut,) = engines.complete(engines.vllm, [request(engines, PROBLEMS[0], max_tokens=6)])
    assert cut.finish is FinishReason.LENGTH and len(cut.token_ids) == 6


def test_temperature_and_top_p_change_the_draws(engines: Engines) -> None:
    def variety(**sampling: float) -> int:
        requests = [request(engines, PROBLEMS[1], index, **sampling) for index in range(16)]
        return len({each.token_ids for each in engines.complete(engines.vllm, requests)})

    assert variety(temperature=0.0) == 1
    assert variety(temperature=2.0) > 1
    assert variety(temperature=2.0, top_p=1e-6) == 1


def test_a_prompt_longer_than_the_context_is_refused_and_the_engine_lives_on(engines: Engines) -> None:
    with pytest.raises(InputError, match="5000 tokens"):
        engines.complete(engines.vllm, [Request(prompt_ids=(5,) * 5000, sampling=Sampling(), seed=0)])
    (each,) = engines.complete(engines.vllm, [request(engines, PROBLEMS[0])])
    steps, _ = split_ids(engines.plain.tokenizer, each.token_ids, "\n")
    assert steps
