"""The signatures of reward functions that trainers call, in front of `prmkit.rewards.rl`.

For TRL `grpo_reward`; for verl `verl_reward` and `verl_batch_reward`. Neither library is imported here. The function
for verl lies in a file of the user's, whose path is `custom_reward_function.path`:

    from prmkit.rewards.named import load_any
    from prmkit.rewards.rl import RewardTerms, RlReward
    from prmkit.rewards.trainers import verl_reward

    compute_score = verl_reward(RlReward(load_any("FOLDER"), RewardTerms(answer=1.0)))
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prmkit.errors import InputError
from prmkit.rewards.rl import RlReward


def grpo_reward(reward: RlReward, *, problem: str = "problem", answer: str = "answer") -> Callable[..., list[float]]:
    """A reward function for TRL's `GRPOTrainer` (and `RLOOTrainer`), for plain and conversational data.

    Means of the parts are logged as `reward_parts/NAME` by trainers that offer `log_metric` (TRL 1.0 and later).

    Args:
        reward: What is computed.
        problem: Column with the problem's text; where there is none, the prompt stands for it: its last message, or all
            of a plain one.
        answer: Column with the reference answer; needed for the answer term only.

    Raises:
        InputError: (the function that is returned) As `RlReward.rewards`, or there is no column `answer`.
    """

    def prm_reward(
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float]:
        if reward.terms.answer and answer not in columns:
            names = ", ".join(repr(name) for name, values in columns.items() if isinstance(values, list))
            raise InputError(f"the data set has no column {answer!r} beside the prompt; there are {names or 'none'}")
        problems = columns.get(problem) or [_last_text(each) for each in prompts]
        answers = columns[answer] if reward.terms.answer else [None] * len(prompts)
        texts = [_last_text(each) for each in completions]
        lengths = None if completion_ids is None else [len(each) for each in completion_ids]
        found = reward.rewards(list(zip(problems, texts, answers, strict=True)), lengths)
        if log_metric is not None and found:
            for part in found[0].parts:
                log_metric(f"reward_parts/{part}", sum(each.parts[part] for each in found) / len(found))
        return [each.total for each in found]

    return prm_reward


def _last_text(message: Any) -> str:
    """A plain text, or what the last message of a conversation says."""
    if isinstance(message, str):
        return message
    content = message[-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text") or "" for part in content)


def verl_reward(reward: RlReward, *, problem: str = "question") -> Callable[..., dict[str, float]]:
    """A `compute_score` for verl's reward managers that score one completion at a time (naive, dapo, reward loop).

    Args:
        reward: What is computed.
        problem: Field of `extra_info` with the problem's text; verl's own GSM8K preparation writes `question`.

    Returns:
        A function that returns `score`, which verl trains on, and the parts, which it logs.

    Raises:
        InputError: (the function that is returned) As `RlReward.rewards`, or `extra_info` lacks the problem.
    """
    batch = verl_batch_reward(reward, problem=problem)

    def compute_score(
        data_source: str,
        solution_str: str,
        ground_truth: str | None,
        extra_info: Mapping[str, Any] | None = None,
        **_others: Any,  # newer reward loops pass their router and tokenizer
    ) -> dict[str, float]:
        return batch([data_source], [solution_str], [ground_truth], [extra_info])[0]

    return compute_score


def verl_batch_reward(reward: RlReward, *, problem: str = "question") -> Callable[..., list[dict[str, float]]]:
    """As `verl_reward`, for the reward manager `batch`: all completions of a step are scored together."""

    def compute_score(
        data_sources: Sequence[str],
        solution_strs: Sequence[str],
        ground_truths: Sequence[str | None],
        extra_infos: Sequence[Mapping[str, Any] | None],
        **_others: Any,
    ) -> list[dict[str, float]]:
        problems = [
            _problem(*each, problem) if reward.terms.process else ""
            for each in zip(data_sources, extra_infos, strict=True)
        ]
        answers = [None if each is None else str(each) for each in ground_truths]
        found = reward.rewards(list(zip(problems, solution_strs, answers, strict=True)))
        return [{"score": each.total, **each.parts} for each in found]

    return compute_score


def _problem(data_source: str, extra_info: Mapping[str, Any] | None, field: str) -> str:
    if not extra_info or not extra_info.get(field):
        raise InputError(
            f"data source {data_source!r}: extra_info has no {field!r}; a process reward needs the problem's text, so "
            "write it there when the data are prepared"
        )
    return str(extra_info[field])
