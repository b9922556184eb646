"""Trainings and scorings side by side: each a task on the Ray cluster that is open, on one CPU core or one GPU."""

import contextlib
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from labelers.ledger import CONFIG_FILE, PROGRESS_FILE
from prmkit.cli.options import progress
from prmkit.cli.score import Pool, Score
from prmkit.cli.train import TrainORM, TrainPRM
from prmkit.errors import EngineError, PrmkitError, first_line
from prmkit.evaluation.runs import run_config
from prmkit.files import fingerprint, write_atomic, write_text
from prmkit.runs import plain, shard_files
from prmkit.steps import METADATA_FILE

Training = TrainPRM | TrainORM
Task = Training | Score


def side_by_side(what: str, tasks: Sequence[Task]) -> None:
    """Run all of them on the open Ray cluster; finished ones are left as they are, unfinished ones continued.

    Args:
        what: They do, for the progress bar.
        tasks: With folders of their own, which every node must see.

    Raises:
        EngineError: One failed; the message is its own.
    """
    import ray

    gpus = 1 if ray.cluster_resources().get("GPU") else 0
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=2)(_work)
    waiting = {task.remote(each, not gpus): each for each in map(_placed, tasks)}
    with progress(what, len(waiting)) as advance:
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            stopped = waiting.pop(done)
            try:
                error = ray.get(done)
            except ray.exceptions.RayError as lost:  # whatever is no PrmkitError, or a worker that died again and again
                error = first_line(lost)
            if error:
                for other in waiting:  # killed, as an interrupt that comes in a destructor is not heard
                    ray.cancel(other, force=True)
                raise EngineError(f"{error} ({_beside(stopped, 'log')} has what it told)")
            advance(1)


def seconds_of(training: Training) -> float:
    """Wall seconds that a training took over all its starts but those that were killed; 0 where there is none."""
    file = _beside(training, "seconds")
    return float(file.read_text(encoding="utf-8")) if file.is_file() else 0.0


def take_over(scorings: Sequence[Score], runs: Iterable[Path]) -> None:
    """Copy what other runs have scored of the same solutions, by the same models in the same way, with what it cost.

    Args:
        scorings: Of one pool; those that have begun already are left alone.
        runs: Where to look.
    """
    known = {fingerprint(run_config(run)): run for run in runs}
    if not known or all(each.out.exists() for each in scorings):
        return
    pool = Pool.read(scorings[0].solutions)
    for each in scorings:
        run = known.get(fingerprint(plain(each.identity(pool))))
        if run and not each.out.exists():
            for file in (run / CONFIG_FILE, run / PROGRESS_FILE, *shard_files(run)):
                write_atomic(each.out / file.relative_to(run), partial(shutil.copyfile, file))


def _placed(task: Task) -> Task:
    """With whole paths, as workers have working directories of their own."""
    out = task.out.resolve()
    if isinstance(task, Score):
        models = tuple(str(Path(each).resolve()) for each in task.model)
        return replace(task, model=models, solutions=task.solutions.resolve(), out=out)
    return replace(task, labels=task.labels.resolve(), out=out)


def _work(task: Task, alone: bool) -> str:
    """In a worker: run the task, and return what went wrong in one line; nothing where it went well."""
    if alone:
        import torch

        torch.set_num_threads(1)
    began = time.monotonic()
    trained = (task.out / METADATA_FILE).is_file()
    task.out.parent.mkdir(parents=True, exist_ok=True)
    with _beside(task, "log").open("a", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        try:
            task.run()
        except PrmkitError as error:
            return str(error)
        finally:
            if not (trained or isinstance(task, Score)):  # a scoring keeps account itself
                write_text(_beside(task, "seconds"), f"{seconds_of(task) + time.monotonic() - began}")
    return ""


def _beside(task: Task, suffix: str) -> Path:
    """A file beside the folder of a task."""
    return task.out.with_name(f"{task.out.name}.{suffix}")
