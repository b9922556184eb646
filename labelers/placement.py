"""Where engines go on a Ray cluster: how many, what each needs, and the actors themselves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelers.worker import Task, Worker
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.errors import InputError

Resources = dict[str, float]
"""What a node has, by Ray's names: `CPU`, `GPU`, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What the engines of a run ask of a cluster."""

    engines: int
    """Engines to run; at least 1."""
    cpus: float
    """CPUs each engine takes."""
    gpus: int
    """GPUs each engine takes, all on one node; 0 on the CPU."""
    placed: int
    """Engines that fit the cluster as it is; the others wait for nodes to join."""


def plan(
    spec: EngineSpec, nodes: Sequence[Resources], *, engines: int, most: int | None = None, may_grow: bool
) -> Need:
    """How many engines to run, and what each takes.

    Args:
        spec: The engine. A simulated one takes GPUs only where it stands for an engine on several
            (`tensor_parallel` above 1).
        nodes: What each living node has.
        engines: Asked for; 0 takes one per GPU (per `tensor_parallel` GPUs), or per CPU up to 8 where there is no GPU
            (vllm on the CPU: one).
        most: More are of no use.
        may_grow: The cluster is one by address, which nodes may join: more engines than fit are allowed.

    Raises:
        InputError: The engines need more GPUs than there are, on a machine that will not grow.
    """
    cpus, gpus = (sum(node.get(name, 0) for node in nodes) for name in ("CPU", "GPU"))
    on_gpu = gpus > 0 and (spec.engine is not Engine.SIMULATED or spec.tensor_parallel > 1)
    each = spec.tensor_parallel if on_gpu else 0
    default = int(gpus) // each if each else 1 if spec.engine is Engine.VLLM else min(int(cpus), 8)
    count = engines or max(1, default)
    if each and not may_grow and count * each > gpus:
        raise InputError(f"{count} engines of {each} GPUs need more than the cluster's {gpus:.0f} GPUs")
    count = max(1, min(count, most or count))
    share = 1.0 if may_grow else min(1.0, max(1.0, cpus) / count)
    placed = sum(_fit(node, share, each) for node in nodes)
    return Need(engines=count, cpus=share, gpus=each, placed=min(count, placed))


def _fit(node: Resources, cpus: float, gpus: int) -> int:
    """Engines that a node holds; Ray counts resources in steps of 1/10,000."""
    held = math.floor(node.get("CPU", 0) / cpus + 1e-3)
    return min(held, int(node.get("GPU", 0)) // gpus) if gpus else held


class Engines:
    """Makes the actors of a run, one life at a time, and ends them."""

    def __init__(self, ray: Any, task: Task[Any], spec: EngineSpec, need: Need) -> None:
        """Nothing is started yet."""
        self.ray = ray
        self.count = need.engines
        self._task, self._spec, self._need = task, spec, need
        self._groups: dict[int, Any] = {}

    def hire(self, seat: int) -> Any:
        """A new actor for a seat: it waits, without work, until the cluster has room for it.

        Several GPUs are held by a placement group of one bundle, which outlives the actor: a replacement finds them
        free, on the same node or, if that is lost, on another.
        """
        need = self._need
        options: dict[str, Any] = {"num_cpus": need.cpus, "num_gpus": need.gpus}
        if need.gpus > 1:
            from ray.util.placement_group import placement_group
            from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

            if seat not in self._groups:
                bundle = {"CPU": need.cpus, "GPU": need.gpus}
                self._groups[seat] = placement_group([bundle], strategy="STRICT_PACK")
            options["scheduling_strategy"] = PlacementGroupSchedulingStrategy(
                self._groups[seat], placement_group_bundle_index=0
            )
        return self.ray.remote(Worker).options(**options).remote(self._spec, self._task, 0 if need.gpus else 1)

    def dismiss(self, actor: Any) -> None:
        """End an actor's process, whatever state it is in."""
        self.ray.kill(actor)

    def close(self) -> None:
        """Give the cluster back what was held."""
        from ray.util.placement_group import remove_placement_group

        for group in self._groups.values():
            remove_placement_group(group)
        self._groups.clear()
