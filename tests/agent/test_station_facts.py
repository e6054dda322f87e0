"""What the shell knows of disk, uplink, clock, line and itself, as the core is told it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.station_kit import bench
from laddvakt_agent.core.inputs import ClockState
from laddvakt_agent.ledger.errors import Conflict, StorageError, StorageKind
from laddvakt_agent.line_noise import BURST_APART_S, FEW, LineNoise
from laddvakt_agent.station_facts import FactsKeeper
from laddvakt_hal.stats import DeviceStats

MIB = 1024 * 1024


def keeper(directory: Path, *, durable: bool = True, damage: str = "") -> FactsKeeper:
    return FactsKeeper(
        directory=directory,
        clock_state=lambda: "restored",
        durable=lambda: durable,
        damage=damage,
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
    facts = keeper(tmp_path / "gone", durable=False, damage="page 7 is torn")
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


def test_a_disk_that_hangs_delays_nobody_and_is_asked_once(tmp_path: Path) -> None:
    """The look waits on its thread; what was seen before stands until it comes back."""
    facts, waiting = keeper(tmp_path), list[Callable[[], None]]()
    facts.aside = waiting.append
    facts.look(10.0)
    facts.look(11.0)
    assert [facts.now.store, len(waiting)] == [None, 1]
    waiting.pop()()
    facts.look(12.0)
    store = facts.now.store
    assert store is not None
    assert not store.read_only
    assert len(waiting) == 1


FAILURES = {
    "full": (StorageKind.FULL, (True, False, False)),
    "read-only": (StorageKind.READ_ONLY, (False, True, False)),
    "input and output": (StorageKind.IO, (False, True, False)),
    "damaged": (StorageKind.DAMAGED, (False, False, True)),
}


@pytest.mark.parametrize(("kind", "expected"), FAILURES.values(), ids=FAILURES)
def test_what_the_ledger_could_not_write_counts_for_a_while(
    kind: StorageKind, expected: tuple[bool, bool, bool], tmp_path: Path
) -> None:
    """SQLite may be refused by a disk that looks well from outside."""
    facts = keeper(tmp_path)
    facts.write_failed(StorageError(kind, tmp_path / "ledger.db", "no"), 10.0)
    for now_s, failing in ((39.0, True), (41.0, False)):
        facts.look(now_s)
        store = facts.now.store
        assert store is not None
        told = (store.full, store.read_only, bool(store.damaged))
        assert told == (expected if failing else (False, False, False))
        assert facts.failing(now_s) is failing


def test_a_mistake_is_not_the_disks(tmp_path: Path) -> None:
    """A row that contradicts another says nothing about the storage."""
    facts = keeper(tmp_path)
    facts.write_failed(Conflict("session s1 has ended already"), 10.0)
    assert not facts.failing(10.0)


def test_a_ledger_that_stands_nowhere_cannot_be_written(tmp_path: Path) -> None:
    """Also where the disk looks well and nothing is damaged: a folder of another user."""
    facts = keeper(tmp_path, durable=False)
    facts.damage = ""
    facts.look(10.0)
    assert facts.now.store is not None
    assert facts.now.store.read_only


def _damage(facts: FactsKeeper, now_s: float) -> str:
    facts.look(now_s)
    assert facts.now.store is not None
    return facts.now.store.damaged


def test_damage_is_shown_even_where_a_new_ledger_stands_at_once(tmp_path: Path) -> None:
    """At the start and under way: every core must see it, then it is over."""
    facts = keeper(tmp_path, damage="page 7 is torn")
    assert [_damage(facts, at_s) for at_s in (10.0, 12.9, 13.1)] == ["page 7 is torn"] * 2 + [""]
    facts.damage_seen("ledger.db was deleted under way", 20.0)
    shown = [_damage(facts, at_s) for at_s in (20.0, 22.9, 23.1)]
    assert shown == ["ledger.db was deleted under way"] * 2 + [""]


def test_damage_is_shown_for_as_long_as_no_ledger_stands(tmp_path: Path) -> None:
    """What cannot be replaced is still broken."""
    facts = keeper(tmp_path, durable=False)
    facts.damage_seen("ledger.db was deleted under way", 20.0)
    assert _damage(facts, 99.0) == "ledger.db was deleted under way"


def test_a_disk_that_takes_everything_again_is_well(tmp_path: Path) -> None:
    """Sooner than a failure is forgotten, but not within the moment it was told."""
    facts = keeper(tmp_path)
    facts.write_failed(StorageError(StorageKind.FULL, tmp_path / "ledger.db", "no"), 10.0)
    facts.write_worked()
    assert facts.failing(12.9)
    assert not facts.failing(13.1)
    facts.write_failed(StorageError(StorageKind.FULL, tmp_path / "ledger.db", "no"), 20.0)
    assert facts.failing(49.0)


async def test_what_is_known_of_the_station_reaches_the_core(tmp_path: Path) -> None:
    """The disk is looked at on the ledger's thread; a wrong configuration becomes a fault."""
    async with bench(tmp_path) as station:
        supervisor, guard = station.parts.supervisor, station.guard("1")
        supervisor.facts.configuration_error = "laddvakt.toml:3: no"
        supervisor.facts.look(station.clock.now_s())
        await station.commands.written()  # the look was asked for before
        supervisor.facts.look(station.clock.now_s())
        supervisor.hardware.noise["line1"] = LineNoise()
        supervisor.hardware.noise["line1"]._bursts.append(9.0)
        supervisor.step(guard)
    assert guard.inputs.store is not None
    assert guard.inputs.configuration_error == "laddvakt.toml:3: no"
    assert {line.name: line.broken_s for line in guard.inputs.lines}["line1"] == (9.0,)
    assert "configuration_invalid" in [track.rule.code for track in guard.connector.tracks]


def test_bursts_of_broken_replies_have_a_beginning() -> None:
    """Close together they are one; counters that were reset begin none."""
    noise, stats = LineNoise(), DeviceStats(crc=3)
    at_s = 0.0
    for after_s, broken in ((0.0, 0), (1.0, 2), (2.0, 1), (9.0, 1), (1.0, -7), (20.0, 0), (1.0, 1)):
        at_s += after_s
        stats.crc += broken
        noise.note([stats], at_s)
    assert noise.bursts_s == (1.0, 12.0, 34.0)
    assert BURST_APART_S < 9.0
