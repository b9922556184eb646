"""Flags of the commands that take reward models by name: several as one, and where they run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prmkit.cli.options import say

if TYPE_CHECKING:
    from prmkit.rewards.base import RewardModel


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

    def check(self, names: Sequence[str]) -> None:
        """Refuse options that contradict each other.

        Raises:
            InputError: They speak of several models, and there is one; or of a bound that is not asked for; or a model
                is named twice.
        """
        from prmkit.errors import InputError
        from prmkit.models import model_fingerprint

        if len(names) == 1 and self.ensemble is not None:
            raise InputError("--ensemble combines several models; name two or more")
        if self.deviations is not None and self.ensemble != "lower":
            raise InputError("--deviations belongs to --ensemble lower")
        known: dict[str, str] = {}
        for name in names if len(names) > 1 else ():
            contents = model_fingerprint(name) if (Path(name) / "config.json").is_file() else name
            if contents in known:
                raise InputError(f"{name} is the same model as {known[contents]}; an ensemble needs different ones")
            known[contents] = name

    def load(self, names: Sequence[str], **options: Any) -> "RewardModel":
        """The one model, or the ensemble; options as of `prmkit.rewards.named.load_any`."""
        from prmkit.rewards.ensemble import Combination, EnsembleReward
        from prmkit.rewards.named import load_any

        self.check(names)
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
