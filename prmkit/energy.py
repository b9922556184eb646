"""Energy from the machine's own counters: RAPL for CPU packages and memory, NVML for GPUs. Nothing is estimated.

`EnergyMeter` reads the counters of this machine; `EnergyAccount` adds up what several meters saw, each counter's energy
once. Who runs the meters of a labelling run: `labelers.worker`; who adds them up: `labelers.driver`.
"""

import importlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows RAPL zones. Reading `energy_uj` needs root on most machines."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""The same in all containers of a machine."""
_EVERY = 60.0
"""Seconds between two looks: a RAPL counter of 2^18 J begins again every 11 minutes at 400 W."""


class Part(StrEnum):
    """What a counter counts for."""

    CPU = "cpu"
    """CPU packages, and memory where it has a counter."""
    GPU = "gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Joules by part; None where a part is not known (or there is none)."""

    cpu: float | None = None
    """Of whole CPU packages and their memory, whoever else used them."""
    gpu: float | None = None
    """Of whole GPUs."""

    @property
    def watt_hours(self) -> float | None:
        """Of all parts that are known; None where none is."""
        known = [each for each in (self.cpu, self.gpu) if each is not None]
        return sum(known) / 3600 if known else None

    def __str__(self) -> str:
        if self.watt_hours is None:
            return "energy not known"
        parts = [name for name, each in (("CPUs", self.cpu), ("GPUs", self.gpu)) if each is not None]
        return f"{self.watt_hours:,.3g} Wh ({' and '.join(parts)})"

    def __add__(self, other: "Energy") -> "Energy":
        """Of two runs; a part is known if it is known of both."""
        cpu, gpu = ((self.cpu, other.cpu), (self.gpu, other.gpu))
        return Energy(cpu=_sum(*cpu), gpu=_sum(*gpu))


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a counter counted while a meter looked."""

    meter: str
    """Which; no other has its name."""
    counter: str
    """Its name, the same for every process of the machine and of no other machine."""
    part: Part
    begin: float
    """Seconds on the machine's monotonic clock, which all its processes share."""
    end: float
    joules: float


@dataclass(kw_only=True)
class _Counter:
    """A counter and how often it came round."""

    name: str
    part: Part
    read: Callable[[], float]
    """Joules since some time in the past."""
    around: float | None = None
    """Joules at which it begins again from 0."""
    joules: float = 0.0
    """Since the meter looks."""
    last: float = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.read()

    def look(self) -> None:
        """Add what came since the last look."""
        now = self.read()
        gone = now - self.last
        if gone < 0:
            gone = gone + self.around if self.around else now  # else it was set back, as by a driver that is reloaded
        self.joules, self.last = self.joules + gone, now


class EnergyMeter:
    """Counts the energy of this machine's CPUs and of the process's own GPUs, in a `with` block or until `close`."""

    def __init__(self, powercap: Path | None = None) -> None:
        """Begin. Where GPUs are in use whose energy is not known nothing counts: the rest alone would mislead.

        Args:
            powercap: Folder of RAPL zones; by default the kernel's.
        """
        self._name, self._begin = uuid.uuid4().hex, time.monotonic()
        gpus = _gpu_counters(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
        self._counters = [] if gpus is None else [*_rapl_counters(powercap or POWERCAP), *gpus]
        self._lock, self._ended = threading.Lock(), threading.Event()
        if self._counters:
            threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> "EnergyMeter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def counted(self) -> tuple[Counted, ...]:
        """Since the beginning, by counter; nothing where nothing is known."""
        with self._lock:
            try:
                for each in self._counters:
                    each.look()
            except Exception:  # a lost device: what follows is not known, so the whole is not
                self._counters = []
            end = time.monotonic()
            return tuple(
                Counted(
                    meter=self._name,
                    counter=each.name,
                    part=each.part,
                    begin=self._begin,
                    end=end,
                    joules=each.joules,
                )
                for each in self._counters
            )

    def energy(self) -> Energy:
        """Since the beginning."""
        account = EnergyAccount()
        account.add(self.counted())
        return account.energy()

    def close(self) -> None:
        """Stop looking; what was counted can still be asked for."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY):
            self.counted()


class EnergyAccount:
    """Adds up what meters saw. Where several looked at a counter at the same time its energy counts once."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._parts: set[Part] | None = None
        self._spans: dict[str, list[tuple[float, float]]] = {}
        self._before: dict[tuple[str, str], Counted] = {}
        self._joules = dict.fromkeys(Part, 0.0)

    def add(self, counted: Iterable[Counted]) -> None:
        """Take what a meter saw since its beginning; what it said before is part of it.

        Of a span that is partly counted already, by other meters of the machine, a part in proportion is added.
        """
        parts = set()
        for each in counted:
            parts.add(each.part)
            before = self._before.get((each.meter, each.counter))
            since, joules = (each.begin, each.joules) if before is None else (before.end, each.joules - before.joules)
            if each.end <= since:  # overtaken by a later answer
                continue
            spans = self._spans.get(each.counter, [])
            known = sum(max(0.0, min(each.end, end) - max(since, begin)) for begin, end in spans)
            self._joules[each.part] += joules * max(0.0, 1 - known / (each.end - since))
            self._spans[each.counter] = _joined(spans, since, each.end)
            self._before[each.meter, each.counter] = each
        self._parts = parts if self._parts is None else self._parts & parts

    def energy(self) -> Energy:
        """So far; a part is known if every meter knows it (not where its counters stand still, as in a guest)."""
        return Energy(**{str(part): self._joules[part] or None for part in self._parts or ()})


def _joined(spans: list[tuple[float, float]], begin: float, end: float) -> list[tuple[float, float]]:
    """With one more; those that touch become one, so that there are never more than meters."""
    touching = [each for each in spans if each[0] <= end and each[1] >= begin]
    apart = [each for each in spans if each not in touching]
    return [*apart, (min([begin, *(low for low, _ in touching)]), max([end, *(high for _, high in touching)]))]


def _rapl_counters(powercap: Path) -> list[_Counter]:
    """CPU packages and memory; nothing where one of them cannot be read, since the rest alone would mislead.

    A package's cores and graphics are part of it, and so is it of `psys`; `dram` stands beside it.
    """
    machine = BOOT_ID.read_text().strip() if BOOT_ID.is_file() else ""
    counters = []
    try:
        for zone in sorted(powercap.glob("intel-rapl:*")):  # of AMD too
            name = (zone / "name").read_text().strip()
            if name.startswith("package") or name == "dram":
                counters.append(
                    _Counter(
                        name=f"{machine}/{zone.name}",
                        part=Part.CPU,
                        read=partial(_microjoules, zone / "energy_uj"),
                        around=_microjoules(zone / "max_energy_range_uj"),
                    )
                )
    except (OSError, ValueError):
        return []
    return counters


def _microjoules(file: Path) -> float:
    return int(file.read_text()) / 1e6


def _gpu_counters(visible: str) -> list[_Counter] | None:
    """The process's GPUs, as Ray names them in CUDA_VISIBLE_DEVICES; None where one of them has no counter.

    NVML counts millijoules since the driver was loaded, on Volta and newer; a MIG slice has no counter of its own.
    """
    names = [each.strip() for each in visible.split(",") if each.strip()]
    if not names:
        return []
    try:
        nvml = _nvml()
        nvml.nvmlInit()
        handles = [
            nvml.nvmlDeviceGetHandleByIndex(int(each)) if each.isdecimal() else nvml.nvmlDeviceGetHandleByUUID(each)
            for each in names
        ]
        return [
            _Counter(
                name=str(nvml.nvmlDeviceGetUUID(each)),
                part=Part.GPU,
                read=partial(_millijoules, nvml, each),
            )
            for each in handles
        ]
    except Exception:  # not installed, no driver, too old a card: NVML has an error class of its own for each
        return None


def _nvml() -> Any:
    """NVIDIA's `nvidia-ml-py`, or the copy of it that Ray brings."""
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        return importlib.import_module("ray._private.thirdparty.pynvml")


def _millijoules(nvml: Any, handle: Any) -> float:
    return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
