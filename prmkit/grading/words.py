"""Answers in prose: what does not count in them, and the few that say the same in other words."""

import re


def word_set(*lines: str) -> frozenset[str]:
    """The words of some lines."""
    return frozenset(word for line in lines for word in line.split())


_ARTICLES = word_set("a an the it is are its they there")
_SAME = {
    phrase: phrases[0]
    for phrases in (
        ("no solution", "no solutions", "no real solution", "no real solutions", "none", "empty set", "impossible"),
        ("undefined", "does not exist", "do not exist", "dne", "not defined"),
        ("infinitely many", "infinitely many solutions", "infinite", "infinite solutions"),
        ("all real numbers", "all reals", "real numbers", "every real number", "any real number"),
        ("yes", "true", "correct"),
        ("no", "false", "incorrect"),
    )
    for phrase in phrases
}
"""Phrases without articles, by the one that stands for them."""
_MARKS = re.compile(r"[^\w\s]")
_JOINTS = re.compile(r"[,;&]|\band\b")
_REASONED = re.compile(r"\W*(yes|no|true|false)\s*(?:[,.;:]|because\b).*\w")


def words_key(text: str) -> str | None:
    """What prose says, without case, articles and punctuation; None for a yes or no with reasons behind it."""
    return None if _REASONED.match(text.casefold()) else _phrase(text)


def same_words(gold: str, pred: str) -> bool:
    """Whether two answers in prose are the same. `Yes, because ...` answers a question whose answer is `Yes`."""
    asked = _phrase(gold)
    if asked == _phrase(pred):
        return True
    reasoned = _REASONED.match(pred.casefold())
    return reasoned is not None and _SAME[reasoned[1]] == asked


def _phrase(text: str) -> str:
    """Words that count, in the order of the text; the items of a list in alphabetical order."""
    items = [_MARKS.sub(" ", item).split() for item in _JOINTS.split(text.casefold())]
    phrases = (" ".join([word for word in words if word not in _ARTICLES] or words) for words in items if words)
    phrase = ", ".join(sorted(phrases))
    return _SAME.get(phrase, phrase)
