r"""LaTeX or plain-text mathematics to a tree (`prmkit.grading.tree`), by recursive descent.

Nothing is evaluated. What the grammar does not know for sure raises `CannotRead`, and math-verify gets its chance.
The grammar, loosest first:

    answer    = item ((',' | ';' | 'and' | 'or') item)*
    item      = ratio (relation ratio)*             relation: = != < > <= >= ~ in mod
    ratio     = union (':' union)*
    union     = sum ((cup | cap | setminus) sum)*
    sum       = [sign] product (sign product)*      sign: + - pm mp
    product   = factor+ (('*' | '/') factor+)*
    factor    = primary ('^' exponent | '!' | '%' | degrees)*
    primary   = number | name | function | '(' answer ')' | '\{' answer '\}' | '|' sum '|' | \frac ... | matrix | text

Two things are ambiguous: `1/2x` is half of x or one over 2x, `2e-1` is 0.2 or twice Euler's number less one. `read`
gives both readings.
"""

import re
from functools import lru_cache

from prmkit.grading.building import choose_sign
from prmkit.grading.formulas import FormulaParser
from prmkit.grading.tokens import END, CannotRead, is_prose, tokenise
from prmkit.grading.tree import Bag, Call, Chain, Group, Matrix, Name, Node, Text, walk

_SCIENTIFIC = re.compile(r"\d[eE][-+]?\d")
_NO_CALCULATION = re.compile(
    r"[<>!,;≤≥≠≡~]|\\(?:not|neq?|[lg]eq?|[lg]eqslant|[lg]t|in|notin|equiv|approx|sim|to|text|mbox|[a-z]*arrow|implies|iff)"
    r"(?![A-Za-z])|\b(?:or|and)\b"
)
"""In front of the last equals sign, that what follows it is not what a calculation gave."""
_RELATIONS = frozenset({"=", "!=", "<", ">", "<=", ">=", "~", "in", "mod"})
_SEPARATORS = frozenset({",", ";", "and", "or"})
_SET_OPS = {"cup": "union", "cap": "intersection", "setminus": "setminus"}
_FENCES = {"(floor": ("floor)", "floor"), "(ceil": ("ceil)", "ceil"), "(|": ("|)", "abs"), "|": ("|", "abs")}
_CLOSING = frozenset({")", "]", "}", "\\}"})
_CALCULATION = Text("calculation")
_MATRICES = frozenset({"matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array"})


@lru_cache(maxsize=4096)
def read(text: str) -> tuple[Node, ...]:
    """The readings of an answer, the likelier first.

    Args:
        text: The answer, without delimiters around formulas.

    Returns:
        One tree, or two where the notation is ambiguous.

    Raises:
        CannotRead: The grammar has no place for it.
    """
    if is_prose(text):
        return (Text(" ".join(text.lower().split()).strip(" .!")),)
    try:
        return _readings(text)
    except CannotRead:
        calculation, equals, result = text.rpartition("=")
        if not equals or _NO_CALCULATION.search(calculation) or result.count("{") != result.count("}"):
            raise
    results = _readings(result)
    if any(isinstance(node, Bag | Chain) for node in results):
        raise CannotRead("what stands behind the last =")
    return tuple(Chain((_CALCULATION, node), ("=",)) for node in results)


def _readings(text: str) -> tuple[Node, ...]:
    parser = _AnswerParser(tokenise(text), tight=True)
    readings = [parser.whole()]
    if parser.ambiguous or _SCIENTIFIC.search(text):
        try:
            other = _AnswerParser(tokenise(text, scientific=False), tight=False).whole()
        except CannotRead:
            return tuple(readings)
        if other != readings[0]:
            readings.append(other)
    return tuple(readings)


class _AnswerParser(FormulaParser):
    def whole(self) -> Node:
        """The tree of all tokens."""
        node = self._answer()
        if self._peek() is not END:
            raise CannotRead(f"unexpected {self._peek().text}")
        return node

    def _answer(self, expand: bool = True) -> Node:
        """Items up to a closing bracket or the end; `expand` plus-minus signs here, or leave them to the outer item."""
        items = self._item(expand)
        word = ","
        while self._is(*_SEPARATORS):
            while found := self._accept(*_SEPARATORS):  # ", and"
                word = found if found in {"and", "or"} else word
            if self._peek() is END or self._is(*_CLOSING):
                break
            items += self._item(expand)
        return items[0] if len(items) == 1 else Bag(tuple(items), False, word)

    def _item(self, expand: bool) -> list[Node]:
        """One item, or the two that a plus-minus sign stands for."""
        self._accept("=")
        sides, ops = [self._ratio()], []
        while found := self._accept(*_RELATIONS):
            ops.append(found)
            sides.append(self._ratio())
        if self._accept("pmod"):
            ops.append("modulus")
            sides.append(self._product())
        elif self._is("(") and self._peek(1).text == "pmod":
            self._at += 2
            ops.append("modulus")
            sides.append(self._product())
            self._expect(")")
        node = Chain(tuple(sides), tuple(ops)) if ops else sides[0]
        signed = any(isinstance(part, Call) and part.op in {"pm", "mp"} for part in walk(node)) if expand else False
        return [choose_sign(node, True), choose_sign(node, False)] if signed else [node]

    def _ratio(self) -> Node:
        terms = [self._union()]
        while not self._inside("set") and self._accept(":"):
            terms.append(self._union())
        return terms[0] if len(terms) == 1 else Call("div" if len(terms) == 2 else "ratio", tuple(terms))

    def _inside(self, bars: str) -> bool:
        return bool(self._bars) and self._bars[-1] == bars

    def _union(self) -> Node:
        node = self._sum()
        while found := self._accept(*_SET_OPS):
            op = _SET_OPS[found]
            first = node.args if isinstance(node, Call) and node.op == op == "union" else (node,)
            node = Call(op, (*first, self._sum()))
            if op != "union":
                self._deeper()
        return node

    def _bracketed(self) -> Node:
        if self._accept("empty"):
            return Bag((), True)
        left = self._expect("(", "[", "{", "\\{", *_FENCES)
        self._deeper()
        self._bars.append({"\\{": "set", "|": "abs"}.get(left, ""))
        if left in _FENCES:
            right, op = _FENCES[left]
            node: Node = Call(op, (self._sum(),))
            self._expect(right)
        elif left == "\\{":
            node = self._set()
        else:
            node = self._group(left)
        self._bars.pop()
        self._depth -= 1
        return node

    def _group(self, left: str) -> Node:
        inside = self._answer(expand=False)
        right = self._expect("}" if left == "{" else ")", "}" if left == "{" else "]")
        if not isinstance(inside, Bag) or inside.braces:
            if (left, right) in {("(", "]"), ("[", ")")}:
                raise CannotRead("an interval of one end")
            return inside
        if left == "{":
            return Bag(inside.items, True, inside.word)
        return Group(left, inside.items, right)

    def _set(self) -> Node:
        if self._accept("\\}"):
            return Bag((), True)
        inside = self._answer()
        if self._accept("|", ":"):  # such that
            condition = self._answer()
            variable = inside.sides[0] if isinstance(inside, Chain) and inside.ops == ("in",) else inside
            real = not isinstance(inside, Chain) or inside.sides[1] == Name("set R")
            if not isinstance(variable, Name) or not real or not isinstance(condition, Chain | Bag):
                raise CannotRead("a set by condition")
            inside = Call("where", (condition,))
        self._expect("\\}")
        if isinstance(inside, Call) and inside.op == "where":
            return inside
        return Bag(inside.items, True) if isinstance(inside, Bag) and not inside.braces else Bag((inside,), True)

    def _matrix(self, kind: str) -> Node:
        if kind not in _MATRICES:
            raise CannotRead(kind)
        self._bars.append("")
        rows: list[list[Node]] = [[self._sum()]]
        while op := self._accept("&", "\\\\"):
            if self._is("end"):
                break
            if op == "&":
                rows[-1].append(self._sum())
            else:
                rows.append([self._sum()])
        self._expect("end")
        self._bars.pop()
        if len({len(row) for row in rows}) > 1:
            raise CannotRead("rows of different lengths")
        return Matrix(tuple(map(tuple, rows)))
