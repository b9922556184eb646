"""Trainings and scorings side by side, on a real local Ray cluster."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from labelers.cluster import ClusterOptions, cluster
from labelers.ledger import read_cost
from prmkit.cli.recipe_tasks import side_by_side, take_over
from prmkit.cli.score import Score
from prmkit.cli.train import TrainORM, TrainPRM
from prmkit.errors import EngineError
from prmkit.records import LABEL_SCHEMA
from prmkit.rewards.base import Aggregation
from prmkit.rewards.metadata import RewardMetadata
from prmkit.runs import shard_files
from prmkit.tables import label_row, read_scores, write_rows
from prmkit.training.config import TrainConfig

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module", autouse=True)
def local_cluster() -> Iterator[None]:
    with cluster(ClusterOptions()):
        yield


@pytest.fixture
def labels(labeled_pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the working directory, which is not that of Ray's workers: everything here has a relative path."""
    monkeypatch.chdir(tmp_path)
    file = Path("labels.parquet")
    write_rows(file, [label_row(each) for each in labeled_pool(12)], LABEL_SCHEMA)
    return file


def all_cores_stay_free(seconds: float = 60) -> bool:
    """Whether no task is left, waiting or running: every core is free, and still is when one could have begun."""
    import ray

    until, seen = time.monotonic() + seconds, 0
    while seen < 10 and time.monotonic() < until:
        time.sleep(0.3)
        free = ray.available_resources().get("CPU", 0) == ray.cluster_resources()["CPU"]
        seen = seen + 1 if free else 0
    return seen == 10


def test_all_are_trained_and_score_here_and_what_is_finished_is_left_as_it_is(labels: Path, tiny_base: Path) -> None:
    config = TrainConfig(base=str(tiny_base), epochs=1, evaluations=1)
    both = [
        TrainPRM(labels=labels, out=Path("prm/0"), config=config),
        TrainORM(labels=labels, out=Path("orm/0"), config=config),
    ]
    side_by_side("training", both)
    assert [RewardMetadata.read(each.out).kind for each in both] == ["prm", "orm"]
    told = Path("prm/0.log").read_text()
    assert "PRM in" in told and "ORM in" not in told
    weights = [each.out / "model.safetensors" for each in both]
    before = [each.stat().st_mtime_ns for each in weights]
    side_by_side("training", both)
    assert [each.stat().st_mtime_ns for each in weights] == before
    assert "holds the finished run" in Path("prm/0.log").read_text()
    side_by_side("scoring", [Score(model=(str(each.out),), solutions=labels, out=Path("scores")) for each in both[:1]])
    assert len(read_scores(Path("scores"))) == 48 and "48 solutions scored" in Path("scores.log").read_text()


def test_what_was_scored_in_the_same_way_is_copied_and_the_rest_is_not(labels: Path, tiny_base: Path) -> None:
    for seed in (0, 1):
        TrainORM(
            labels=labels, out=Path(f"orm/{seed}"), config=TrainConfig(base=str(tiny_base), epochs=1, seed=seed)
        ).run()
    earlier = Score(model=("orm/0",), solutions=labels, out=Path("scored"))
    earlier.run()
    same, other_way, other_model = (
        replace(earlier, out=Path("same")),
        replace(earlier, out=Path("other-way"), aggregation=Aggregation.MIN),
        replace(earlier, out=Path("other-model"), model=("orm/1",)),
    )
    take_over([same, other_way, other_model], Path().iterdir())
    assert not other_way.out.exists() and not other_model.out.exists()
    shard = shard_files(same.out)[0]
    before = shard.stat().st_mtime_ns
    assert same.scored() == read_scores(earlier.out) and shard.stat().st_mtime_ns == before
    assert read_cost(same.out) == read_cost(earlier.out)


def test_an_error_in_one_is_told_in_one_line_and_stops_the_others(labels: Path, tiny_base: Path) -> None:
    config = TrainConfig(base=str(tiny_base), epochs=100_000, evaluations=1)
    endless = [TrainPRM(labels=labels, out=Path(f"prm/{number}"), config=config) for number in range(3)]
    broken = TrainORM(labels=Path("nowhere"), out=Path("orm/0"), config=config)
    with pytest.raises(EngineError, match=r"nowhere: no such file.*orm/0\.log has what it told") as raised:
        side_by_side("training", [*endless[:1], broken, *endless[1:]])
    assert "\n" not in str(raised.value)
    assert all_cores_stay_free(), "a training goes on"
    assert not [each for each in endless if (each.out / "prmkit.json").exists()]
