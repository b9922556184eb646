r"""Characters to tokens: LaTeX, plain-text mathematics and Unicode operators give the same ones.

A token is a kind and a text. Kinds: `number`, `name` (a variable or constant), `function` (`sin`), `command` (`frac`,
`sqrt`, ... with arguments that the parser reads), `text` (words in `\text{}`), `op` (everything else, spelt in ASCII).
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from prmkit.grading.vocabulary import (
    ACCENTS,
    BARE,
    COMMANDS,
    FONTS,
    FUNCTIONS,
    GREEK,
    JOINING,
    NAMES,
    OPS,
    REALS,
    UNICODE,
)

MOST_TOKENS = 1_500
"""In one answer."""
DEEPEST = 60
"""Brackets, fractions, exponents and function arguments inside each other, each counted once or twice."""


class CannotRead(Exception):  # noqa: N818
    """The text is not known to mean one thing; another parser may know better. Never reaches a user."""


class Token(NamedTuple):
    """A word of the language."""

    kind: str
    text: str


END = Token("end", "")
"""What follows the last token."""


_PLAIN = str.maketrans(UNICODE)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉ₙ", "0123456789n")
_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+")
_SUBSCRIPT = re.compile("[₀₁₂₃₄₅₆₇₈₉ₙ]+")
_REWRITTEN = (
    (re.compile(r"(?<=\.\d)(\d*)\s*(?:\\[lc]?dots|\.\.\.|…)\s*$"), r"\1"),  # a decimal that goes on
    (re.compile(r"\{,\}|(?<=\d)\\,(?=\d{3})"), ","),
    (re.compile(r"\\(?:left|right)\s*\.|\\(?:left|right|middle|[bB]igg?[lrm]?)(?![A-Za-z])"), " "),
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\[dt]binom(?![A-Za-z])"), r"\\binom"),
    (re.compile(r"\\(?:displaystyle|textstyle|limits|nolimits|quad|qquad|angle|hfill|nonumber)(?![A-Za-z])"), " "),
    (re.compile(r"(?<!\\)\\[,;:! >]|~"), " "),
    (re.compile(r"\\?[$]|[€£]"), " "),
    (re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))|\^\s*\{?\s*\\degrees?(?![A-Za-z])\s*\}?"), r"\\degree "),
)
_TEXT = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|normal)?|mbox|hbox|emph|math(?:rm|sf|it|tt)|operatorname)\*?\s*\{([^{}]*)\}"
)
_ACCENTED = re.compile(r"\\(" + "|".join(sorted(ACCENTS)) + r")\s*(?:\{\s*(\\?[A-Za-z]+)\s*\}|([A-Za-z]))")
_BEGIN = re.compile(r"\\begin\s*\{([A-Za-z]+\*?)\}(?:\s*\{[clr| ]*\})?")
_FINISH = re.compile(r"\\end\s*\{[A-Za-z]+\*?\}")
_SET = re.compile(r"\\mathbb\s*\{?\s*([A-Z])\s*\}?")
_REPEATING = re.compile(r"(\d+\.\d*)\\(?:overline|bar|dot)\s*\{(\d+)\}")
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_SCIENTIFIC = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)[eE][-+]?\d{1,4}(?![\d.])")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?![\d])(?:\.\d+)?")
_COMMAND = re.compile(r"\\([A-Za-z]+|.)")
_WORD = re.compile(r"[A-Za-z]+")
_OPERATOR = re.compile(r"\*\*|<=|>=|!=|==|[-+*/^_=<>()\[\]{},;:|!%'&]")
_PROSE = re.compile(r"[A-Za-z][a-z]*(?:[ ,.'-]+[A-Za-z][a-z]*)*[ .!]*")
_SPELT = {"**": "^", "==": "="}


def is_prose(text: str) -> bool:
    """Whether a text holds nothing but words, one of them no product of letters."""
    return bool(_PROSE.fullmatch(text)) and any(len(word) > 3 and word not in BARE for word in _WORD.findall(text))


def tokenise(text: str, scientific: bool = True) -> list[Token]:
    """The tokens of an answer.

    Args:
        text: The answer, without delimiters around formulas.
        scientific: Read `2e-1` as 0.2 and not as twice Euler's number less one.

    Raises:
        CannotRead: A character, command or word that this module does not know, or too many tokens.
    """
    rest = _SUBSCRIPT.sub(lambda m: "_{" + m[0].translate(_LOWERED) + "}", text)
    rest = _SUPERSCRIPT.sub(lambda m: "^{" + m[0].translate(_RAISED) + "}", rest).translate(_PLAIN)
    for pattern, to in _REWRITTEN:
        rest = pattern.sub(to, rest)
    tokens: list[Token] = []
    at = depth = 0
    while at < len(rest):
        if rest[at].isspace():
            at += 1
            continue
        at, found = _next(rest, at, depth, scientific)
        depth += sum((token.text in _OPENING) - (token.text in _CLOSING) for token in found if token.kind == "op")
        tokens += found
        if len(tokens) > MOST_TOKENS:
            raise CannotRead("too long")
    return tokens


_OPENING = {"(", "[", "\\{"}
_CLOSING = {")", "]", "\\}"}


def _next(text: str, at: int, depth: int, scientific: bool) -> tuple[int, list[Token]]:
    """The end of what begins at a position, and its tokens."""
    character = text[at]
    if character == "\\":
        return _command(text, at)
    if character.isascii() and (character.isdigit() or character == "."):
        return _number(text, at, depth, scientific)
    if match := _WORD.match(text, at):
        return match.end(), _word(match[0])
    if match := _OPERATOR.match(text, at):
        return match.end(), [Token("op", _SPELT.get(match[0], match[0]))]
    raise CannotRead(f"character {character!r}")


def _number(text: str, at: int, depth: int, scientific: bool) -> tuple[int, list[Token]]:
    if match := _REPEATING.match(text, at):
        return match.end(), [Token("number", f"{match[1]}({match[2]})")]
    if depth == 0 and (match := _THOUSANDS.match(text, at)):  # inside brackets a comma separates
        return match.end(), [Token("number", match[0].replace(",", ""))]
    if match := (scientific and _SCIENTIFIC.match(text, at)) or _NUMBER.match(text, at):
        return match.end(), [Token("number", match[0])]
    raise CannotRead("a dot")


def _word(word: str) -> list[Token]:
    if word in FUNCTIONS:
        return [Token("function", word)]
    if word in BARE:
        return [Token(*BARE[word])]
    if len(word) > 3 and word[1:].islower():
        raise CannotRead(f"word {word}")
    return [Token("name", letter) for letter in word]


def _command(text: str, at: int) -> tuple[int, list[Token]]:
    for pattern, make in _WITH_ARGUMENT:
        if match := pattern.match(text, at):
            return match.end(), make(match)
    match = _COMMAND.match(text, at)
    if match is None:
        raise CannotRead("a backslash at the end")
    name = match[1]
    if name in FUNCTIONS:
        return match.end(), [Token("function", name)]
    if name in NAMES or name in GREEK:
        return match.end(), [Token("name", NAMES.get(name, name))]
    if name in OPS:
        return match.end(), [Token("op", OPS[name])]
    if name in COMMANDS:
        return match.end(), [Token("command", name)]
    raise CannotRead(f"\\{name}")


def _accented(accent: str, letter: str) -> list[Token]:
    bold = accent in FONTS and letter not in {"i", "e"}  # unit vectors are not the constants
    if accent == "overline" and len(letter) > 1 and letter.isupper():
        return [Token("name", point) for point in letter]  # a segment
    accent = "vec" if accent == "overrightarrow" else accent
    return [Token("name", letter.removeprefix("\\") if bold else f"{accent} {letter}")]


def _text(content: str) -> list[Token]:
    words = " ".join(content.split())
    if not words:
        return []
    if words.lower() in JOINING:
        return [Token("op", JOINING[words.lower()])]
    if words in FUNCTIONS:
        return [Token("function", words)]
    if words in {"e", "i"}:
        return [Token("name", words)]
    if words.lower() in REALS:
        return [Token("name", "set R")]
    return [Token("text", words.lower())]


_WITH_ARGUMENT: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], list[Token]]], ...] = (
    (_TEXT, lambda match: _text(match[1])),
    (_BEGIN, lambda match: [Token("command", f"begin {match[1]}")]),
    (_FINISH, lambda _: [Token("op", "end")]),
    (_SET, lambda match: [Token("name", f"set {match[1]}")]),
    (_ACCENTED, lambda match: _accented(match[1], match[2] or match[3])),
)


class Cursor:
    """A place in a list of tokens, with the words in which grammars are written."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def _peek(self, ahead: int = 0) -> Token:
        index = self._at + ahead
        return self._tokens[index] if index < len(self._tokens) else END

    def _take(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _is(self, *ops: str) -> bool:
        token = self._peek()
        return token.kind == "op" and token.text in ops

    def _accept(self, *ops: str) -> str | None:
        return self._take().text if self._is(*ops) else None

    def _expect(self, *ops: str) -> str:
        if not self._is(*ops):
            raise CannotRead(f"{self._peek().text or 'the end'} where {' or '.join(ops)} belongs")
        return self._take().text

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise CannotRead("too deep")
