"""Telemetry beside a whole station, in virtual time."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from agent.station_kit import Bench, bench
from agent.telemetry.inline import Inline
from laddvakt_agent.telemetry.frozen import decoded
from laddvakt_agent.telemetry.recorder import BATCH_S, Telemetry
from laddvakt_agent.telemetry.ring import SECONDS
from laddvakt_agent.telemetry.sampler import AFTER_S, BURST
from laddvakt_agent.telemetry.shown import storage
from laddvakt_agent.telemetry.waiting import MOST_ROWS


@dataclass(slots=True, kw_only=True)
class Day:
    """A station's telemetry and the time it thinks it is."""

    station: Bench
    telemetry: Telemetry
    disk: Inline
    now_s: float
    state: Path

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_s += 1.0
            self.telemetry.look(self.now_s)

    def rows(self, table: str, what: str = "*") -> list[tuple[object, ...]]:
        self.telemetry.store.close()  # it is locked while it is open
        with closing(sqlite3.connect(self.state / "telemetry.db")) as connection:
            return connection.execute(f"SELECT {what} FROM {table} ORDER BY seq").fetchall()


@asynccontextmanager
async def day(tmp_path: Path) -> AsyncIterator[Day]:
    async with bench(tmp_path) as station:
        telemetry = station.parts.telemetry
        telemetry.executor = disk = Inline()
        yield Day(
            station=station, telemetry=telemetry, disk=disk, now_s=telemetry.started_s,
            state=tmp_path / "state",
        )  # fmt: skip
        await telemetry.close()


async def test_one_commit_a_quarter_of_an_hour(tmp_path: Path) -> None:
    """Nothing is on the disk before; then a row of each connector and minute."""
    async with day(tmp_path) as d:
        d.run(int(BATCH_S) - 2)
        assert not (d.state / "telemetry.db").exists()
        d.run(2)
        minutes = d.rows("minutes", "connector, seconds, state")
        assert 28 <= len(minutes) <= 30
        assert {row[0] for row in minutes} == {"1", "2"}
        assert {row[1] for row in minutes[2:]} == {60}
        assert {row[2] for row in minutes} == {"unavailable"}
        before = len(minutes)
        d.run(int(BATCH_S) - 2)
        assert len(d.rows("minutes")) == before
        d.run(2)
        assert len(d.rows("minutes")) == before + 30
        assert len(d.rows("agent")) == 2 - (int(d.now_s) % 900 < 0)


async def test_stopping_writes_what_there_is(tmp_path: Path) -> None:
    async with day(tmp_path) as d:
        d.run(90)
    assert [row[0] for row in d.rows("minutes", "DISTINCT connector")] == ["1", "2"]
    assert sum(int(str(row[0])) for row in d.rows("minutes", "seconds")) == 180


async def test_a_fault_is_frozen_with_what_followed(tmp_path: Path) -> None:
    """Once for each fault, with the quarter of an hour before and half a minute after."""
    async with day(tmp_path) as d:
        d.run(SECONDS)
        d.station.stand("1", "residual_current_dc")
        d.run(int(AFTER_S) + 5)
        ((reason, every_s, body),) = d.rows("snapshots", "reason, every_s, body")
        assert str(reason).startswith("residual_current_dc 1 ")
        assert every_s == 1
        assert isinstance(body, bytes)
        window = decoded(body)
        assert len(window.at_s) == SECONDS
        assert {"1/state", "2/limit_a"} <= window.columns.keys()
        d.run(300)
        assert len(d.rows("snapshots")) == 1


async def test_snapshots_have_a_budget(tmp_path: Path) -> None:
    """What chatters is frozen a few times, then once an hour; the others are counted."""
    async with day(tmp_path) as d:
        for number in range(BURST + 5):
            d.telemetry.freeze(f"chatter {number}", d.now_s)
            d.run(int(AFTER_S) + 2)
        d.telemetry._batch_s = d.now_s
        d.run(2)
        assert len(d.rows("snapshots")) == BURST
        d.run(3600)
        await d.station.parts.journal.flushed()
        assert d.station.parts.journal.ledger.retention.dropped() == {"fault_snapshots": 5}
        assert d.telemetry.freeze("later", d.now_s)


async def test_a_disk_that_hangs_delays_nobody_and_fills_no_memory(tmp_path: Path) -> None:
    async with day(tmp_path) as d:
        d.disk.held = True
        hours = MOST_ROWS * 60 // 2 // 3600 + 2
        d.run(hours * 3600)
        waiting = d.telemetry.waiting
        assert len(waiting.rows) <= hours * 3600 // 60 * 2 + hours * 8
        d.disk.let_go()
        d.run(2 * int(BATCH_S))
        assert len(d.rows("minutes")) >= MOST_ROWS // 2
        assert not d.telemetry.failing


async def test_a_disk_that_refuses_is_survived_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows wait for the disk; what waits too long goes, and the ledger says how much."""
    async with day(tmp_path) as d:
        monkeypatch.setattr("laddvakt_agent.telemetry.waiting.MOST_ROWS", 50)
        (d.state / "telemetry.db").mkdir()
        d.run(3 * int(BATCH_S))
        assert d.telemetry.failing
        assert storage(d.telemetry, d.now_s)["telemetry_refused"] == d.telemetry.failing
        shutil.rmtree(d.state / "telemetry.db")
        d.run(2 * int(BATCH_S))
        assert not d.telemetry.failing
        assert len(d.rows("minutes")) >= 30
        await d.station.parts.journal.flushed()
        assert d.station.parts.journal.ledger.retention.dropped()["not_written"] > 30


async def test_a_mistake_in_telemetry_ends_telemetry_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with day(tmp_path) as d:

        def mistake(now_s: float) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(d.telemetry, "own", SimpleNamespace(look=mistake))
        with capture_logs() as logs:
            d.run(3)
        assert [entry["event"] for entry in logs] == ["telemetry_failed"]


async def test_the_status_tells_what_lies_on_the_disk(tmp_path: Path) -> None:
    async with day(tmp_path) as d:
        d.run(2 * int(BATCH_S))
        told = d.station.commands.status()["storage"]
        assert isinstance(told, dict)
        assert told["over_quota"] is False
        assert told["over_budget"] is False
        assert told["dropped"] == {}
        sizes = [told[f"{name}_bytes"] for name in ("ledger", "telemetry", "set_aside")]
        assert sum(int(str(size)) for size in sizes) == told["used_bytes"]
        disk = os.statvfs(tmp_path)
        assert told["quota_bytes"] == min(64 << 20, int(0.1 * disk.f_blocks * disk.f_frsize))
