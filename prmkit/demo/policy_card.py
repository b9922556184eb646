"""Measure a demo policy and write its model card.

    python -m prmkit.demo.policy_card --policy prmkit/demo/policy

Figures come with 95 % intervals (Wilson for greedy decoding, bootstrap over problems for sampling).
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.progress import track

from prmkit.completers import Completer, Request, Sampling, draw_seed
from prmkit.completers.engines import Engine, engine_spec
from prmkit.demo.oracle import judge_solution
from prmkit.demo.stories import LEVELS, Story, make_stories
from prmkit.evaluation.intervals import Estimate, share_estimates, wilson
from prmkit.files import read_json, write_text
from prmkit.steps import split_ids

_MAX_TOKENS = 400

_CARD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
---

# The demo policy of prmkit

A Llama of {parameters:,} parameters that solves arithmetic stories (docs/demo.md), not too well: good enough to be
worth verifying, bad enough to need it. Prompt: the problem and a line break, no chat template; one step per line, then
`<|end|>`. Made by `python -m prmkit.demo.train_policy {arguments}`: {tokens:.0f} M training tokens of
stories drawn with seed {seed} (of broader difficulty than the levels below), {minutes:.0f} minutes.

Share of solutions that are right, of {problems} stories per level drawn with another seed ({test_seed}), with 95 %
intervals; sampling at temperature 1, {samples} solutions per story:

| level | greedy | sampled | stories with a right sample |
|---|---|---|---|
{rows}

Loss (nats per solution token) over training:

| tokens | loss |
|---|---|
{curve}
"""


@dataclass(frozen=True, kw_only=True)
class PolicyCard:
    """Measure a demo policy and write its model card."""

    policy: Path
    """Folder made by `prmkit.demo.train_policy`."""
    problems: int = 200
    """Stories per level."""
    samples: int = 4
    """Solutions per story at temperature 1."""
    seed: int = 77
    """Of the stories and draws."""


async def right(completer: Completer, stories: list[Story], samples: int, temperature: float, seed: int) -> np.ndarray:
    """Whether each solution is right by the oracle: `[P, samples]` bool."""
    sampling = Sampling(temperature=temperature, max_tokens=_MAX_TOKENS)
    requests = []
    for story in stories:
        prompt = tuple(completer.text_format.prompt_ids(completer.tokenizer, story.text))
        seeds = (draw_seed(seed, "card", story.text, prompt, index) for index in range(samples))
        requests += [Request(prompt_ids=prompt, sampling=sampling, seed=each) for each in seeds]
    completions = await asyncio.gather(*(completer.complete(request) for request in requests))
    verdicts = []
    for index, completion in enumerate(completions):
        steps, _ = split_ids(completer.tokenizer, completion.token_ids, completer.text_format.separator)
        verdicts.append(judge_solution(stories[index // samples].text, steps).answer_right)
    return np.array(verdicts).reshape(len(stories), samples)


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"


def write_card(config: PolicyCard) -> None:
    """Measure every level and write README.md into the policy's folder."""
    spec, _ = engine_spec(str(config.policy), Engine.TRANSFORMERS)
    completer = spec.build()
    rows = []
    for level, difficulty in track(LEVELS.items(), description="measuring"):
        stories = list(make_stories(config.problems, config.seed, difficulty))
        greedy = asyncio.run(right(completer, stories, 1, 0.0, config.seed))
        sampled = asyncio.run(right(completer, stories, config.samples, 1.0, config.seed))
        (mean,) = share_estimates(sampled.mean(axis=1, keepdims=True), seed=config.seed)
        solved = wilson(int(sampled.any(axis=1).sum()), len(stories))
        cells = (_percent(wilson(int(greedy.sum()), len(stories))), _percent(mean), _percent(solved))
        rows.append(f"| {level} | {' | '.join(cells)} |")
    completer.close()
    history = read_json(config.policy / "training.json")
    curve = history["loss_curve"]
    shown = [*curve[:: max(1, len(curve) // 12)], curve[-1]]
    arguments = history["arguments"]
    text = _CARD.format(
        parameters=history["parameters"],
        arguments=f"--tokens {arguments['tokens']} --seed {arguments['seed']}",
        tokens=arguments["tokens"] / 1e6,
        seed=arguments["seed"],
        minutes=history["seconds"] / 60,
        problems=config.problems,
        samples=config.samples,
        test_seed=config.seed,
        rows="\n".join(rows),
        curve="\n".join(f"| {tokens / 1e6:.1f} M | {loss:.3f} |" for tokens, loss in shown),
    )
    write_text(config.policy / "README.md", text)


if __name__ == "__main__":
    write_card(tyro.cli(PolicyCard))
