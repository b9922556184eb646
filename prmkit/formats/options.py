"""Which outside formats there are, and how they are read and written: what a command line can ask for.

Light to import. The formats are modules of this folder, one each, and the table of them is `prmkit.formats.convert`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from prmkit.errors import InputError

if TYPE_CHECKING:
    from prmkit.records import Problem


class Format(StrEnum):
    """A format of labelled steps that other tools or data sets use."""

    TRL = "trl"
    """TRL's stepwise supervision."""
    MATH_SHEPHERD = "math-shepherd"
    """Math-Shepherd's marks and signs."""
    PRM800K = "prm800k"
    """OpenAI's ratings by people, with alternatives."""
    OPENRLHF = "openrlhf"
    """OpenRLHF's marks and values."""
    RLHFLOW = "rlhflow"
    """RLHFlow's dialogues."""
    MATH_APS = "math-aps"
    """OpenR's trees of rollouts."""
    PROCESSBENCH = "processbench"
    """ProcessBench; read only."""
    PRMBENCH = "prmbench"
    """PRMBench; read only."""


class Tuning(StrEnum):
    """A format of fine-tuning data, which holds whole solutions and no labels; only written."""

    MESSAGES = "messages"
    """Conversations of a user's and an assistant's turn."""


class Neutral(StrEnum):
    """What becomes of a neutral step in a format of two classes."""

    CORRECT = "correct"
    """It counts as correct (Lightman et al. 2023, Qwen; for rollouts Math-Shepherd: some were right)."""
    INCORRECT = "incorrect"
    """It counts as incorrect (TRL's script for PRM800K)."""
    LEAVE_OUT = "leave-out"
    """Solutions with a neutral step are not written."""


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How a file of outside labels is read."""

    problems: "Sequence[Problem]" = ()
    """Known problems: where a text is one of theirs, the labelled solution gets their id and answer."""
    rollouts: int | None = None
    """Rollouts that each value in the file stands for; None where that is not known: then there are no counts."""
    incorrect: float = 0.0
    """A step given by its value is incorrect if that is at most this, in [0, 1)."""
    correct: float = 0.5
    """And correct if it is at least this, in (0, 1]; neutral between the two. (As `prmkit label` does.)"""
    last_step_is_answer: bool | None = None
    """Whether the label of a solution's last step tells if its answer is right; None: as in the format's own data."""
    skip_bad: bool = False
    """Leave out rows that cannot be read, and count them, instead of raising."""

    def __post_init__(self) -> None:
        if not 0 <= self.incorrect < self.correct <= 1:
            raise InputError(f"need 0 <= incorrect < correct <= 1, got {self.incorrect} and {self.correct}")
        if self.rollouts is not None and self.rollouts < 1:
            raise InputError(f"rollouts per value must be at least 1, got {self.rollouts}")


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """How records are written for other tools."""

    neutral: Neutral = Neutral.CORRECT
    """Formats of two classes: what becomes of neutral steps."""
    soft: bool = True
    """OpenRLHF: write values in [0, 1]; else the signs `+` and `-`."""


class Over(StrEnum):
    """Among what the best solutions are chosen."""

    PROBLEM = "problem"
    """Those of each problem."""
    ALL = "all"
    """All of them: problems may get many, or none."""


class Answers(StrEnum):
    """Which solutions may be chosen, by their answers."""

    RIGHT = "right"
    """Not the wrong ones. Where the source holds no verdict, answers are graded; where no answer is known, all may."""
    ANY = "any"
    """All."""


class Distinct(StrEnum):
    """When two solutions of a problem are the same, so that the better one stands for both."""

    TEXT = "text"
    """Equal texts, white space aside."""
    EQUATIONS = "equations"
    """Equal equations in equal order, whatever the words around them (RFT, Yuan et al. 2023); texts where there are
    none."""
    NONE = "none"
    """Never."""


@dataclass(frozen=True, kw_only=True)
class MessageOptions:
    """Writing messages: which solutions become fine-tuning data, and what they look like."""

    best: int = 1
    """Writing messages: solutions to choose, highest score first (at random where there are no scores); 0: all."""
    over: Over = Over.PROBLEM
    """Writing messages: --best of each problem, or of all."""
    answers: Answers = Answers.RIGHT
    """Writing messages: leave out wrong answers, or take any."""
    min_score: float | None = None
    """Writing messages: leave out solutions that score lower."""
    distinct: Distinct = Distinct.TEXT
    """Writing messages: of solutions of a problem with equal text, or equal equations, one is taken; none: all."""
    seed: int = 0
    """Writing messages: decides between equal scores, and what is chosen without scores."""
    policy: str | None = None
    """Writing messages: take prompt and separator of this policy (folder, hub name or demo)."""
    prompt: str | None = None
    """Writing messages: the user's turn, with {problem} in it; default: the policy's, else the bare problem."""
    separator: str | None = None
    """Writing messages: text between steps; default: the policy's, else a blank line."""
    system: str | None = None
    """Writing messages: a system turn before the user's."""
    only_messages: bool = False
    """Writing messages: no field beside messages (else also ids, score and whether the answer is right)."""

    def __post_init__(self) -> None:
        if self.best < 0 or (self.min_score is not None and not math.isfinite(self.min_score)):
            raise InputError(f"need best >= 0 and a finite min_score, got {self.best} and {self.min_score}")
        if self.best == 0 and self.over is Over.ALL:
            raise InputError("--over all chooses the best of all solutions; say how many: --best N")
