"""The beam search benchmark: whether its peer is the algorithm it stands for, and its work what it should be."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.endless_policy import STEP_TOKENS, write_endless
from benchmarks.processes import Child
from benchmarks.search_and_learn import Beam, beam_search
from prmkit.completers import Request, Sampling
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.grading import grade_many
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import FinishReason, Problem
from prmkit.rewards.simulated import OracleReward
from prmkit.steps import TextFormat, split_text
from search.beam import BeamSearch
from search.nodes import Duplicates
from search.scoring import BatchingScorer

FORMAT = TextFormat(prompt="{problem}\n", separator="\n")


def test_beams_are_scored_whole_pruned_to_n_over_width_and_repeated() -> None:
    asked: list[Sequence[str]] = []
    scored: list[Sequence[str]] = []

    def generate(prompts: Sequence[str], last: bool) -> list[tuple[str, bool]]:
        asked.append(prompts)
        return [(f"{len(asked)}{letter}\n", last or (len(asked), letter) == (2, "a")) for letter in "abcd"]

    def score(texts: Sequence[str]) -> list[list[float]]:
        scored.append(texts)
        return [[ord(step[-1]) / 128 for step in text.splitlines()] for text in texts]

    found = beam_search("P\n", generate, score, lambda scores: scores[-1], n=4, width=2, iterations=3)
    assert asked == [["P\n"] * 4, ["P\n1c\n", "P\n1d\n"] * 2, ["P\n1c\n2c\n", "P\n1d\n2d\n"] * 2]
    assert scored[2] == ["1c\n2c\n3a\n", "1d\n2d\n3b\n", "1c\n2c\n3c\n", "1d\n2d\n3d\n"]
    assert [each.text for each in found] == ["1c\n2a\n", *scored[2][:3]]  # the first that ended, not the best


def test_nothing_is_repeated_where_no_beam_ended() -> None:
    def generate(prompts: Sequence[str], _: bool) -> list[tuple[str, bool]]:
        return [("on\n", False)] * len(prompts)

    found = beam_search("", generate, lambda texts: [[0.5]] * len(texts), max, n=2, width=2, iterations=2)
    assert found == []


@pytest.mark.slow
def test_with_an_oracle_the_peer_solves_as_many_stories_as_ours() -> None:
    problems = [
        Problem(problem_id=str(number), problem=each.text, answer=str(each.answer))
        for number, each in enumerate(make_stories(16, 4, LEVELS["default"]))
    ]
    completer = SimulatedCompleter(load_tokenizer(str(DEMO_POLICY)), FORMAT, (0.2, 0.4), 0.0)
    oracle, sampling = OracleReward(), Sampling(max_tokens=400)

    def peer(problem: Problem) -> str:
        drawn = 0

        def generate(prompts: Sequence[str], last: bool) -> list[tuple[str, bool]]:
            nonlocal drawn
            drawn += len(prompts)
            ids = [tuple(completer.tokenizer(each)["input_ids"]) for each in prompts]
            requests = [
                Request(prompt_ids=each, sampling=sampling, seed=drawn + number, one_step=not last)
                for number, each in enumerate(ids)
            ]

            async def complete() -> list[tuple[str, bool]]:
                found = await asyncio.gather(*map(completer.complete, requests))
                texts = completer.tokenizer.batch_decode([each.token_ids for each in found], skip_special_tokens=True)
                return [(text, each.finish is not FinishReason.STEP) for text, each in zip(texts, found, strict=True)]

            return asyncio.run(complete())

        def score(texts: Sequence[str]) -> list[list[float]]:
            return oracle.score_steps([(problem.problem, split_text(text, "\n")) for text in texts])

        beams = beam_search(
            f"{problem.problem}\n", generate, score, oracle.solution_score, n=16, width=4, iterations=40
        )
        return max(beams, key=lambda each: oracle.solution_score(each.scores), default=Beam()).text

    async def ours() -> list[str]:
        method = BeamSearch(sampling=sampling, beams=4, expansions=4, duplicates=Duplicates.ACCEPT)
        scorer = BatchingScorer(oracle)
        found = await asyncio.gather(*(method.search(completer, scorer, each) for each in problems))
        return ["\n".join(each.chosen.steps) if each.chosen else "" for each in found]

    solved = [
        sum(
            each.equal for each in grade_many(list(zip([each.known_answer() for each in problems], texts, strict=True)))
        )
        for texts in (asyncio.run(ours()), [peer(each) for each in problems])
    ]
    assert min(solved) >= 14 and abs(solved[0] - solved[1]) <= 2


def test_an_endless_policy_writes_steps_of_one_length_and_its_text_is_its_tokens(tmp_path: Path) -> None:
    completer = EngineSpec(engine=Engine.TRANSFORMERS, policy=write_endless(tmp_path, width=64)).build()
    prompt = tuple(completer.text_format.prompt_ids(completer.tokenizer, "Dan has 5 pens. How many pens has Dan?"))
    request = Request(prompt_ids=prompt, sampling=Sampling(max_tokens=400), seed=1, one_step=True)

    async def draw() -> list[tuple[int, ...]]:
        requests = [replace(request, seed=seed) for seed in range(8)]
        return [each.token_ids for each in await asyncio.gather(*map(completer.complete, requests))]

    found = asyncio.run(draw())
    completer.close()
    assert {len(each) for each in found} == {STEP_TOKENS}
    assert len(set(found)) == 8
    text = completer.tokenizer.decode(prompt + found[0] + found[1])
    assert tuple(completer.tokenizer(text)["input_ids"]) == prompt + found[0] + found[1]
    assert len(split_text(completer.tokenizer.decode(found[0] + found[1]), "\n")) == 2


def test_a_child_that_ended_leaves_its_last_words() -> None:
    with pytest.raises(SystemExit, match="No module named"):
        Child("benchmarks.nothing").ask("anything")
