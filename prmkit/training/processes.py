"""One training in several processes, as `torchrun` (or `accelerate launch`) starts them."""

import os


def processes() -> int:
    """How many there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this is the one that writes and prints."""
    return os.environ.get("RANK", "0") == "0"


def wait_for_all() -> None:
    """Go on when every process has come here. Before the first training connects them they start together anyway."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
