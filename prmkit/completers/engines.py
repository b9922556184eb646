"""Which completer to use, and building it; importing this loads neither torch nor vLLM."""

import importlib.util
import subprocess
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from prmkit.completers.base import Completer
from prmkit.errors import InputError
from prmkit.models import load_config, load_tokenizer, model_fingerprint, resolve_model
from prmkit.steps import find_text_format


class Engine(StrEnum):
    """The completers by name."""

    AUTO = "auto"
    VLLM = "vllm"
    TRANSFORMERS = "transformers"
    SIMULATED = "simulated"


def choose_engine(asked: Engine) -> tuple[Engine, str]:
    """The engine to use and the reason, to be printed."""
    if asked is not Engine.AUTO:
        return asked, "asked for"
    if not _cuda_visible():
        return Engine.TRANSFORMERS, "no CUDA device is visible"
    if importlib.util.find_spec("vllm") is None:
        return Engine.TRANSFORMERS, "vllm is not installed (pip install 'prmkit[vllm]')"
    return Engine.VLLM, "a CUDA device is visible and vllm is installed"


def _cuda_visible() -> bool:
    """Ask the driver's own tool, so that the answer costs no import of torch."""
    try:
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "GPU " in listing


@dataclass(frozen=True, kw_only=True)
class EngineSpec:
    """Everything needed to build a completer in another process."""

    engine: Engine
    """Which one; not `auto`."""
    policy: str
    """Resolved folder or hub name."""
    prompt: str | None = None
    """Overrides the policy's prompt format."""
    separator: str | None = None
    """Overrides the policy's step separator."""
    slots: int = 64
    """Requests that decode together."""
    tensor_parallel: int = 1
    """GPUs that share one copy of the model (vllm)."""
    gpu_memory: float = 0.9
    """Share of each GPU's memory that vllm takes, in (0, 1]; its CPU build does not heed it."""

    def __post_init__(self) -> None:
        if self.engine is Engine.AUTO:
            raise InputError("choose an engine first (choose_engine)")
        if self.slots < 1 or self.tensor_parallel < 1:
            raise InputError(f"slots and tensor_parallel must be at least 1, got {self.slots}, {self.tensor_parallel}")
        if not 0 < self.gpu_memory <= 1:
            raise InputError(f"gpu_memory must be a share above 0 and at most 1, got {self.gpu_memory}")

    def identity(self) -> dict[str, object]:
        """What decides the tokens that come out: all but the sizes, and the policy's content instead of its place."""
        sizes = ("slots", "tensor_parallel", "gpu_memory")
        same = {name: value for name, value in asdict(self).items() if name not in sizes}
        return same | {"policy": model_fingerprint(self.policy)}

    def build(self) -> Completer:
        """Load the model and start the engine."""
        tokenizer = load_tokenizer(self.policy)
        text_format = find_text_format(Path(self.policy), tokenizer, self.prompt, self.separator)
        match self.engine:
            case Engine.VLLM:
                from prmkit.completers.vllm import VllmCompleter

                return VllmCompleter(
                    self.policy,
                    text_format,
                    slots=self.slots,
                    tensor_parallel=self.tensor_parallel,
                    gpu_memory=self.gpu_memory,
                )
            case Engine.TRANSFORMERS:
                from prmkit.completers.transformers import TransformersCompleter, default_device

                return TransformersCompleter.load(self.policy, text_format, slots=self.slots, device=default_device())
            case _:
                from prmkit.completers.simulated import SimulatedCompleter

                return SimulatedCompleter(tokenizer, text_format)


def engine_spec(
    policy: str,
    engine: Engine,
    *,
    prompt: str | None = None,
    separator: str | None = None,
    slots: int = 64,
    tensor_parallel: int = 1,
    gpu_memory: float = 0.9,
) -> tuple[EngineSpec, str]:
    """The specification for a MODEL argument, and why this engine.

    All of the policy but its weights is loaded once, so that a broken one is found before anything is written.

    Raises:
        MissingFileError: The policy is not there, is incomplete, or cannot be loaded.
        MissingExtraError: vLLM is asked for and not installed.
        InputError: The policy's own text format, or an option, cannot be used.
    """
    chosen, reason = choose_engine(engine)
    if chosen is Engine.VLLM:
        from prmkit.completers.vllm import is_cpu_build

        is_cpu_build()
    spec = EngineSpec(
        engine=chosen,
        policy=resolve_model(policy),
        prompt=prompt,
        separator=separator,
        slots=slots,
        tensor_parallel=tensor_parallel,
        gpu_memory=gpu_memory,
    )
    load_config(spec.policy)
    find_text_format(Path(spec.policy), load_tokenizer(spec.policy), prompt, separator)
    return spec, reason
