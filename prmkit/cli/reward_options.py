"""Flags of the commands that take reward models by name: several as one, and where they run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prmkit.cli.options import say

if TYPE_CHECKING:
    from prmkit.rewards.base import RewardModel


def located(name: str) -> str:
    """A reward model's name as other processes, in other folders, find it: folders by their whole path."""
    from prmkit.rewards.named import JUDGE

    before, folder = (JUDGE, name.removeprefix(JUDGE)) if name.startswith(JUDGE) else ("", name)
    return before + (str(Path(folder).resolve()) if Path(folder).is_dir() else folder)


def same_model(names: Sequence[str]) -> tuple[str, str] | None:
    """The first two names that stand for one model, be it in copies; None where all differ."""
    from prmkit.models import model_fingerprint

    known: dict[str, str] = {}
    for name in names if len(names) > 1 else ():
        contents = model_fingerprint(name) if (Path(name) / "config.json").is_file() else name
        if contents in known:
            return known[contents], name
        known[contents] = name
    return None


RewardEngine = Literal["transformers", "vllm"]
"""What computes the logits of a reward model; both give the same scores."""


@dataclass(frozen=True, kw_only=True)
class RewardOptions:
    """How reward models are loaded and combined."""

    ensemble: Literal["mean", "min", "lower"] | None = None
    """Of several models: mean of their step scores (default), the lowest, or the mean less --deviations."""
    deviations: float | None = None
    """With --ensemble lower: standard deviations taken off the mean; default 1."""
    adapter: str | None = None
    """How a published PRM is read, by name; default: found by its architecture or name."""
    device: str | None = None
    """Of reward models: cpu, cuda, ...; by default CUDA where there is one. Beside vllm, cpu leaves it the card."""

    def check(self, names: Sequence[str], engine: RewardEngine = "transformers") -> None:
        """Refuse options that contradict each other.

        Raises:
            InputError: They speak of several models, and there is one; or of a bound that is not asked for; or a model
                is named twice; or the engine cannot do what is asked for.
        """
        from prmkit.errors import InputError

        if not names:
            raise InputError("name a reward model")
        if engine == "vllm" and (len(names) > 1 or self != RewardOptions()):
            raise InputError(
                "the vllm engine scores with one model of prmkit, on the device of vLLM's build; --device, --adapter "
                "and further models are for transformers"
            )

        if len(names) == 1 and self.ensemble is not None:
            raise InputError("--ensemble combines several models; name two or more")
        if self.deviations is not None and self.ensemble != "lower":
            raise InputError("--deviations belongs to --ensemble lower")
        if same := same_model(names):
            raise InputError(f"{same[1]} is the same model as {same[0]}; an ensemble needs different ones")

    def probe(self, names: Sequence[str], engine: RewardEngine = "transformers") -> None:
        """Find what is wrong with the models or the device before other processes load them; loads no weights.

        Raises:
            PrmkitError: As of `check`; or a folder of ours is incomplete, or there is no device of such a name.
        """
        import torch

        from prmkit.errors import InputError, first_line
        from prmkit.rewards.named import probe_any

        self.check(names, engine)
        try:
            torch.device(self.device or "cpu")
        except RuntimeError as error:
            raise InputError(f"device {self.device!r} cannot be used: {first_line(error)}") from None
        for name in names:
            probe_any(name, adapter=self.adapter)

    def load(self, names: Sequence[str], engine: RewardEngine = "transformers", **options: Any) -> "RewardModel":
        """The one model, or the ensemble; options as of `prmkit.rewards.named.load_any`."""
        self.check(names, engine)
        if engine == "vllm":
            from prmkit.rewards.vllm import load_vllm_reward

            return load_vllm_reward(names[0], **options)
        from prmkit.rewards.ensemble import Combination, EnsembleReward
        from prmkit.rewards.named import load_any

        models = [load_any(name, self.device, adapter=self.adapter, **options) for name in names]
        for model in models:
            if reason := getattr(model, "adapter_reason", None):
                say(f"adapter: {reason}")
        if len(models) == 1:
            return models[0]
        deviations = 1.0 if self.deviations is None else self.deviations
        return EnsembleReward(models, Combination(self.ensemble or "mean"), deviations=deviations)

    def identity(self, names: Sequence[str], key: str = "model") -> dict[str, Any]:
        """What decides the scores: the contents of the models, under the key, and how they become one."""
        from prmkit.models import model_fingerprint

        alone = {key: " ".join(map(model_fingerprint, names)), "adapter": self.adapter}
        return alone | ({"ensemble": self.ensemble, "deviations": self.deviations} if len(names) > 1 else {})
