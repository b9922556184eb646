"""What each process of test_processes.py does; started by torchrun: FOLDER BASE."""

import sys
import time
from pathlib import Path

from prmkit.cli.main import main
from prmkit.tables import read_labels
from prmkit.training.choices import OutcomeLoss
from prmkit.training.config import Optimizer, TrainConfig
from prmkit.training.objectives import ORMObjective, PRMObjective
from prmkit.training.processes import is_main
from prmkit.training.train import train

CONFIG = {"lr": 5e-3, "validation": 0.2, "evaluations": 2, "batch_tokens": 150, "batch_size": 8}
"""With another `batch_size` for one process."""
FLAGS = [part for name, value in CONFIG.items() for part in (f"--{name.replace('_', '-')}", str(value))]
PAIRWISE = ORMObjective(loss=OutcomeLoss.PAIRWISE)


def linger(out: Path) -> None:
    """Let this process be slow between its two looks at a folder that is absent."""
    exists = Path.exists

    def slow(self: Path, **options: bool) -> bool:
        if self == out:
            time.sleep(2)
        return exists(self, **options)

    Path.exists = slow  # type: ignore[method-assign]


def work(folder: Path, base: str) -> int:
    labels = folder / "labels.parquet"
    if not is_main():
        linger(folder / "muon")
    train(TrainConfig(base=base, **CONFIG), PAIRWISE, read_labels(labels), folder / "orm", say=lambda _: None)
    for name, fsdp in (("muon", False), ("muon-fsdp", True)):
        muon = TrainConfig(base=base, optimizer=Optimizer.MUON, fsdp=fsdp, **CONFIG)
        train(muon, PRMObjective(), read_labels(labels), folder / name, say=lambda _: None)
    common = ["--base", base, "--labels", str(labels), *FLAGS]
    return main(["train", "prm", *common, "--fsdp", "--gradient-checkpointing", "--out", str(folder / "prm")])


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1]), sys.argv[2]))
