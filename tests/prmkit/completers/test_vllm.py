"""The vLLM engine (its CPU build) draws what the transformers engine draws when it is greedy."""

import asyncio
import importlib.util
from collections.abc import Iterator

import pytest

from prmkit.completers import Completer, Completion, Request, Sampling, draw_seed
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import InputError
from prmkit.models import DEMO_POLICY
from prmkit.records import FinishReason
from prmkit.steps import split_ids

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
