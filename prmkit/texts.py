"""Texts as keys, compared whatever their white space, placed at random by their content alone; and counts in words."""

import hashlib


def squeezed(text: str) -> str:
    """The text with every run of white space as one blank, and none around it."""
    return " ".join(text.split())


def counted(number: int, noun: str) -> str:
    """`1 problem`, `2 problems`: for nouns whose plural ends in s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def place(text: str) -> float:
    """A number in [0, 1) that depends on the text alone, as good as drawn: for splits that need no order."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
