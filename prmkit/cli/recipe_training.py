"""Many trainings side by side: each a task on the Ray cluster that is open, on one CPU core or one GPU."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prmkit.cli.options import progress

if TYPE_CHECKING:
    from prmkit.cli.train import TrainORM, TrainPRM


def train_side_by_side(trainings: "Sequence[TrainPRM | TrainORM]") -> None:
    """Train all of them on the open Ray cluster; finished ones are left as they are, unfinished ones continued.

    Args:
        trainings: With folders of their own, which every node must see.

    Raises:
        EngineError: One failed; the message is its own.
    """
    import ray

    from prmkit.errors import EngineError

    gpus = 1 if ray.cluster_resources().get("GPU") else 0
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=2)(_train)
    waiting = {task.remote(each, not gpus): each for each in trainings}
    with progress("training", len(waiting)) as advance:
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            training = waiting.pop(done)
            if error := ray.get(done):
                for other in waiting:
                    ray.cancel(other)
                raise EngineError(f"{error} ({_log(training)} has what the training told)")
            advance(1)


def _train(training: "TrainPRM | TrainORM", alone: bool) -> str:
    """In a worker: train, and return what went wrong in one line; nothing where it went well."""
    from prmkit.errors import PrmkitError

    if alone:
        import torch

        torch.set_num_threads(1)
    training.out.parent.mkdir(parents=True, exist_ok=True)
    with _log(training).open("a", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        try:
            training.run()
        except PrmkitError as error:
            return str(error)
    return ""


def _log(training: "TrainPRM | TrainORM") -> Path:
    """Beside its folder: what the training told."""
    return training.out.with_name(f"{training.out.name}.log")
