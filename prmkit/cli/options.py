"""Flags that several commands share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from prmkit.completers.base import Sampling
from prmkit.completers.engines import Engine, EngineSpec, engine_spec
from prmkit.files import locate

if TYPE_CHECKING:
    from labelers.cluster import ClusterOptions

Place = Annotated[
    Path,
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH|URL",
        instance_from_str=lambda arguments: locate(arguments[0]),
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda place: [str(place)],
    ),
]
"""A path, or the URL of an object store; as a `Path`, `s3://bucket/run` would lose a slash."""


def say(text: str) -> None:
    """Print a line as it is: no markup in it is interpreted, and no path in it is wrapped."""
    from rich.console import Console

    Console(markup=False, highlight=False, soft_wrap=True).print(text)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar; call what it gives with the number of items done since."""
    from rich.progress import Progress

    with Progress(transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


@dataclass(frozen=True, kw_only=True)
class PolicyOptions:
    """The policy and its engine."""

    policy: str = "demo"
    """Policy: a folder, a hub name, or `demo`."""
    engine: Engine = Engine.AUTO
    """vllm (GPUs), transformers (anywhere), simulated (solves demo stories, with known step values), or auto."""
    prompt: str | None = None
    """Text before the first step, with {problem} in it; default: the model's own (prmkit.json or chat template)."""
    separator: str | None = None
    """Text that ends a step; default: the model's own, else a blank line."""
    slots: int = 64
    """Requests that decode together in an engine."""
    tensor_parallel: int = 1
    """GPUs of one node that share one copy of the model (vllm)."""
    gpu_memory: float = 0.9
    """Share of each GPU's memory that vllm takes; less leaves room for a reward model on the same card."""

    def spec(self) -> EngineSpec:
        """Choose the engine and say why."""
        chosen, reason = engine_spec(
            self.policy,
            self.engine,
            prompt=self.prompt,
            separator=self.separator,
            slots=self.slots,
            tensor_parallel=self.tensor_parallel,
            gpu_memory=self.gpu_memory,
        )
        say(f"engine: {chosen.engine}, {reason}")
        return chosen


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where the engines run, and what is stored together."""

    shard_size: int = 16
    """Items that are stored together, and done again together when a machine dies; all of a problem come together."""
    ray_address: str | None = None
    """An existing Ray cluster (auto, HOST:6379); none starts a local one."""
    engines: int = 0
    """Engines; 0 takes one per GPU, or per CPU core where there is no GPU. With an address, more than fit may wait."""

    def cluster(self) -> "ClusterOptions":
        """As the labelers take them."""
        from labelers.cluster import ClusterOptions, check_address

        check_address(self.ray_address)
        return ClusterOptions(ray_address=self.ray_address, engines=self.engines, shard_size=self.shard_size)

    def identity(self, command: str, task: Any, spec: EngineSpec, **decides: Any) -> dict[str, Any]:
        """The configuration of a run's ledger: all that decides its results.

        Args:
            command: That makes the run.
            task: A dataclass; what is done with each item.
            spec: The engine.
            decides: What else does; the contents of the source among it (`prmkit.runs.contents`).
        """
        shared = {"command": command, "task": asdict(task), "policy": spec.identity(), "shard_size": self.shard_size}
        return shared | decides


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """How tokens are drawn."""

    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    """Draw from the smallest set of tokens whose probability reaches this."""
    max_tokens: int | None = None
    """Tokens of a completion at most; one that reaches this has no answer. Default 512; label proposes it from the
    lengths of the solutions."""

    def sampling(self, default: int = 512) -> Sampling:
        """As the completers take it."""
        max_tokens = default if self.max_tokens is None else self.max_tokens
        return Sampling(temperature=self.temperature, top_p=self.top_p, max_tokens=max_tokens)
