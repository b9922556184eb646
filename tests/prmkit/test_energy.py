"""Energy counters: a tree of real files in the kernel's layout, and the machine's own where it has any."""

import time
from pathlib import Path

import pytest

from prmkit import energy
from prmkit.energy import Counted, Energy, EnergyAccount, EnergyMeter, Part

RANGE = 262_143_328_850
"""Microjoules at which a real package counter begins again."""


def zone(powercap: Path, number: str, name: str, microjoules: int) -> Path:
    folder = powercap / f"intel-rapl:{number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder / "energy_uj"


@pytest.fixture(autouse=True)
def no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_packages_and_memory_are_counted_and_what_is_part_of_them_is_not(tmp_path: Path) -> None:
    files = [
        zone(tmp_path, number, name, 1_000_000)
        for number, name in (
            ("0", "package-0"),
            ("0:0", "core"),
            ("0:1", "dram"),
            ("1", "package-1"),
            ("2", "psys"),
        )
    ]
    (tmp_path / "intel-rapl").mkdir()  # the control type itself, as in the kernel's tree
    with EnergyMeter(tmp_path) as meter:
        assert meter.energy() == Energy(), "nothing yet; and nothing ever where counters stand still, as in a guest"
        for file in files:
            file.write_text("3500000\n")
        assert meter.energy() == Energy(cpu=7.5)
        assert {each.counter.partition("/")[2] for each in meter.counted()} == {
            "intel-rapl:0",
            "intel-rapl:0:1",
            "intel-rapl:1",
        }


def test_a_counter_that_begins_again_loses_nothing(tmp_path: Path) -> None:
    file = zone(tmp_path, "0", "package-0", RANGE - 2_000_000)
    with EnergyMeter(tmp_path) as meter:
        file.write_text("3000000")
        assert meter.energy().cpu == pytest.approx(5.0)
        file.write_text("4000000")
        assert meter.energy().cpu == pytest.approx(6.0)


def test_the_meter_looks_by_itself_so_that_no_round_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "_EVERY", 0.001)
    file = zone(tmp_path, "0", "package-0", 0)
    with EnergyMeter(tmp_path) as meter:
        for part in (RANGE // 2, 0) * 3:  # three rounds, at the end of which the counter is where it was
            (tmp_path / "new").write_text(str(part))
            (tmp_path / "new").replace(file)
            time.sleep(0.05)
        assert meter.energy().cpu == pytest.approx(3 * RANGE / 1e6)


def test_without_counters_nothing_is_known(tmp_path: Path) -> None:
    with EnergyMeter(tmp_path / "absent") as meter:
        assert meter.energy() == Energy() and meter.energy().watt_hours is None
        assert meter.counted() == () and str(meter.energy()) == "energy not known"


def test_a_counter_that_cannot_be_read_makes_the_rest_unknown_too(tmp_path: Path) -> None:
    zone(tmp_path, "0", "package-0", 0)
    other = zone(tmp_path, "1", "package-1", 0)
    with EnergyMeter(tmp_path) as meter:
        other.write_text("1000000")
        assert meter.energy().cpu == 1
        other.unlink()
        assert meter.energy() == Energy()
    with EnergyMeter(tmp_path) as meter:
        assert meter.energy() == Energy()


def test_without_a_counter_of_the_gpus_in_use_the_cpus_alone_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone(tmp_path, "0", "package-0", 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-00000000-no-such-card")
    assert EnergyMeter(tmp_path).energy() == Energy()


def test_a_real_gpu_counts_more_and_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with EnergyMeter(tmp_path) as meter:
        if meter.energy().gpu is None:
            pytest.skip("no GPU with an energy counter here")
        import torch

        matrix = torch.ones(4096, 4096, device="cuda")
        for _ in range(200):
            matrix = (matrix @ matrix).clamp(-1, 1)
        torch.cuda.synchronize()
        found = meter.energy()
    assert found.gpu is not None and found.gpu > 0 and found.cpu is None


def counted(meter: str, begin: float, end: float, joules: float, part: Part = Part.CPU) -> Counted:
    return Counted(meter=meter, counter=f"machine/{part}", part=part, begin=begin, end=end, joules=joules)


def test_meters_of_one_machine_do_not_count_twice() -> None:
    account = EnergyAccount()
    for second in range(1, 11):  # 5 W, seen by two engines from two moments on
        account.add([counted("one", 0, second, 5.0 * second)])
        if second > 3:
            account.add([counted("two", 3, second + 0.5, 5.0 * (second - 2.5))])
    assert account.energy().cpu == pytest.approx(5 * 10.5)


def test_a_meter_that_takes_over_goes_on_where_the_last_one_ended() -> None:
    account = EnergyAccount()
    account.add([counted("one", 0, 10, 50)])
    account.add([counted("two", 20, 30, 50)])  # nobody looked for ten seconds
    account.add([counted("two", 20, 25, 25)])  # an answer that was overtaken
    account.add([counted("two", 20, 40, 100)])
    assert account.energy().cpu == pytest.approx(150)


def test_an_engine_that_began_between_two_reports_of_another_hides_nothing() -> None:
    late = EnergyAccount()
    late.add([counted("one", 50, 100, 250)])
    late.add([counted("two", 0, 50, 250)])  # looked before the other began, and tells after it
    assert late.energy().cpu == pytest.approx(500)
    late.add([counted("two", 0, 120, 600)])  # a gap in what is covered was closed, and only the end of this is new
    assert late.energy().cpu == pytest.approx(600)
    within = EnergyAccount()
    within.add([counted("one", 10, 20, 50)])
    within.add([counted("two", 40, 50, 50)])
    within.add([counted("three", 0, 60, 300)])
    assert within.energy().cpu == pytest.approx(300)


def test_several_machines_add_up_and_a_part_is_known_if_all_know_it() -> None:
    account = EnergyAccount()
    assert account.energy() == Energy()
    account.add([counted("one", 0, 10, 50), counted("one", 0, 10, 3000, Part.GPU)])
    assert account.energy() == Energy(cpu=50, gpu=3000)
    account.add([Counted(meter="two", counter="other/gpu", part=Part.GPU, begin=0, end=10, joules=1000)])
    assert account.energy() == Energy(gpu=4000)
    account.add([])
    assert account.energy() == Energy()


def test_energy_says_of_what_it_is() -> None:
    assert str(Energy(cpu=3600, gpu=7200)) == "3 Wh (CPUs and GPUs)"
    assert str(Energy(gpu=7200)) == "2 Wh (GPUs)"
    assert Energy(cpu=1, gpu=2) + Energy(cpu=3) == Energy(cpu=4)
