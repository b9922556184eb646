r"""One notation for what means the same: the texts that the fast path reads, compares and uses as keys.

`plain` is the answer as a parser should get it, `notation` as `prmkit.grading.quick` reads it, `key` what two answers
written alike share. Nothing here parses or evaluates an expression.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache, wraps

from prmkit.grading.words import word_set

LONGEST_REMEMBERED = 200
"""Characters of an answer whose notation is kept in memory."""

_SIGNS = str.maketrans(
    {
        "−": "-", "–": "-", "‐": "-", "﹣": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": "/", "⁄": "/",
        "∕": "/", "π": r"\pi ", "∞": r"\infty ", "≤": r"\leq ", "≥": r"\geq ", "≠": r"\neq ", "≈": r"\approx ",
        "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "±": r"\pm ", "°": r"^\circ ", "℃": r"^\circ C",
        "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "λ": r"\lambda ", "φ": r"\phi ", "ℝ": r"\mathbb{R}",
        "’": "'", "‘": "'", "“": '"', "”": '"', "，": ",", "。": ".", "：": ":", "；": ";", "（": "(", "）": ")",
        "…": "...", "％": "%", "＝": "=", "、": ",",
        "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u200b": "", "\ufeff": "",
    }
)  # fmt: skip
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_UNICODE = (
    (re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+"), lambda match: "^{" + match[0].translate(_RAISED) + "}"),
    (re.compile(r"[₀₁₂₃₄₅₆₇₈₉]+"), lambda match: "_{" + match[0].translate(_LOWERED) + "}"),
    (re.compile(r"√\s*(?:\(([^()]*)\)|(\d+|[A-Za-z]))"), lambda match: r"\sqrt{" + (match[1] or match[2]) + "}"),
    (re.compile(r"(?<=\d)[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]"), lambda match: " " + match[0]),
    (re.compile(r"[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞０-９]"), lambda match: unicodedata.normalize("NFKC", match[0])),
)

_DELIMITERS = re.compile(r"(?<!\\)\\[()\[\]]|\*\*|`")
_DOLLAR = re.compile(r"(?<!\\)\$")
_LAST_STOP = ".,;: "


def _remembered(function: Callable[[str], str]) -> Callable[[str], str]:
    """The function with a cache for the answers that are short, as those that come again are."""
    cached = lru_cache(maxsize=20_000)(function)
    return wraps(function)(lambda answer: cached(answer) if len(answer) <= LONGEST_REMEMBERED else function(answer))


_Rule = tuple[str, re.Pattern[str], str]
"""Something without which the pattern is nowhere in a text, the pattern, and what replaces it."""


def _compiled(*rules: tuple[str, str, str]) -> tuple[_Rule, ...]:
    return tuple((mark, re.compile(pattern), to) for mark, pattern, to in rules)


_FOR_PARSER = _compiled(
    ("\\", r"(?<=\d),?\\[,!;:]\s*(?=\d{3}(?!\d))", ","),  # 1\,000
    ("{,}", r"(?<=\d)\{,\}\s*(?=\d{3}(?!\d))", ","),
    ("\\!", r"(?<!\\)\\!", ""),
    ("\\", r"(?<!\\)\\[,;: ]|\\q?quad(?![a-z])", " "),
    ("\\", r"(?<!\\)\\(?=\d)", ""),  # \15, a slip for 15 or \$15
    ("\\underline", r"\\underline\s*\{([^{}]*)\}", r"\1"),
    ("\\choose", r"\{([^{}]*?)\\choose(?![a-z])([^{}]*)\}", r"\\binom{\1}{\2}"),
    ("\\over", r"\{([^{}]*?)\\over(?![a-z])([^{}]*)\}", r"\\frac{\1}{\2}"),
    ("~", "~", " "),
    ("&", r"&\s*=|=\s*&", "="),
    ("aligned", r"\\(?:begin|end)\s*\{aligned\}", " "),
    ("{:}", r"\{:\}", ":"),
    (
        "for all",
        r",?\s*(?:\\text\s*\{\s*,?\s*for all(?: real)?\s*\}|for all(?: real)?)\s*\\?[a-z]\s*"
        r"(?:\\in\s*\\mathbb\s*\{?[A-Z]\}?)?$",
        "",
    ),
    ("where", r",?\s*\\text\s*\{\s*,?\s*where\s*\}\s*(?=[a-z]\s*\\in)", ", "),
    ("egative", r"\b[Nn]egative\s+(?=\d)", "-"),
    ("..", r"(?<=\d)\.{3,}", r"\\ldots"),
    ("%", r"(?<!\\)%", r"\\%"),
    ("per", r"(?<=\d)\s*\\?(?:text\{)?\s*per\s?cent\b\}?", r"\\%"),
    ("", r"\s+", " "),
)
"""Rewritten for the parser and for our own reading alike."""
_FOR_READING = _compiled(
    ("\\", r"\\left(?![a-z])\.?|\\right(?![a-z])\.?|\\[bB]igg?[lrm]?(?![A-Za-z])|\\displaystyle|\\limits", ""),
    ("frac", r"\\[dtc]frac(?![a-z])", r"\\frac"),
    ("dots", r"\\[cl]?dots(?![a-z])", r"\\ldots"),
    ('"', '"', ""),
    ("\\", r"\\(?:text(?:bf|it|rm|sf|tt|up|normal)?|[mhf]box|operatorname\*?|emph)\s*\{([^{}]*)\}", r' "\1" '),
    ("\\", r"\\(?:math(?:rm|bf|sf|it|tt)|boldsymbol|bm|pmb)\s*\{([^{}]*)\}", r' "\1" '),
    ("\\", r"\^\s*\{?\s*\\(?:circ|degree)(?![a-z])\s*\}?|\\degrees?(?![a-z])", " degrees "),
    ("\\le", r"\\leqslant(?![a-z])|\\le(?![a-z])", r"\\leq "),
    ("\\ge", r"\\geqslant(?![a-z])|\\ge(?![a-z])", r"\\geq "),
    ("\\ne", r"\\ne(?![a-z])", r"\\neq "),
    ("<=", "<=", r"\\leq "),
    (">=", ">=", r"\\geq "),
    ("!=", "!=", r"\\neq "),
    ("\\", r"\\(frac|sqrt)\s*([0-9a-zA-Z])", r"\\\1{\2}"),  # \frac12, \sqrt2
    ("\\frac", r"(\\frac\{[^{}]*\})\s*([0-9a-zA-Z])", r"\1{\2}"),
    ("\\$", r"\\\$", "$"),
    ("  ", r" +", " "),
)


def _rewritten(text: str, rules: tuple[_Rule, ...]) -> str:
    for mark, pattern, to in rules:
        if mark in text:
            text = pattern.sub(to, text)
    return text


_FUNCTIONS = word_set(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log exp sqrt infty mod max min gcd lcm det and"
)
_VALUED = word_set(
    "sin cos tan cot sec csc log ln exp sqrt pi and or to mod base by plus minus times over of per hundred ",
    "thousand million billion trillion dozen half halves third thirds quarter quarters am pm",
    "january february march april may june july august september october november december",
)
"""Words at the end of an answer that belong to its value."""
_LAST_WORDS = re.compile(
    r"(?<=[\w}\])])(?:\s*\\(?:text|mbox|mathrm)\{(?![ei]\})([A-Za-z. ]+)\}|\s+([A-Za-z]{3,}|cm|mm|km|ft)\.?)"
    r"(?:\s*\^\s*\{?[23]\}?)?$"
)
_SHORT_ANSWERS = frozenset(("no", "yes", "odd", "all", "any", "red", "dne"))
_COMMAND = re.compile(r"\\[A-Za-z]+")
_WORD = re.compile(r"[A-Za-z]{3,}")
_MATHEMATICS = re.compile(r"[\d\\=^]")
_GROUP_COMMA = re.compile(r"(?<=\d), (?=\d{3}(?!\d))")


@_remembered
def plain(answer: str) -> str:
    """The answer without delimiters around formulas, thousands marks and Unicode operators."""
    text = answer if answer.isascii() else _ascii(answer)
    text = _DELIMITERS.sub(" ", text)
    if "$" in text and len(_DOLLAR.findall(text)) % 2 == 0:  # an odd one is money
        text = _DOLLAR.sub(" ", text)
    return _rewritten(text, _FOR_PARSER).strip().rstrip(_LAST_STOP)


def _ascii(answer: str) -> str:
    for pattern, to in _UNICODE:
        answer = pattern.sub(to, answer)
    return answer.translate(_SIGNS)


def parser_text(answer: str) -> str:
    """The answer as the parser gets it: `plain`, and without units behind a formula."""
    text = plain(answer)
    match = _LAST_WORDS.search(text)
    if match is None:
        return text
    words = re.findall("[a-z]+", (match[1] or match[2]).lower())
    return text if any(word in _VALUED | _FUNCTIONS for word in words) else text[: match.start()].strip()


@_remembered
def notation(answer: str) -> str:
    """The answer in one notation, still readable: blanks stay, and the words of text commands are put in quotes."""
    return _stripped(_rewritten(plain(answer), _FOR_READING))


def _stripped(text: str) -> str:
    """Without blanks, last stops and a pair of braces around it all."""
    text = text.strip().rstrip(_LAST_STOP)
    while text.startswith("{") and text.find("}") == len(text) - 1:
        text = text[1:-1].strip().rstrip(_LAST_STOP)
    return text


@_remembered
def key(answer: str) -> str:
    """The answer in one notation, without blanks that mean nothing and, in prose, without case; equal means equal."""
    written = notation(answer)
    text = _stripped(written.replace('"', " "))
    if is_words(written) and not text.isupper():
        return " ".join(text.casefold().split())
    if not any(bracket in text for bracket in "([{"):
        text = _GROUP_COMMA.sub(";", text)  # 1, 234 is a list, 1,234 a number
    return re.sub(r"(?<!\d) +| +(?!\d)", "", text)


def is_words(text: str) -> bool:
    """Whether an answer in `notation` is prose (`east`, `no solution`), not to be read as a product of letters."""
    if _MATHEMATICS.search(text):
        return False
    if text.startswith('"') and text.count('"') == 2 and text.endswith('"') and re.search("[A-Za-z]{2}", text):
        return True
    if text.lower() in _SHORT_ANSWERS:
        return True
    words = [word for word in _WORD.findall(text) if word.lower() not in _FUNCTIONS]
    if any(len(word) > 3 or (word[0].isupper() and word[1:].islower()) for word in words):
        return True
    return bool(words) and re.fullmatch(r"[A-Za-z]{2,}(?: [A-Za-z]{2,})+", text) is not None
