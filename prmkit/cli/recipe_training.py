"""Many trainings side by side: each a task on the Ray cluster that is open, on one CPU core or one GPU."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prmkit.cli.options import progress
from prmkit.cli.train import TrainORM, TrainPRM
from prmkit.errors import EngineError, PrmkitError, first_line
from prmkit.files import write_text
from prmkit.steps import METADATA_FILE

Training = TrainPRM | TrainORM


def train_side_by_side(trainings: Sequence[Training]) -> None:
    """Train all of them on the open Ray cluster; finished ones are left as they are, unfinished ones continued.

    Args:
        trainings: With folders of their own, which every node must see.

    Raises:
        EngineError: One failed; the message is its own.
    """
    import ray

    gpus = 1 if ray.cluster_resources().get("GPU") else 0
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=2)(_train)
    placed = [replace(each, labels=each.labels.resolve(), out=each.out.resolve()) for each in trainings]
    waiting = {task.remote(each, not gpus): each for each in placed}  # workers have working directories of their own
    with progress("training", len(waiting)) as advance:
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            training = waiting.pop(done)
            try:
                error = ray.get(done)
            except ray.exceptions.RayError as lost:  # whatever is no PrmkitError, or a worker that died again and again
                error = first_line(lost)
            if error:
                for other in waiting:
                    ray.cancel(other)
                raise EngineError(f"{error} ({_beside(training, 'log')} has what the training told)")
            advance(1)


def seconds_of(training: Training) -> float:
    """Wall seconds that a training took over all its starts; 0 where it has not begun."""
    file = _beside(training, "seconds")
    return float(file.read_text(encoding="utf-8")) if file.is_file() else 0.0


def _train(training: Training, alone: bool) -> str:
    """In a worker: train, and return what went wrong in one line; nothing where it went well."""
    if alone:
        import torch

        torch.set_num_threads(1)
    began, before, finished = time.monotonic(), seconds_of(training), (training.out / METADATA_FILE).is_file()
    training.out.parent.mkdir(parents=True, exist_ok=True)
    with _beside(training, "log").open("a", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        try:
            training.run()
        except PrmkitError as error:
            return str(error)
    if not finished:
        write_text(_beside(training, "seconds"), f"{before + time.monotonic() - began}")
    return ""


def _beside(training: Training, suffix: str) -> Path:
    """A file beside the folder of a model."""
    return training.out.with_name(f"{training.out.name}.{suffix}")
