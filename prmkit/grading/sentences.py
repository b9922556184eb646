r"""What sentences say: the answer behind "the answer is", and the guess where a text has no mark at all."""

import re

from prmkit.grading.words import word_set

LONGEST_WHOLE = 400
"""Characters of a text that may be taken whole as an answer."""
LONGEST_STATEMENT = 1_000
"""Characters behind "the answer is", and of a last sentence, that are looked at."""
MOST_WORDS = 4
"""Words that may stand in an answer besides its mathematics (units, `left turn`, `no real solution`)."""

MOST_UNITS = 2
"""Words behind a formula that are taken with it."""

_ABBREVIATED = "".join(
    rf"(?<!\b{word})" for word in ("Mr", "Mrs", "Ms", "Dr", "St", "vs", r"[ap]\.m", r"i\.e", r"e\.g")
)
_STOP = re.compile(
    rf"{_ABBREVIATED}[.!?]\**(?=\s+[A-Z(\"'*$\\]|\s*$)|。|(?<=[\w$)])\.(?=\s+[a-z])|\n"
    r"|,?\s(?:because|since|which|where|so that|as we)\b",
)
_FORMULA = re.compile(  # each pattern begins by looking for its first characters, which is what makes a search fast
    r"(?=[$\\])(?:\$\$([^$]+)\$\$|(?<!\\)\\\[((?:[^\\]|\\[^\[\]])+)\\\]|(?<!\\)\\\(((?:[^\\]|\\[^()])+)\\\)|(?<!\\)\$([^$\n]+)\$"
    r"|\\begin\{(?:align|equation|gather)\*?\}((?:[^\\]|\\(?!begin|end))+)\\end\{(?:align|equation|gather)\*?\})"
)
_NUMBER = re.compile(
    r"(?=[-−\\$€£.\d])(?:[-−]?\\[dtc]?frac\{[-−]?\d+\}\{\d+\}|"
    r"(?<![A-Za-z0-9_.])(?:\d{1,2}:[0-5]\d(?![\d:])(?:[ ]?[AaPp]\.?[Mm]\b)?|"
    r"[-−]?(?:\\?[$€£][ ]?)?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:(?<=\d)\.\d+|(?<![\d.])\.\d+)?"
    r"(?:[eE][-+]?\d+)?(?:(?<=\d)/\d+)?(?:(?<=\d)[ ]?\\?%)?))"
)
_DIGIT = re.compile(r"\d")
_COMPUTED = re.compile(r"=\s*+(?:\\?\$\s*+)?(-?\d[\d,]*(?:\.\d+)?)(?!\s*+[-+*/×·\\(\d])")
_NUMBER_WORD = (
    r"zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    r"eighteen|nineteen|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ]\w+)?|"
    r"hundred|thousand|million|dozen|half|quarter"
)

_IN_WORDS = re.compile(rf"\b(?:{_NUMBER_WORD})(?:(?:[ -]|\s+and\s+)(?:{_NUMBER_WORD}))*\b", re.IGNORECASE)
_HEAD = re.compile(r"(?:about|approximately|exactly|just|only)?\s*(?=[-−]?\\?[$€£]?\.?\d|[-−]?\\[dtc]?frac)")
_OPEN_BOX = re.compile(r"\\f?boxed\s*\{")  # one that closes would have been found before
_BOLD = re.compile(r"\*\*([^*\n:]+)\*\*(?!\s*:)")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_SET_APART = re.compile(r"\\(?:text|mbox|mathrm|textbf|operatorname|begin|end)\s*\{[^{}]*\}")
_MATHEMATICS = re.compile(r"[\d\\=]")
_FORMULA_LIST = re.compile(r"\s*(?:,|;|and\b|or\b)\s*(?:and\b|or\b)?\s*(?=\$|\\\()")
_NAMED = re.compile(r"(?:\$|\\\()\s*([A-Za-z])\s*=")
_NOT_PROSE = word_set(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp sqrt pi and or frac infty inf mod "
    "negative jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august "
    "september october november december"
)
_OTHER_SCRIPT = re.compile(r"[\u0400-\u04ff\u0620-\u064a\u0900-\u097f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Letters of scripts in which no mathematics is written: Cyrillic, Arabic, Devanagari, Chinese, Japanese, Korean."""
_SENTENCES = re.compile(r"[\d$)}]\.\s+\S")
_DATE = re.compile(
    r"((?:Jan|Febr)uary|March|April|May|June|July|August|(?:Septem|Octo|Novem|Decem)ber) (\d{1,2})\b(?!,? \d)"
)
_LINES = re.compile(r"[\s$\[(\\]*begin\{(?:align|equation|gather)")
_ROWS = re.compile(r"[\s$\[(\\]*begin\{(?:[a-z]*matrix|array|cases)\}")


def stated_at(text: str, begin: int, *, firm: bool) -> str | None:
    """The answer at the head of what follows "the answer is".

    Args:
        text: The solution.
        begin: Where the statement ends and the answer may begin.
        firm: False after a mere colon: "Answer: She buys 3. Then ..." introduces a solution and states nothing.
    """
    tail = text[begin : begin + LONGEST_STATEMENT]
    opening = _FORMULA.match(tail)
    after = opening.end() if opening else 0
    while opening and (comma := _FORMULA_LIST.match(tail, after)) and (item := _FORMULA.match(tail, comma.end())):
        after = item.end()
    stop = _STOP.search(tail, after)
    sentence = tail[: stop.start() if stop else len(tail)].strip().strip("*").strip()
    if opening and len(_WORD.findall(tail, after, stop.start() if stop else len(tail))) > MOST_UNITS:
        return tail[:after]
    if whole(sentence):
        return sentence
    if opening:
        return tail[:after]
    more = bool(stop and tail[stop.end() :].strip(" *\n\"'"))
    if more and not firm:
        return None
    if (head := _HEAD.match(sentence)) and (first := _NUMBER.match(sentence, head.end())) and firm:
        return first[0]
    return None if more and not _DIGIT.search(sentence) else formula(sentence) or number(sentence)


def whole(text: str) -> str | None:
    """The text itself if it reads like an answer: one short line, and words only as units after the mathematics."""
    text = text.strip()
    if not text or len(text) > LONGEST_WHOLE or "\\boxed" in text or "\\fbox" in text:
        return None
    if _LINES.match(text) or ("\n" in text and not _ROWS.match(text)):
        return None
    outside = _SET_APART.sub(" ", text)
    words = [match for match in _WORD.finditer(outside) if match[0].lower() not in _NOT_PROSE]
    words = [match for match in words if outside[match.end() : match.end() + 1] not in {"^", "_"}]  # mv^2
    mathematics = _MATHEMATICS.search(outside)
    if mathematics and (_OTHER_SCRIPT.search(outside) or _SENTENCES.search(text)):
        return None
    sentence = mathematics is not None and bool(words) and words[0].start() < mathematics.start()
    return None if sentence or len(words) > MOST_WORDS else text


def formula(text: str) -> str | None:
    """The last formula, unless numbers follow it of which none is its right side."""
    if "$" not in text and "\\" not in text:
        return None
    found = list(_FORMULA.finditer(text))
    if not found:
        return None
    last = found[-1]
    content = _OPEN_BOX.sub("", next(group for group in last.groups() if group is not None))
    if last[5]:
        content = content.replace("&", "").rstrip("\\ \n").rpartition("\\\\")[2]
    following = _numbers(text[last.end() :])
    if not following:
        return ", ".join([*_roots_before(text, found), content])
    side = _SET_APART.sub(" ", content).rpartition("=")[2].strip(" .,$\\")
    return side if side in {each.strip("\\$€£% ") for each in following} else None


def _roots_before(text: str, found: list[re.Match[str]]) -> list[str]:
    """Of "`$x=3$ and $x=-1$`" the formulas in front of the last that give the same unknown."""
    roots: list[str] = []
    name = _NAMED.match(found[-1][0])
    for before, after in zip(found[-2::-1], found[:0:-1], strict=True):
        named = _NAMED.match(before[0])
        joint = _FORMULA_LIST.match(text, before.end())
        if not (name and named and named[1] == name[1] and joint and joint.end() == after.start()):
            break
        roots.insert(0, next(group for group in before.groups() if group is not None))
    return roots


def bold(text: str) -> str | None:
    """What stands in bold in the last sentence: a number, a formula, or at its end a few words."""
    if "**" not in text:
        return None
    begin = max(_last_sentence(text), len(text) - LONGEST_STATEMENT)
    for match in reversed(list(_BOLD.finditer(text, begin))):
        said = match[1].strip()
        at_end = not text[match.end() :].strip(" .!*\n")
        if whole(said) and (_MATHEMATICS.search(said) or (at_end and said[0].islower())):
            return said
    return None


def number(text: str) -> str | None:
    """The last number; of several in the last sentence the one that a computation before gave, if one did."""
    begin = max(_last_sentence(text), len(text) - LONGEST_STATEMENT)
    sentence = _FORMULA.sub(" ", text[begin:])
    last = _numbers(sentence) or _numbers(text[begin:])
    if not last:
        words = [match[0] for match in _IN_WORDS.finditer(sentence)]
        if words and (words[-1].lower() != "one" or not _DIGIT.search(text)):
            return words[-1]
        return next(iter(_numbers(text)[-1:]), None)
    if (dates := _DATE.findall(sentence)) and dates[-1][1] == last[-1]:
        return f"{dates[-1][0]} {dates[-1][1]}"
    own = _COMPUTED.findall(sentence)
    if own and own[-1] == last[-1].strip("\\$€£% "):
        return last[-1]  # "Together they have 80 + 160 = 240", though 160 was computed before
    computed = _COMPUTED.findall(text, 0, begin) if len(last) > 1 else None
    plain = {each.strip("\\$€£% ") for each in last}
    return computed[-1] if computed and computed[-1] in plain else last[-1]


def _numbers(text: str) -> list[str]:
    return [match[0] for match in _NUMBER.finditer(text) if _DIGIT.search(match[0])]


def _last_sentence(text: str) -> int:
    """Where the last sentence begins."""
    end = len(text.rstrip())
    begin = max(text.rfind(mark, 0, max(end - 1, 0)) + len(mark) for mark in (". ", ".\n", "\n", "! ", "? ", "。"))
    return begin if begin > 1 else 0
