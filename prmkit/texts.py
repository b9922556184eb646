"""Texts as keys: compared whatever their white space, and placed at random by their content alone."""

import hashlib


def squeezed(text: str) -> str:
    """The text with every run of white space as one blank, and none around it."""
    return " ".join(text.split())


def place(text: str) -> float:
    """A number in [0, 1) that depends on the text alone, as good as drawn: for splits that need no order."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
