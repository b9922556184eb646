"""What `prmkit.training.objectives` can be asked for by name."""

from enum import StrEnum


class Targets(StrEnum):
    """Targets of a PRM."""

    HARD = "hard"
    """The class of the step: cross-entropy of the three classes."""
    SOFT = "soft"
    """The posterior mass of the three classes: the same cross-entropy."""
    VALUE = "value"
    """The Monte-Carlo rate k/n: binomial cross-entropy of the score P(correct) + neutral weight * P(neutral)."""


class Neutral(StrEnum):
    """What a PRM learns from steps whose class is neutral."""

    KEEP = "keep"
    """That they are neutral: a class of its own."""
    CORRECT = "correct"
    """That they are correct (Lightman et al. 2023)."""
    INCORRECT = "incorrect"
    """That they are incorrect."""
    MASK = "mask"
    """Nothing."""


class AfterError(StrEnum):
    """What a PRM learns from steps after the first one that it learns as incorrect."""

    KEEP = "keep"
    """All of them (Math-Shepherd): their labels are estimates of value like any other."""
    MASK = "mask"
    """Nothing (Lightman et al. 2023): a step that follows an error is neither right nor wrong."""
    DROP = "drop"
    """Nothing, and they are not even read: the same weights from fewer tokens."""


class Marks(StrEnum):
    """Where a PRM learns the target of a step."""

    ENDS = "ends"
    """At the step's last token, where it is read."""
    TOKENS = "tokens"
    """At every token of the step, as an ORM learns outcomes (Cobbe et al. 2021)."""


class OutcomeLoss(StrEnum):
    """How an ORM learns."""

    TOKENS = "tokens"
    """Cross-entropy at every token of the solution (Cobbe et al. 2021)."""
    LAST = "last"
    """Cross-entropy at the solution's last token."""
    MEAN = "mean"
    """Cross-entropy of the mean logit of the solution's tokens."""
    PAIRWISE = "pairwise"
    """Right solutions above wrong ones of the same problem: Bradley-Terry on every pair."""
    LISTWISE = "listwise"
    """Each right solution above the wrong ones of its problem at once: Plackett-Luce."""
