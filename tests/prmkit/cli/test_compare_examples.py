"""Solutions that a comparison shows step by step."""

import re

import pytest

from prmkit.cli.main import main
from prmkit.records import LABEL_SCHEMA, SOLUTION_SCHEMA
from prmkit.report.examples import find_disagreements
from prmkit.tables import label_row, read_labels, read_scores, read_solutions, solution_row, write_rows


def compare(*options: object) -> int:
    return main(["compare", *map(str, options)])


@pytest.fixture
def made(compared_models, compared_pool, tmp_path):
    """Page of a comparison with these options."""

    def make(*options: object, name: str = "out") -> str:
        assert compare(*compared_models, "--pool", compared_pool, "--out", tmp_path / name, *options) == 0
        return (tmp_path / name / "report.html").read_text()

    return make


def test_solutions_are_chosen_at_random_by_the_seed_and_disagreements_by_the_pool(made) -> None:
    pages = [made("--examples", 6, "--seed", seed, name=str(seed)) for seed in (0, 1)]
    drawn = [re.findall(r'data-kind="(?:right|wrong)".*?class="name">(.*?)<', page, re.DOTALL) for page in pages]
    pairs = [re.findall(r"[a-z]\d+/\d+ and [a-z]\d+/\d+", page) for page in pages]
    assert len(drawn[0]) == len(drawn[1]) == 6 and drawn[0] != drawn[1]
    assert pairs[0] == pairs[1] and len(pairs[0]) >= 2


def test_the_disagreements_are_the_first_of_each_kind_and_all_are_counted(made, tmp_path) -> None:
    page = made("--examples", 6)
    scored = {name: read_scores(tmp_path / f"out/scores-{name}") for name in ("prm", "orm")}
    solutions = [each.solution for each in scored["prm"]]
    pairs = find_disagreements(solutions, *([each.score for each in rows] for rows in scored.values()))
    won = [pair for pair in pairs if solutions[pair[0]].correct]
    lost = [pair for pair in pairs if not solutions[pair[0]].correct]
    assert len(won) > 2
    told = f"only the PRM is right on {len(won)} of 8 problems and only the ORM on {len(lost)}: the first 2 of each"
    assert told in page
    names = [f"{solutions[a].name} and {solutions[b].name}" for a, b in (*won[:2], *lost[:2])]
    assert re.findall(r"[a-z]\d+/\d+ and [a-z]\d+/\d+", page) == names


def test_without_examples_nothing_is_shown(made) -> None:
    assert 'id="examples"' not in made("--examples", 0)


def test_labels_choose_the_solutions_shown_and_give_their_rates(made, stories, compared_pool, tmp_path) -> None:
    names = {each.problem.problem_id for each in read_solutions(compared_pool)}
    labeled = [each for each in read_labels(stories[0]) if each.solution.problem.problem_id not in names][:2]
    write_rows(tmp_path / "labels.parquet", [label_row(each) for each in labeled], LABEL_SCHEMA)
    mixed = [*read_solutions(compared_pool), *(each.solution for each in labeled)]
    write_rows(compared_pool, [solution_row(each) for each in mixed], SOLUTION_SCHEMA)
    page = made("--labels", tmp_path / "labels.parquet", "--examples", 9)
    drawn = re.findall(r'data-kind="(?:right|wrong)".*?class="name">(.*?)<', page, re.DOTALL)
    assert sorted(drawn) == sorted(each.solution.name for each in labeled)
    assert page.count('<th scope="col">rate</th>') == 2
    counts = labeled[0].estimates[0]
    assert f"{counts.successes}/{counts.rollouts}<" in page
