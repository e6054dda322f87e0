"""What the shell knows of disk, uplink, clock, line and itself, as the core is told it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from laddvakt_agent.core.inputs import ClockState
from laddvakt_agent.line_noise import FEW, LineNoise
from laddvakt_agent.station_facts import FactsKeeper
from laddvakt_hal.stats import DeviceStats

MIB = 1024 * 1024


def keeper(directory: Path, *, durable: bool = True) -> FactsKeeper:
    return FactsKeeper(
        directory=directory,
        clock_state=lambda: "restored",
        durable=lambda: durable,
        damage="page 7 is torn",
        wear_files=lambda: (),
    )


def test_a_well_station(tmp_path: Path) -> None:
    """A disk with room, no backend configured, a clock not synchronised yet."""
    facts = keeper(tmp_path)
    facts.look(10.0)
    assert facts.now.store is not None
    assert not facts.now.store.full
    assert not facts.now.store.read_only
    assert facts.now.store.damaged == ""
    assert facts.now.uplink is None
    assert facts.now.clock is ClockState.RESTORED
    assert facts.now.clock_step_s is None
    assert facts.now.round_late_s is None


DISKS = {
    "full": (MIB, 0, (True, False)),
    "read-only": (999 * MIB, os.ST_RDONLY, (False, True)),
    "read-only and full": (MIB, os.ST_RDONLY, (False, True)),
    "room": (99 * MIB, 0, (False, False)),
}


@pytest.mark.parametrize(("free", "flag", "expected"), DISKS.values(), ids=DISKS)
def test_the_disk(
    free: int, flag: int, expected: tuple[bool, bool], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Too little room for the next commits is full; what cannot be written is read-only."""
    disk = SimpleNamespace(f_bavail=free, f_frsize=1, f_flag=flag)
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    facts = keeper(tmp_path)
    facts.look(10.0)
    assert facts.now.store is not None
    assert (facts.now.store.full, facts.now.store.read_only) == expected


def test_a_ledger_without_a_disk_is_damaged_or_read_only(tmp_path: Path) -> None:
    """A folder that is gone, and a ledger that stands nowhere."""
    facts = keeper(tmp_path / "gone", durable=False)
    facts.look(10.0)
    assert facts.now.store is not None
    assert facts.now.store.read_only
    assert facts.now.store.damaged == "page 7 is torn"


@pytest.mark.parametrize(
    ("written", "share"),
    [("0x01 0x02", 0.2), ("0x0b 0x01", 1.1), ("0x00 0x00", None), ("rubbish", None)],
)
def test_flash_wear(written: str, share: float | None, tmp_path: Path) -> None:
    """JEDEC: steps of 10 %, the worse of the two; read once an hour."""
    path = tmp_path / "life_time"
    path.write_text(written)
    facts = keeper(tmp_path)
    facts.wear_files = lambda: (path,)
    facts.look(10.0)
    assert facts.now.store is not None
    assert facts.now.store.worn_share == share
    path.unlink()
    facts.look(20.0)
    assert facts.now.store.worn_share == share
    facts.look(4000.0)
    assert facts.now.store.worn_share is None


def test_trouble_with_the_backend_counts_from_its_beginning(tmp_path: Path) -> None:
    """Since when it is so, forgotten once it is not."""
    facts, told = keeper(tmp_path), {"reachable": True, "refused": False, "untrusted": False}
    facts.uplink_told = lambda: dict(told)
    facts.look(10.0)
    told["reachable"], told["untrusted"] = False, True
    facts.look(20.0)
    facts.look(30.0)
    uplink = facts.now.uplink
    assert uplink is not None
    assert (uplink.unreachable_since_s, uplink.certificate_since_s) == (20.0, 20.0)
    assert uplink.refused_since_s is None
    told["reachable"], told["refused"] = True, True
    facts.look(40.0)
    uplink = facts.now.uplink
    assert uplink is not None
    assert (uplink.unreachable_since_s, uplink.refused_since_s) == (None, 40.0)


def test_clock_steps_and_late_rounds_are_events(tmp_path: Path) -> None:
    """With their size and their time; they stay what happened last."""
    facts = keeper(tmp_path)
    facts.look(10.0, step_s=-3600.0, due_s=9.9)
    facts.look(20.0, due_s=18.0)
    facts.look(21.0, due_s=20.9)
    step, late = facts.now.clock_step_s, facts.now.round_late_s
    assert step is not None
    assert (step.value, step.taken_s) == (-3600.0, 10.0)
    assert late is not None
    assert (late.value, late.taken_s) == (2.0, 20.0)


def test_line_noise_is_a_share_of_the_last_minutes() -> None:
    """Too few requests say nothing; what is long past no longer counts."""
    noise, stats = LineNoise(), DeviceStats()
    assert noise.share() is None
    noise.note([stats], 0.0)
    stats.requests, stats.crc, stats.short = FEW - 1, 5, 0
    noise.note([stats], 10.0)
    assert noise.share() is None
    stats.requests, stats.short = 2 * FEW, 5
    noise.note([stats], 15.0)  # sooner than every 10 s: not taken down
    assert noise.share() is None
    noise.note([stats], 20.0)
    assert noise.share() == pytest.approx(0.05)
    for at_s in range(30, 700, 10):
        stats.requests += 50
        noise.note([stats], float(at_s))
    assert noise.share() == 0.0
