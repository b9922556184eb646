"""`prmkit search`: what its flags mean, what continues, what is set aside, and what ends the run."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import tyro

from prmkit.cli.main import main
from prmkit.cli.reward_options import RewardOptions, located
from prmkit.cli.search import Search
from prmkit.cli.search_options import SearchBase
from prmkit.cli.search_task import SearchTask
from prmkit.completers import Sampling
from prmkit.completers.simulated import SimulatedCompleter
from prmkit.demo.stories import LEVELS, make_stories
from prmkit.errors import EngineError, InputError, ShapeError
from prmkit.files import read_json, write_json
from prmkit.models import DEMO_POLICY, load_tokenizer
from prmkit.records import Problem
from prmkit.rewards.base import Aggregation
from prmkit.rewards.calibration import Calibration, CalibrationMethod
from prmkit.steps import TextFormat
from prmkit.tables import read_rows
from search.best_of_n import BestOfN
from search.method import Method

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def one_cluster() -> Iterator[None]:
    """The commands of this module share one local Ray cluster."""
    from labelers.cluster import ClusterOptions, cluster

    with cluster(ClusterOptions()):
        yield


@pytest.fixture
def make_wide(make_reward: Make) -> Make:
    """As `make_reward`, with room for stories."""

    def make(kind: str, **fields: object) -> Path:
        folder = make_reward(kind, **fields)
        write_json(folder / "config.json", read_json(folder / "config.json") | {"max_position_embeddings": 1024})
        return folder

    return make


def newline_ids() -> tuple[int, ...]:
    """A line break in the demo policy's tokens."""
    return tuple(load_tokenizer(str(DEMO_POLICY))("\n", add_special_tokens=False)["input_ids"])


def parse(*options: str) -> SearchBase:
    return tyro.cli(Search, args=[options[0], "--problems", "demo:2", "--prm", "prm", "--out", "out", *options[1:]])


def search(prm: Path | tuple[Path, ...], out: Path, *extra: str, method: str = "best-of-n") -> int:
    models = map(str, prm if isinstance(prm, tuple) else (prm,))
    demo = ["--problems", "demo:2", "--engine", "simulated", "--engines", "1", "--prm", *models, "--out", str(out)]
    return main(["search", method, *demo, *extra])


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        (("best-of-n", "-n", "3"), "n", 3),
        (("best-of-n", "--choice", "weighted"), "choice", "weighted"),
        (("best-of-n", "--seed", "5"), "seed", 5),
        (("best-of-n", "--max-tokens", "9"), "sampling.max_tokens", 9),
        (("best-of-n", "--budget-tokens", "7"), "budget.tokens", 7),
        (("best-of-n", "--budget-prm-tokens", "7"), "budget.prm_tokens", 7),
        (("best-of-n", "--budget-seconds", "0.5"), "budget.seconds", 0.5),
        (("adaptive", "--choice", "majority", "--certain", "0.7"), "certain", 0.7),
        (("adaptive", "--choice", "majority", "--round", "2"), "round", 2),
        (("greedy", "-m", "9"), "expansions", 9),
        (("greedy",), "beams", 1),
        (("beam", "-n", "6"), "beams", 6),
        (("beam", "--max-steps", "3"), "max_steps", 3),
        (("beam", "--lookahead", "2"), "lookahead", 2),
        (("beam", "--duplicates", "heat"), "duplicates", "heat"),
        (("lookahead",), "lookahead", 1),
        (("dvts", "--beams", "2"), "beams", 2),
        (("mcts", "-n", "5"), "simulations", 5),
        (("mcts", "--exploration", "0"), "exploration", 0.0),
    ],
)
def test_every_flag_reaches_its_method(options: tuple[str, ...], field: str, value: object) -> None:
    method: Any = asdict(parse(*options).method())
    for part in field.split("."):
        method = method[part]
    assert method == value


def test_every_method_has_a_command_of_its_own() -> None:
    names = ["best-of-n", "adaptive", "greedy", "beam", "lookahead", "dvts", "mcts"]
    commands = [parse(each, "--choice", "majority") for each in names]
    assert [each.command for each in commands] == names
    methods = [each.method().name for each in commands]
    assert methods == ["best-of-n", "adaptive", "beam", "beam", "beam", "dvts", "mcts"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--device", "nonsense"], "device 'nonsense' cannot be used"),
        (["--ensemble", "min"], "name two or more"),
        (["--prm-cache", "-1"], "prm_cache >= 0"),
        (["--prm-cache", "nan"], "prm_cache >= 0"),
        (["--concurrency", "0"], "concurrency >= 1"),
        (["--budget-tokens", "0"], "a budget of tokens must be above 0"),
        (["-n", "0"], "n of at least 1"),
        (["--ray-address", "localhost:1"], "no Ray cluster answers"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing_behind(
    make_reward: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    prm = make_reward("prm")
    capsys.readouterr()
    assert search(prm, tmp_path / "out", *options) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_scores_that_are_no_probabilities_cannot_say_what_is_certain(make_reward: Make) -> None:
    plain = replace(parse("adaptive"), prm=(str(make_reward("prm")),))
    with pytest.raises(InputError, match="prmkit calibrate --level solutions"):
        plain.method()
    assert replace(plain, choice="majority").method().name == "adaptive"
    platt = Calibration(method=CalibrationMethod.PLATT, parameters={"slope": 1.0, "intercept": 0.0})
    held = replace(plain, prm=(str(make_reward("orm", solution_calibration=platt)),))
    assert held.method().name == "adaptive"
    with pytest.raises(InputError, match="one model"):
        replace(held, prm=held.prm * 2).method()


@pytest.mark.slow
@pytest.mark.usefixtures("one_cluster")
@pytest.mark.filterwarnings("ignore")
def test_a_search_is_continued_wherever_its_reward_model_lies_and_refused_with_another(
    make_wide: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prm = make_wide("prm")
    assert search(prm, tmp_path / "out") == 0
    prm = prm.rename(tmp_path / "moved")
    assert search(prm, tmp_path / "out", "--device", "cpu", "--prm-cache", "0.5", "--concurrency", "2") == 0
    said = capsys.readouterr().out
    assert said.count("best-of-n: ") == 2 and "read by the reward model" in said and "1 shards were there" in said
    weights = bytearray((prm / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (prm / "model.safetensors").write_bytes(weights)
    assert search(prm, tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "another configuration (prm: " in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ([], "name a reward model"),
        (["nowhere/at/all"], "nowhere/at/all"),
        (["demo"], "demo"),
        (["judge:nowhere/at/all"], "nowhere/at/all"),
    ],
)
def test_a_reward_model_that_is_none_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], models: list[str], said: str
) -> None:
    assert main(["search", "beam", "--problems", "demo:2", "--prm", *models, "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_look_ahead_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="--lookahead must be at least 1"):
        parse("lookahead", "--lookahead", "0").method()


@pytest.mark.slow
@pytest.mark.usefixtures("one_cluster")
@pytest.mark.filterwarnings("ignore")
def test_problems_without_an_answer_are_counted_and_end_no_run(
    make_wide: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(make_wide("prm"), tmp_path / "out", "--budget-tokens", "5", method="beam") == 0
    said = capsys.readouterr().out
    assert "beam: 0 of 2 problems right (0.0%)" in said and "2 without an answer" in said
    assert [row["ended"] for _, row in read_rows(tmp_path / "out", ("ended",))] == ["tokens"] * 2


@pytest.mark.slow
@pytest.mark.usefixtures("one_cluster")
@pytest.mark.filterwarnings("ignore")
def test_a_reward_model_that_does_not_load_ends_the_run_at_once(
    make_wide: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prm = make_wide("prm")
    monkeypatch.chdir(tmp_path)
    assert search(Path(prm.name), tmp_path / "relative", "-n", "1") == 0
    (prm / "model.safetensors").write_bytes(b"broken")
    capsys.readouterr()
    assert search(Path(prm.name), tmp_path / "out", "-n", "1") == 1
    error = capsys.readouterr().err
    assert "cannot be loaded" in error and error.count("\n") == 1
    assert not list((tmp_path / "out").glob("quarantine/*"))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed")
@pytest.mark.usefixtures("one_cluster")
@pytest.mark.filterwarnings("ignore")
def test_vllm_guides_a_search_to_the_same_end(make_reward: Make, tmp_path: Path) -> None:
    import torch

    from prmkit.rewards.loading import load_classifier

    prm, found = make_reward("prm", text_format=TextFormat(separator="\n"), separator_ids=newline_ids()), []
    torch.manual_seed(1)
    load_classifier(str(DEMO_POLICY), num_labels=3).save_pretrained(prm)  # heads of a width that vLLM knows
    load_tokenizer(str(DEMO_POLICY)).save_pretrained(prm)
    for engine in ("transformers", "vllm"):
        assert search(prm, tmp_path / engine, "-n", "2", "-m", "2", "--prm-engine", engine, method="beam") == 0
        found.append([row for _, row in read_rows(tmp_path / engine, ("problem_id",))])
    for one, other in zip(*found, strict=True):
        assert one["candidates"] == other["candidates"]
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("one_cluster")
@pytest.mark.filterwarnings("ignore")
def test_several_reward_models_guide_a_search_together(make_wide: Make, tmp_path: Path) -> None:
    prm, orm = make_wide("prm"), make_wide("orm")
    scores = {}
    for name, models, extra in [
        ("prm", (prm,), []),
        ("orm", (orm,), []),
        ("min", (prm, orm), ["--ensemble", "min"]),
    ]:
        assert search(models, tmp_path / f"to-{name}", "-n", "1", *extra) == 0
        scores[name] = [row["step_scores"][0] for _, row in read_rows(tmp_path / f"to-{name}", ("step_scores",))]
    assert len(scores["min"]) == 2
    for one, two, least in zip(*(scores[each] for each in ("prm", "orm", "min")), strict=True):
        assert least == pytest.approx([min(pair) for pair in zip(one, two, strict=True)], abs=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("one_cluster")
@pytest.mark.filterwarnings("ignore")
def test_results_are_the_same_from_any_number_of_engines_and_problems_at_once(make_wide: Make, tmp_path: Path) -> None:
    demo = ["--problems", "demo:6", "--prm", str(make_wide("prm")), "--max-tokens", "200", "-n", "2", "-m", "2"]
    few = ["--engines", "1", "--concurrency", "1", "--prm-cache", "0"]
    many = ["--engines", "2", "--slots", "7"]
    for name, options in (("few", few), ("many", many)):
        out = ["--shard-size", "2", "--out", str(tmp_path / name)]
        assert main(["search", "beam", *demo, *options, *out]) == 0
    one, other = (
        {row["problem_id"]: row for _, row in read_rows(tmp_path / name, ("problem_id",))} for name in ("few", "many")
    )
    assert len(one) == 6 and one.keys() == other.keys()
    for name in ("chosen", "candidates", "leaves", "tokens", "ended"):
        assert {key: row[name] for key, row in one.items()} == {key: row[name] for key, row in other.items()}
    for key, row in one.items():
        assert row["scores"] == pytest.approx(other[key]["scores"], abs=1e-4)
        assert row["prm_tokens"] > other[key]["prm_tokens"], "prefixes that are kept are read once"


class Failing(Method):
    """A search that fails."""

    name = purpose = "failing"

    def __init__(self, error: Exception) -> None:
        object.__setattr__(self, "error", error)

    def __hash__(self) -> int:
        return id(self)

    async def search(self, *_: object) -> Any:
        """See `Method`."""
        raise self.error


PROBLEM = Problem(problem_id="p", problem="How many?", answer="3")


def test_no_more_problems_are_searched_at_once_than_asked_for(make_reward: Make) -> None:
    most, now = 0, 0

    class Counting(Failing):
        async def search(self, *_: object) -> Any:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1
            raise self.error

    for limit in (1, 3):
        most = 0
        run(Counting(ShapeError("never mind")), make_reward("prm"), [PROBLEM] * 8, concurrency=limit)
        assert most == limit


def test_an_engine_is_full_while_problems_wait_for_their_turn(make_reward: Make) -> None:
    task = SearchTask(command="some", method=Failing(ShapeError("x")), models=(str(make_reward("prm")),), concurrency=1)
    task.prepare()

    async def ask() -> list[bool]:
        slow = asyncio.Event()
        object.__setattr__(task.method, "search", lambda *_: slow.wait())
        working = asyncio.create_task(task.run(solver(), [PROBLEM]))
        await asyncio.sleep(0.01)
        waiting = asyncio.create_task(task.room())
        await asyncio.sleep(0.01)
        before = waiting.done()
        slow.set()
        await asyncio.gather(waiting, working, return_exceptions=True)
        return [before, waiting.done()]

    assert asyncio.run(ask()) == [False, True]


def test_a_reward_model_is_found_from_any_folder(
    make_reward: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prm = make_reward("prm")
    monkeypatch.chdir(prm.parent)
    assert located(prm.name) == str(prm)
    assert located(f"judge:{prm.name}") == f"judge:{prm}"
    assert located("owner/model") == "owner/model"


def test_the_aggregation_that_is_asked_for_ranks(make_wide: Make) -> None:
    problem = told("p")
    method, prm = BestOfN(sampling=Sampling(max_tokens=300), n=2), make_wide("prm")
    for how in (Aggregation.MIN, Aggregation.LAST):
        [done] = run(method, prm, [problem], aggregation=how)
        [row] = done.rows
        steps = [min(each) if how is Aggregation.MIN else each[-1] for each in row["step_scores"]]
        assert row["scores"] == pytest.approx(steps)


def told(problem_id: str) -> Problem:
    """A story."""
    [story] = make_stories(1, 4, LEVELS["default"])
    return Problem(problem_id=problem_id, problem=story.text, answer=str(story.answer))


def solver() -> SimulatedCompleter:
    return SimulatedCompleter(load_tokenizer(str(DEMO_POLICY)), TextFormat(prompt="{problem}\n", separator="\n"))


def run(method: Method, prm: Path, problems: list[Problem], **options: Any) -> list[Any]:
    task = SearchTask(command="some", method=method, models=(str(prm),), rewards=RewardOptions(device="cpu"), **options)
    return asyncio.run(task.run(solver(), problems))


@pytest.mark.parametrize("error", [ShapeError("no steps"), ValueError("a bad number")])
def test_a_problem_that_cannot_be_searched_is_set_aside_with_the_reason(make_reward: Make, error: Exception) -> None:
    assert run(Failing(error), make_reward("prm"), [PROBLEM]) == [error]


@pytest.mark.parametrize(
    "error", [EngineError("the engine died"), TypeError("a mistake"), RuntimeError("out of memory")]
)
def test_what_is_not_the_problems_fault_ends_the_run(make_reward: Make, error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        run(Failing(error), make_reward("prm"), [PROBLEM])


def test_problems_that_cannot_be_read_leave_the_others_alone(make_wide: Make) -> None:
    good = told("good")
    bad = Problem(problem_id="bad", problem="Not a story.", answer="3")
    done, failed = run(BestOfN(sampling=Sampling(max_tokens=300), n=2), make_wide("prm"), [good, bad])
    assert isinstance(failed, InputError) and "only reads arithmetic stories" in str(failed)
    assert json.loads(json.dumps(done.rows))[0]["problem_id"] == "good"
