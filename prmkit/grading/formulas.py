r"""Formulas: the arithmetic half of the grammar in `prmkit.grading.latex`.

Two notations are ambiguous, and the flag `tight` chooses: `1/2x` is one over 2x if tight, else half of x; the same goes
for a slash after the argument of a function (`\\cos 2\\pi/3`).
"""

from abc import abstractmethod

from prmkit.grading.building import is_set, literal, multiply, negative
from prmkit.grading.numbers import Number
from prmkit.grading.tokens import DEEPEST, END, CannotRead, Cursor, Token
from prmkit.grading.tree import Bag, Based, Call, Group, Name, Node, Text
from prmkit.grading.vocabulary import BASES, CHANGES_VALUE

_SIGNS = {"+": "", "-": "neg", "pm": "pm", "mp": "mp"}
OPENING = frozenset({"(", "[", "{", "\\{", "empty", "(floor", "(ceil", "(|"})
"""Operators that begin something in brackets."""
_OF_SEVERAL = frozenset({"max", "min", "gcd", "lcm"})
_INVERSE = {name: f"arc{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc")}


class FormulaParser(Cursor):
    """Reads sums and what they are made of."""

    def __init__(self, tokens: list[Token], tight: bool) -> None:
        super().__init__(tokens)
        self._tight = tight
        self._bars: list[
            str
        ] = []  # what a bar means in the brackets around: it closes `abs`, divides `set`, else opens
        self.ambiguous = False  # whether `tight` made a difference

    @abstractmethod
    def _bracketed(self) -> Node:
        """What begins with a bracket, brace or bar."""

    @abstractmethod
    def _matrix(self, kind: str) -> Node:
        """The rows of an environment, and its end."""

    def _sum(self) -> Node:
        terms: list[Node] = []
        while not terms or self._is(*_SIGNS):
            op = _SIGNS[self._accept(*_SIGNS) or "+"]
            term = self._product()
            if op == "neg" and terms and is_set(terms[-1]):
                terms[-1] = Call("setminus", (terms[-1], term))
            else:
                terms.append(negative(term) if op == "neg" else Call(op, (term,)) if op else term)
        return terms[0] if len(terms) == 1 else Call("add", tuple(terms))

    def _product(self) -> Node:
        factors, divided = self._run(), 0
        while op := self._accept("*", "/"):
            below_zero = self._accept("-") is not None
            run = self._run()
            if below_zero:
                run[0] = negative(run[0])
            if op == "*":
                factors += run
                continue
            self.ambiguous = self.ambiguous or len(run) > 1
            bottom, rest = ([multiply(run)], []) if self._tight else (run[:1], run[1:])
            factors = [Call("div", (multiply(factors), bottom[0])), *rest]
            divided += 1
            if divided > DEEPEST:
                raise CannotRead("too many divisions")
        return multiply(factors)

    def _run(self) -> list[Node]:
        """Factors side by side."""
        factors = [self._factor()]
        while self._begins_factor():
            if self._peek().kind == "text":
                self._unit()
                break
            if isinstance(factors[-1], Text):
                raise CannotRead("words before a formula")
            mixed = self._mixed(factors[-1]) if self._tokens[self._at - 1].kind == "number" else None
            if mixed is not None:
                factors[-1] = mixed
            elif self._peek().kind == "number":
                raise CannotRead("two numbers side by side")
            else:
                factors.append(self._factor())
        return factors

    def _begins_factor(self) -> bool:
        token = self._peek()
        if token.kind == "op":
            opens = token.text in OPENING and self._peek(1).text != "pmod"
            return opens or (token.text == "|" and not (self._bars and self._bars[-1]))
        return token.kind != "end"

    def _mixed(self, whole: Node) -> Node | None:
        r"""`2\frac{1}{3}` and `2 1/3`: the sum, where the fraction is one of whole numbers, less than 1."""
        if not isinstance(whole, Number) or whole.places:
            return None
        begun = self._at
        token = self._peek()
        if token.kind == "command" and token.text == "frac":
            fraction = self._factor()
        elif token.kind == "number" and self._peek(1).text == "/" and self._peek(2).kind == "number":
            top = self._number()
            self._take()
            fraction = Call("div", (top, self._number()))
        else:
            return None
        match fraction:
            case Call("div", (Number() as top, Number() as bottom)) if not top.places + bottom.places:
                if 0 < top.value < bottom.value:
                    return Number(whole.value + top.value / bottom.value, 0, whole.digits)
        self._at = begun
        return None

    def _unit(self) -> None:
        words = self._take().text
        if not CHANGES_VALUE.isdisjoint(words.split()):
            raise CannotRead(f"the words {words}")
        if self._accept("^"):
            self._exponent()
        if self._peek().kind in {"number", "name", "text", "function", "command"}:
            raise CannotRead("words inside a formula")

    def _factor(self) -> Node:
        node = self._primary()
        for _ in range(DEEPEST):
            if self._accept("^"):
                node = Call("pow", (node, self._exponent()))
            elif self._accept("!"):
                node = Call("factorial", (node,))
            elif op := self._accept("%", "degrees"):
                node = Call("percent" if op == "%" else op, (node,))
            else:
                return node
        raise CannotRead("too many marks")

    def _exponent(self) -> Node:
        self._deeper()
        if self._accept("{"):
            node = self._sum()
            self._expect("}")
        elif self._accept("-"):
            node = negative(self._primary())
        else:
            node = self._primary()
            if self._accept("^"):
                node = Call("pow", (node, self._exponent()))
        self._depth -= 1
        return node

    # what stands by itself

    def _primary(self) -> Node:
        token = self._peek()
        self._deeper()
        match token.kind:
            case "number":
                node: Node = self._number()
            case "name":
                node = self._name()
            case "function":
                node = self._function()
            case "command":
                node = self._command()
            case "text":
                node = Text(self._take().text)
            case _:
                node = self._bracketed()
        self._depth -= 1
        return node

    def _number(self) -> Node:
        text = self._take().text
        if not self._is("_"):
            return literal(text)
        self._take()
        braced = self._accept("{")
        token = self._take()
        base = BASES.get(token.text) if token.kind == "text" else int(token.text) if token.text.isdecimal() else None
        if braced:
            self._expect("}")
        if base is None or not 2 <= base <= 36 or not text.isdecimal():
            raise CannotRead("a base")
        return Based(text.lstrip("0") or "0", base)

    def _name(self) -> Node:
        name = self._take().text
        while op := self._accept("_", "'"):
            name += op if op == "'" else "_" + self._subscript()
        if name in {"f", "g", "h"} and [self._peek(ahead).text for ahead in range(6)] == ["^", "{", "-", "1", "}", "("]:
            self._at += 5
            name += "'-1'"
        if name == "C" and self._is("("):  # C(7, 4)
            begin, pair = self._at, self._bracketed()
            if isinstance(pair, Group) and len(pair.items) == 2:
                return Call("binom", pair.items)
            self._at = begin
        if (name == "f" or name.endswith("'")) and self._is("("):
            argument = self._bracketed()
            return Call(f"apply {name}", argument.items if isinstance(argument, Group) else (argument,))
        return Name(name)

    def _subscript(self) -> str:
        if not self._accept("{"):
            return self._take().text
        text = ""
        while not self._accept("}"):
            if self._peek() is END or self._is("{"):
                raise CannotRead("a subscript")
            text += self._take().text
        return text

    def _function(self) -> Node:
        name = self._take().text
        if name in _OF_SEVERAL:
            return self._of_several(name)
        base: Node | None = None
        power: Node | None = None
        while op := self._accept("_", "^"):
            if op == "_":
                base = self._exponent()
            else:
                power = self._exponent()
        if base is not None and name != "log":
            raise CannotRead(f"{name} with a base")
        if power == literal("-1") or power == negative(literal("1")):
            if name not in _INVERSE:
                raise CannotRead(f"inverse of {name}")
            name, power = _INVERSE[name], None
        argument = self._argument()
        node: Node = Call(name, (argument,) if base is None else (argument, base))
        return node if power is None else Call("pow", (node, power))

    def _of_several(self, name: str) -> Node:
        values = self._bracketed() if self._is("(", "\\{", "{") else None
        if not isinstance(values, Group | Bag) or not values.items:
            raise CannotRead(f"{name} of one value")
        return Call(name, values.items)

    def _argument(self) -> Node:
        r"""Of a function: what is in the brackets, or the factors that follow (`\sin 2x`)."""
        if self._is("(", "[", "{"):
            node = self._bracketed()
            if isinstance(node, Group | Bag):
                raise CannotRead("a function of several values")
            return node
        below_zero = self._accept("-") is not None
        if self._peek().kind == "function":
            factors = [self._factor()]
        else:
            factors = []
            while self._begins_factor() and self._peek().kind not in {"function", "text"}:
                if factors and self._is("(", "[", "\\{"):
                    break
                factors.append(self._factor())
        if not factors:
            raise CannotRead("a function of nothing")
        node = multiply(factors)
        if self._is("/"):  # cos 2 pi / 3
            self.ambiguous = True
            if self._tight:
                self._take()
                node = Call("div", (node, self._factor()))
        return negative(node) if below_zero else node

    def _command(self) -> Node:
        name = self._take().text
        if name in ("frac", "binom"):
            return Call("div" if name == "frac" else name, (self._braced(), self._braced()))
        if name == "abs":
            return Call("abs", (self._bracketed(),))
        if name.startswith("begin "):
            return self._matrix(name.removeprefix("begin "))
        if name != "sqrt":
            raise CannotRead(name)
        index: Node | None = None
        if self._accept("["):
            index = self._sum()
            self._expect("]")
        inside = self._bracketed() if self._is("(", "{") else self._primary()
        return Call("root", (inside,) if index is None else (inside, index))

    def _braced(self) -> Node:
        r"""An argument of \frac: in braces, or one character."""
        token = self._peek()
        if token.kind == "number" and len(token.text) > 1:
            if not token.text.isdecimal():
                raise CannotRead("digits of a fraction")
            self._tokens[self._at] = token._replace(text=token.text[1:])
            return literal(token.text[:1])
        if self._accept("{"):
            node = self._sum()
            self._expect("}")
            return node
        if token.kind == "op":
            raise CannotRead("a fraction")
        return self._primary()
