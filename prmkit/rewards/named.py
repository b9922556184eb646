"""A reward model by the name that a user gives it: a folder, a hub name, or `judge:` and a language model."""

from pathlib import Path
from typing import Any

from prmkit.errors import InputError
from prmkit.rewards.base import RewardModel
from prmkit.steps import METADATA_FILE

JUDGE = "judge:"
"""Before the name of a language model: it is asked where the first error is (`prmkit.rewards.judge`)."""


def _is_ours(name: str | Path) -> bool:
    return (Path(name) / METADATA_FILE).is_file()


def probe_any(name: str, *, adapter: str | None = None) -> None:
    """Find what is wrong with a reward model before it is loaded, elsewhere perhaps; reads no weights.

    Raises:
        PrmkitError: As of `load_any`, as far as configuration and tokenizer tell.
    """
    if name.startswith(JUDGE):
        from prmkit.completers.engines import Engine, engine_spec

        engine_spec(name.removeprefix(JUDGE), Engine.AUTO)
    elif _is_ours(name):
        from prmkit.rewards.reading import load_parts

        load_parts(name)
    else:
        from prmkit.models import load_config, resolve_model
        from prmkit.rewards.adapters import choose_adapter

        architectures = getattr(load_config(resolve_model(name)), "architectures", None) or []
        choose_adapter(name, architectures, adapter)


def load_any(name: str | Path, device: str | None = None, *, adapter: str | None = None, **options: Any) -> RewardModel:
    """Load a reward model.

    Args:
        name: A folder written by `prmkit train`, a published process reward model (`prmkit.rewards.published`; folder
            or hub name), or `judge:MODEL`.
        device: `cpu`, `cuda`, ...; by default CUDA where there is one. A judge runs where its engine does.
        adapter: Of a published model; by default found by its architecture or name.
        options: Further arguments of `ClassifierReward`; of these a judge knows `aggregation` and `threshold`, and it
            reads in full where others keep prefixes (`prefix_cache`).

    Raises:
        MissingFileError: It is not there or is incomplete.
        InputError: It cannot be read, or an option does not belong to it.
    """
    judge = str(name).startswith(JUDGE)
    ours = not judge and _is_ours(name)
    if adapter is not None and (judge or ours):
        raise InputError(f"{name}: an adapter is for published models; this one needs none")
    if judge:
        return _load_judge(str(name).removeprefix(JUDGE), device, options)
    if ours:
        from prmkit.rewards.scorer import load_reward_model

        return load_reward_model(name, device, **options)
    from prmkit.rewards.published import load_published

    return load_published(name, device, adapter=adapter, **options)


def _load_judge(model: str, device: str | None, options: dict[str, Any]) -> RewardModel:
    from prmkit.completers.engines import Engine, engine_spec
    from prmkit.rewards.judge import JudgeReward

    known = {"aggregation", "threshold"}
    general = {"calibrated", "prefix_cache"}  # said to all models of a command; neither changes what a judge says
    given = {key: value for key, value in options.items() if value is not None and key not in general}
    if device is not None or given.keys() - known:
        raise InputError(f"judge {model!r}: {', '.join(sorted(given.keys() - known)) or 'a device'} cannot be chosen")
    spec, _ = engine_spec(model, Engine.AUTO)
    return JudgeReward(spec.build(), **given)
