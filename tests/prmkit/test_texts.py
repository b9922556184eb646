import pytest

from prmkit.texts import counted, place, squeezed


def test_white_space_does_not_tell_texts_apart():
    assert squeezed(" a\n\tb  c ") == squeezed("a b c") == "a b c"
    assert squeezed("ab c") != squeezed("a b c")


def test_one_is_no_plural():
    assert [counted(number, "problem") for number in (0, 1, 2)] == ["0 problems", "1 problem", "2 problems"]


def test_places_are_fixed_by_the_text_and_spread_evenly():
    places = [place(f"problem {number}") for number in range(2000)]
    assert places == [place(f"problem {number}") for number in range(2000)]
    assert all(0 <= each < 1 for each in places)
    assert sum(each < 0.25 for each in places) / 2000 == pytest.approx(0.25, abs=0.04)
