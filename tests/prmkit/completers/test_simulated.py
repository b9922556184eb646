"""The simulated solver has exactly the step values it claims."""

import asyncio

import pytest

from prmkit.completers import Request, Sampling, draw_seed
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.demo.oracle import judge_solution
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import InputError
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import FinishReason
from prmkit.steps import TextFormat, split_ids

FORMAT = TextFormat(prompt="{problem}\n", separator="\n")
STORY = next(make_stories(1, 11, LEVELS["default"]))


def solver(slip: tuple[float, float] = (0.2, 0.2), repair: float = 0.1) -> SimulatedCompleter:
    return SimulatedCompleter(load_tokenizer(str(DEMO_POLICY)), FORMAT, slip, repair)


def draw(
    solver: SimulatedCompleter, steps: list[str], count: int, **options: object
) -> list[tuple[list[str], FinishReason]]:
    ids = FORMAT.prompt_ids(solver.tokenizer, STORY.text)
    if steps:
        ids += solver.tokenizer("\n".join(steps) + "\n")["input_ids"]

    async def all_of_them() -> list[tuple[list[str], FinishReason]]:
        drawn = []
        for index in range(count):
            seed = draw_seed(0, "rollout", STORY.text, ids, index)
            sampling = Sampling(max_tokens=int(options.get("max_tokens", 400)))
            request = Request(
                prompt_ids=tuple(ids), sampling=sampling, seed=seed, one_step=bool(options.get("one_step"))
            )
            completion = await solver.complete(request)
            drawn.append((split_ids(solver.tokenizer, completion.token_ids, "\n")[0], completion.finish))
        return drawn

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("prefix", ["nothing", "two right steps", "a wrong step"])
def test_the_share_of_right_completions_is_the_stated_value(prefix: str) -> None:
    needed = [STORY.by_name[name] for name in STORY.needed]
    right = [fact.step(STORY.item, STORY.values.get(fact.base or "", 0)) for fact in needed[:2]]
    wrong = [right[0], f"{needed[1].name}: {STORY.values[needed[1].name] + 1}."]
    steps = {"nothing": [], "two right steps": right, "a wrong step": wrong}[prefix]
    the_solver = solver()
    hits = [judge_solution(STORY.text, [*steps, *rest]).answer_right for rest, _ in draw(the_solver, steps, 2000)]
    assert sum(hits) / len(hits) == pytest.approx(the_solver.value(STORY.text, steps), abs=0.035)


def test_without_slips_every_completion_is_right_in_every_step() -> None:
    ((steps, finish),) = draw(solver(slip=(0.0, 0.0)), [], 1)
    verdict = judge_solution(STORY.text, steps)
    assert verdict.answer_right and verdict.first_error == -1 and finish is FinishReason.END


def test_problems_differ_in_slip_within_the_range() -> None:
    the_solver = solver(slip=(0.1, 0.5))
    slips = [the_solver.slip(story.text) for story in make_stories(50, 0, LEVELS["default"])]
    assert 0.1 <= min(slips) < 0.2 and 0.4 < max(slips) <= 0.5


def test_one_step_writes_one_step_and_after_the_answer_only_the_end() -> None:
    ((steps, finish),) = draw(solver(), [], 1, one_step=True)
    assert len(steps) == 1 and finish is FinishReason.STEP
    ((steps, finish),) = draw(solver(), [*STORY.steps()], 1, one_step=True)
    assert steps == [] and finish is FinishReason.END


def test_the_token_limit_cuts() -> None:
    ((_, finish),) = draw(solver(), [], 1, max_tokens=5)
    assert finish is FinishReason.LENGTH


def test_other_problems_are_refused() -> None:
    the_solver = solver()
    ids = tuple(FORMAT.prompt_ids(the_solver.tokenizer, "What is 2 + 2"))
    with pytest.raises(InputError, match="arithmetic stories"):
        asyncio.run(the_solver.complete(Request(prompt_ids=ids, sampling=Sampling(), seed=0)))
