"""Grading: does a solution reach the reference answer? Answers are untrusted text and never evaluated.

`grade` says yes or no, `grade_detailed` why, `grade_many` for a batch; `extract` finds the final answer of a solution,
`equivalent` compares two answers, and `equivalence_classes` groups them for votes.
"""

from prmkit.grading.extract import Extracted, ExtractRule, extract, extract_marked
from prmkit.grading.grader import (
    Outcome,
    Verdict,
    equivalence_classes,
    equivalent,
    grade,
    grade_detailed,
    grade_many,
)
from prmkit.grading.pool import close_pools

__all__ = [
    "ExtractRule",
    "Extracted",
    "Outcome",
    "Verdict",
    "close_pools",
    "equivalence_classes",
    "equivalent",
    "extract",
    "extract_marked",
    "grade",
    "grade_detailed",
    "grade_many",
]
