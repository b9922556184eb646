"""How many engines a cluster gets, and what each of them takes."""

import pytest

from labelers.placement import Need, plan
from prmkit.completers.engines import Engine, EngineSpec
from prmkit.errors import InputError
from prmkit.models import DEMO_POLICY

LAPTOP = [{"CPU": 8.0}]
TWO_GPU_NODES = [{"CPU": 16.0, "GPU": 4.0}, {"CPU": 16.0, "GPU": 4.0}]


def spec(engine: Engine, tensor_parallel: int = 1) -> EngineSpec:
    return EngineSpec(engine=engine, policy=str(DEMO_POLICY), tensor_parallel=tensor_parallel)


def test_without_a_gpu_there_is_one_engine_per_cpu_up_to_eight() -> None:
    transformers = spec(Engine.TRANSFORMERS)
    assert plan(transformers, LAPTOP, engines=0, may_grow=False) == Need(engines=8, cpus=1.0, gpus=0, placed=8)
    assert plan(transformers, [{"CPU": 2.0}], engines=0, may_grow=False).engines == 2
    assert plan(transformers, [{"CPU": 64.0}], engines=0, may_grow=False).engines == 8
    assert plan(spec(Engine.VLLM), LAPTOP, engines=0, may_grow=False).engines == 1


def test_engines_on_gpus_take_as_many_as_share_a_model() -> None:
    assert plan(spec(Engine.VLLM), TWO_GPU_NODES, engines=0, may_grow=False).engines == 8
    by_two = plan(spec(Engine.VLLM, 2), TWO_GPU_NODES, engines=0, may_grow=False)
    assert by_two == Need(engines=4, cpus=1.0, gpus=2, placed=4)


def test_no_more_engines_than_shards() -> None:
    assert plan(spec(Engine.TRANSFORMERS), LAPTOP, engines=0, most=3, may_grow=False).engines == 3
    assert plan(spec(Engine.TRANSFORMERS), LAPTOP, engines=6, most=3, may_grow=False).engines == 3


def test_more_engines_than_cpus_share_a_machine_that_does_not_grow() -> None:
    need = plan(spec(Engine.TRANSFORMERS), [{"CPU": 2.0}], engines=6, may_grow=False)
    assert need.engines == need.placed == 6 and need.cpus == pytest.approx(1 / 3)


def test_a_cluster_that_may_grow_holds_what_fits_and_the_rest_waits() -> None:
    need = plan(spec(Engine.TRANSFORMERS), [{"CPU": 2.0}], engines=6, may_grow=True)
    assert need == Need(engines=6, cpus=1.0, gpus=0, placed=2)
    need = plan(spec(Engine.VLLM, 4), TWO_GPU_NODES, engines=3, may_grow=True)
    assert (need.engines, need.placed) == (3, 2)


def test_gpus_of_two_nodes_do_not_make_one_engine() -> None:
    need = plan(spec(Engine.VLLM, 3), TWO_GPU_NODES, engines=2, may_grow=True)
    assert need.placed == 2
    assert plan(spec(Engine.VLLM, 8), TWO_GPU_NODES, engines=1, may_grow=True).placed == 0


def test_more_gpus_than_a_machine_has_are_refused() -> None:
    with pytest.raises(InputError, match="2 engines of 1 GPUs need more than the cluster's 1"):
        plan(spec(Engine.VLLM), [{"CPU": 8.0, "GPU": 1.0}], engines=2, may_grow=False)


def test_a_simulated_engine_takes_gpus_only_where_it_stands_for_several() -> None:
    assert plan(spec(Engine.SIMULATED), TWO_GPU_NODES, engines=0, may_grow=False).gpus == 0
    assert plan(spec(Engine.SIMULATED, 2), TWO_GPU_NODES, engines=0, may_grow=False).gpus == 2
