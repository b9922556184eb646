"""Checks of `prmkit doctor` on problems that are where they must not be: on both sides of a split, or in a test set.

Splits are made by problem id, so a text under two ids can come to both sides.
"""

from collections import defaultdict
from collections.abc import Sequence

from prmkit.rewards.trained_on import problem_digest
from prmkit.texts import squeezed
from prmkit.training.checks.findings import Check, Status, check
from prmkit.training.checks.subject import Subject
from prmkit.training.data import Example


def plain(text: str) -> str:
    """A text without case, and with single spaces for all white space: what makes problems near-equal."""
    return squeezed(text).casefold()


def leakage_checks(subject: Subject, test: Sequence[str]) -> list[Check]:
    """All of them; the one on a test set only if there is one."""
    checks = [_splits(subject), _ids(subject)]
    if subject.base.trained_on:
        checks.append(_base(subject))
    return [*checks, _test(subject, test)] if test else checks


def _by_text(subject: Subject, examples: Sequence[Example]) -> dict[str, Example]:
    """The first example of every problem text, by its plain form."""
    found: dict[str, Example] = {}
    for example in examples:
        found.setdefault(plain(_text(subject, example)), example)
    return found


def _text(subject: Subject, example: Example) -> str:
    return subject.record(example).solution.problem.problem


def _splits(subject: Subject) -> Check:
    """Validation problems that are learned from under another id."""
    training, held_out = (_by_text(subject, each) for each in (subject.pool.training, subject.pool.validation))
    exact = {_text(subject, example) for example in subject.pool.training}
    both = [text for text in held_out if text in training]
    same = sum(_text(subject, held_out[text]) in exact for text in both)
    return check(
        "leakage",
        [
            f"{subject.where(training[text])} is in training and {subject.where(held_out[text])} in validation: "
            f"{_text(subject, training[text])[:60]!r}"
            for text in both
        ],
        fine=f"none of {len(held_out)} validation problems is learned from under another id",
        wrong=f"of {len(held_out)} validation problems are learned from under another id, {same} in the same words, "
        f"{len(both) - same} but for case and white space; give equal problems one id",
        same=same,
        near=len(both) - same,
    )


def _ids(subject: Subject) -> Check:
    """Ids that stand for several problems: they are split, grouped and compared as one."""
    texts: dict[str, dict[str, Example]] = defaultdict(dict)
    for example in subject.examples:
        texts[example.problem_id].setdefault(plain(_text(subject, example)), example)
    return check(
        "problem ids",
        [
            f"{name}: {' and '.join(subject.where(each) for each in list(found.values())[:2])}"
            for name, found in texts.items()
            if len(found) > 1
        ],
        fine=f"each of {len(texts)} problem ids stands for one problem",
        wrong=f"of {len(texts)} problem ids stand for problems of different texts",
        status=Status.WARNING,
    )


def _base(subject: Subject) -> Check:
    """Validation problems that the base learned from when it became a reward model."""
    held_out = _by_text(subject, subject.pool.validation)
    return check(
        "base",
        [
            f"{subject.where(each)}: {_text(subject, each)[:60]!r}"
            for each in held_out.values()
            if problem_digest(_text(subject, each)) in subject.base.trained_on
        ],
        fine=f"the base, a reward model, learned from none of {len(held_out)} validation problems",
        wrong=f"of {len(held_out)} validation problems are among those the base learned from; train with its --seed",
    )


def _test(subject: Subject, test: Sequence[str]) -> Check:
    """Test problems that training or the base has seen."""
    training, held_out = (_by_text(subject, each) for each in (subject.pool.training, subject.pool.validation))
    seen, texts = held_out | training, {plain(text): text for text in test}
    found, base = [], 0
    for key, text in texts.items():
        if (example := seen.get(key)) is not None:
            found.append(f"{subject.where(example)}: {text[:60]!r}")
        elif problem_digest(text) in subject.base.trained_on:
            base += 1
            found.append(f"the base learned from {text[:60]!r}")
    learned, chosen = len(texts.keys() & training), len(texts.keys() & held_out.keys() - training)
    return check(
        "test",
        found,
        fine=f"none of {len(texts)} test problems is in the data",
        wrong=f"of {len(texts)} test problems are known: {learned} from training, {chosen} from validation, "
        f"{base} to the base",
        training=learned,
        validation=chosen,
        base=base,
    )
