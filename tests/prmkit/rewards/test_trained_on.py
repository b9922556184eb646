import pytest

from prmkit.errors import InputError
from prmkit.rewards.trained_on import (
    TRAINED_FILE,
    problem_digest,
    read_calibrated,
    read_trained,
    write_calibrated,
    write_trained,
)


def test_the_problems_learned_from_are_known_again_by_their_text(tmp_path):
    write_trained(tmp_path, ["What is 1 + 1?", "What is 2 + 2?", "What is 1 + 1?"])
    found = read_trained(tmp_path)
    assert len(found) == 2
    assert problem_digest(" What is\n1 + 1? ") in found
    assert problem_digest("What is 1 + 2?") not in found


def test_a_folder_that_does_not_say_is_not_taken_for_one_that_learned_from_nothing(tmp_path):
    assert read_trained(tmp_path) is None
    write_trained(tmp_path, [])
    assert read_trained(tmp_path) == frozenset()


def test_a_file_of_something_else_is_refused_with_its_line(tmp_path):
    (tmp_path / TRAINED_FILE).write_text(problem_digest("a") + "\nnonsense\n")
    with pytest.raises(InputError, match=r"trained_problems.txt:2: expected 16 hexadecimal digits, found 'nonsense'"):
        read_trained(tmp_path)


def test_a_model_also_learned_from_what_the_model_it_began_with_learned_from(tmp_path):
    base, silent, out = (tmp_path / each for each in ("base", "silent", "out"))
    write_trained(base, ["What is 1 + 1?"])
    write_trained(out, ["What is 2 + 2?"], base)
    assert read_trained(out) == {problem_digest("What is 1 + 1?"), problem_digest("What is 2 + 2?")}
    write_trained(out, ["What is 2 + 2?"], silent)
    assert read_trained(out) == {problem_digest("What is 2 + 2?")}


def test_the_problems_of_both_calibrations_are_known_until_they_are_taken_away(tmp_path):
    assert read_calibrated(tmp_path) == frozenset()
    write_calibrated(tmp_path, "steps", ["a", "b"])
    write_calibrated(tmp_path, "solutions", ["b", "c"])
    assert read_calibrated(tmp_path) == {problem_digest(each) for each in "abc"}
    write_calibrated(tmp_path, "solutions", [])
    assert read_calibrated(tmp_path) == {problem_digest(each) for each in "ab"}
    assert read_trained(tmp_path) is None
