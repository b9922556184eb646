"""Problems known by their text: outside data rarely has ids, and some of it does not say where a problem ends."""

from collections.abc import Iterable

from prmkit.files import fingerprint
from prmkit.records import Problem
from prmkit.texts import squeezed

_FIRST_WORDS = 3


class KnownProblems:
    """Problems by their text, however its white space is written."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._known: dict[str, Problem] = {}
        self._beginnings: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for problem in problems:
            words = tuple(problem.problem.split())
            if self._known.setdefault(" ".join(words), problem) is problem:
                self._beginnings.setdefault(words[:_FIRST_WORDS], []).append(words)

    def find(self, text: str, answer: str | None = None, prefix: str = "") -> Problem:
        """The known problem of this text, else one whose id is made from the text (and the prefix)."""
        plain = squeezed(text)
        if plain in self._known:
            return self._known[plain]
        return Problem(problem_id=prefix + fingerprint(plain), problem=text.strip(), answer=answer)

    def split(self, text: str) -> tuple[str, str] | None:
        """The longest known problem that a text begins with, and what follows; None where it begins with none."""
        words = text.split()
        begun = [
            known for size in range(1, _FIRST_WORDS + 1) for known in self._beginnings.get(tuple(words[:size]), [])
        ]
        fitting = [known for known in begun if tuple(words[: len(known)]) == known]
        if not fitting:
            return None
        problem = max(fitting, key=len)
        rest = text.split(maxsplit=len(problem))
        return " ".join(problem), rest[-1] if len(rest) > len(problem) else ""
