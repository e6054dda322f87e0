"""The running agent and its ledger: renewed under way, and brought home to a disk that returns."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.ledger.filled import spoil
from agent.ledger.samples import (
    WALL,
    cdr_of,
    ended,
    fault_row,
    latch,
    open_ledger,
    session_row,
)
from agent.station_kit import Bench, bench
from agent.test_restart import TOKEN, metered
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import AckRow, CommandRow, Ledger, files
from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.ledger_watch import LedgerWatch


async def turn(station: Bench) -> None:
    """One look of the watch, and everything that follows from it."""
    watch = station.parts.watch
    watch.look(station.clock.now_s())
    for _ in range(3):  # to the ledger's thread, back, and what is written then
        await watch.thread.call(lambda: None)
        await asyncio.sleep(0)


async def damaged(station: Bench) -> str:
    """What the cores are told of the ledger."""
    facts = station.parts.supervisor.facts
    for _ in range(2):  # the first looks at the disk
        facts.look(station.clock.now_s())
        await station.parts.watch.thread.call(lambda: None)
    return facts.now.store.damaged if facts.now.store else ""


async def standing(station: Bench) -> str:
    """A fault at connector 1, connector 2 out of service; the fault's id."""
    await turn(station)
    station.parts.publisher.station()
    station.stand("1", "contactor_welded", locked=True)
    station.ask("2", "out")
    await turn(station)
    ((identity, entry),) = station.parts.publisher.book.entries.items()
    assert identity == ("contactor_welded", "1")
    return entry.id


@pytest.mark.parametrize("table", ["faults", "commands", "intervals"])
async def test_a_broken_page_under_way_costs_nothing_that_stands(
    tmp_path: Path, table: str
) -> None:
    """Found by the next write; what stands is there again, the write is made up for."""
    async with bench(tmp_path) as station:
        fault_id = await standing(station)
        ledger = station.parts.watch.ledger
        spoil(tmp_path / "state" / "ledger.db", table)
        station.ask("1", "out")
        station.ask("1", "maintenance")
        station.parts.publisher.statuses.write_again()
        station.stand("2", "meter_lost")
        await turn(station)
        assert list((tmp_path / "state").glob("ledger.db.damaged-*"))
        assert "malformed" in await damaged(station)
        faults = {row.id: row.code for row in ledger.open_faults()}
        assert faults[fault_id] == "contactor_welded"
        # Whether the next round has already told of the damage itself is a matter of moments.
        assert set(faults.values()) - {"ledger_damaged"} == {"contactor_welded", "meter_lost"}
        assert station.parts.journal.out_of_service() == {"1", "2"}
        assert station.parts.journal.in_maintenance() == {"1"}
        for guard in station.parts.supervisor.guards.values():
            running = [row for row in ledger.intervals(guard.evse_uid) if row.ended_s is None]
            assert len(running) == 1
        assert station.parts.watch.thread.waiting == 0


async def test_a_file_deleted_under_way_is_made_anew(tmp_path: Path) -> None:
    """Seen within a second, without a write that fails."""
    async with bench(tmp_path) as station:
        fault_id = await standing(station)
        (tmp_path / "state" / "ledger.db").unlink()
        await turn(station)
        assert (tmp_path / "state" / "ledger.db").exists()
        assert await damaged(station) == "ledger.db was deleted under way"
        assert [row.id for row in station.parts.watch.ledger.open_faults()] == [fault_id]
        assert all(guard.durable for guard in station.parts.supervisor.guards.values())


async def test_without_room_for_another_it_is_told_and_tried_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at every look: each try may copy the whole ledger."""
    tries = 0

    def refuse(directory: Path, _source: object) -> Path:
        nonlocal tries
        tries += 1
        raise StorageError(StorageKind.FULL, directory / "ledger.db.new", "no room")

    async with bench(tmp_path) as station:
        monkeypatch.setattr(files, "create_copy", refuse)
        (tmp_path / "state" / "ledger.db").unlink()
        for _ in range(3):
            await turn(station)
        assert tries == 1
        assert await damaged(station) == "ledger.db was deleted under way"
        station.stand("1", "meter_lost")
        await turn(station)
        assert len(station.parts.watch.ledger.open_faults()) == 1  # in the file without a name


def stands(watch: LedgerWatch) -> bool:
    """Whether the ledger is on the disk now."""
    return watch.ledger.renewal.on_disk


def _left_behind(directory: Path) -> None:
    """What a run left that could not be read by the next: one of everything unfinished."""
    ledger = open_ledger(directory, FakeTime())
    begun = replace(session_row("open"), periods="[]")
    ledger.save_session(begun)
    ledger.save_session(ended(replace(begun, id="unbilled")))
    row = ended(session_row("billed"))
    ledger.close_session_with_cdr(row, cdr_of(row, "unsent"))
    ledger.raise_fault(fault_row("before"))
    ledger.raise_fault(replace(fault_row("twice", "contactor_welded"), subject="1"))
    ledger.save_ack(
        AckRow(kind="cdr", object_id="sent", last_updated=WALL, body="", acknowledged=False)
    )
    for verb in ("out", "maintenance"):
        ledger.add_command(
            CommandRow(
                source="local", who="0", verb=verb, connector="2", outcome="done", at_s=1.0,
                at_wall=WALL,
            )
        )  # fmt: skip
    ledger.close()


async def test_a_disk_that_returns_brings_back_what_it_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions are settled, bills sent, faults and commands count; and new sessions may begin."""
    _left_behind(tmp_path / "state")
    monkeypatch.setattr(Ledger, "open", Ledger.without_disk)
    acks: list[str] = []
    async with bench(tmp_path) as station:
        watch, publisher = station.parts.watch, station.parts.publisher
        watch.came_home = lambda rows: acks.extend(row.object_id for row in rows)
        watch.set_durable()
        assert not any(guard.durable for guard in watch.guards.values())
        welded = station.stand("1", "contactor_welded")
        now_id = publisher.book.entries[welded.code, welded.subject].id
        await turn(station)
        assert all(guard.durable for guard in watch.guards.values())
        assert {kept.session.id for kept in station.guard("1").keeper.ending} == {
            "open", "unbilled",
        }  # fmt: skip
        assert all(kept.session.ended_s is not None for kept in station.guard("1").keeper.ending)
        assert [cdr.id for cdr in publisher.cdrs] == ["unsent"]
        assert acks == ["sent"]
        assert [guard.in_service for guard in watch.guards.values()] == [True, False]
        assert [guard.maintenance for guard in watch.guards.values()] == [False, True]
        assert publisher.book.entries["meter_lost", "meter1"].id == "before"
        await turn(station)
        assert {row.id for row in watch.ledger.open_faults()} == {"before", now_id}
        assert (tmp_path / "state" / "ledger.db-wal").exists()


@pytest.mark.parametrize("late", [True, False], ids=["late", "known"])
async def test_lock_outs_nobody_knew_of_let_the_agent_begin_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, late: bool
) -> None:
    """The disk was mounted after the start: the cores can take its latches only then."""
    state, disk = tmp_path / "state", tmp_path / "disk"
    ledger = open_ledger(disk if late else state, FakeTime())
    ledger.save_latches("1", (latch(),), 1.0)
    ledger.close()
    monkeypatch.setattr(Ledger, "open", Ledger.without_disk)
    begun: list[bool] = []
    async with bench(tmp_path) as station:
        station.parts.watch.begin_anew = lambda: begun.append(True)
        if late:
            disk.rename(state)
        await turn(station)
        assert station.parts.watch.ledger.renewal.on_disk
        assert begun == [True] * late


async def test_a_session_of_this_run_is_not_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger was lost under way, and comes home with the session that runs: it goes on once."""

    def refuse(directory: Path, _new: Path) -> None:
        raise StorageError(StorageKind.FULL, directory / "ledger.db.new", "no room")

    async with bench(tmp_path) as station:
        watch, keeper = station.parts.watch, station.guard("1").keeper
        now_s = station.clock.now_s()
        keeper.begin(TOKEN, "WHITELIST", metered(1000.0, now_s), now_s)
        await turn(station)
        with monkeypatch.context() as patch:
            patch.setattr(files, "put_in_place", refuse)
            (tmp_path / "state" / "ledger.db").unlink()
            await turn(station)
        assert not stands(watch)
        keeper.observe(metered(1000.0, now_s + 1.0), now_s + 1.0, closed=True)
        await turn(station)
        watch._again_s = 0.0
        await turn(station)
        assert stands(watch)
        assert keeper.running is not None
        assert not keeper.ending
        (row,) = watch.ledger.open_sessions()
        assert (row.id, row.ended_s) == (keeper.running.session.id, None)
        assert '"charging":true' in row.periods


async def test_a_ledger_with_a_row_of_rubbish_comes_home_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read of it cannot be gone on with; the rest of the agent can."""
    ledger = open_ledger(tmp_path / "state", FakeTime())
    ledger.save_session(replace(session_row("rubbish"), periods="[1]"))
    ledger.close()
    monkeypatch.setattr(Ledger, "open", Ledger.without_disk)
    async with bench(tmp_path) as station:
        station.parts.watch.set_durable()
        await turn(station)
        assert all(guard.durable for guard in station.parts.watch.guards.values())
        (kept,) = station.guard("1").keeper.ending
        assert (kept.session.id, kept.session.start_wh) == ("rubbish", session_row().start_wh)


async def test_a_folder_that_stays_away_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("no folder")
    monkeypatch.setattr(Ledger, "open", Ledger.without_disk)
    async with bench(tmp_path) as station:
        for _ in range(2):
            await turn(station)
        assert not station.parts.watch.ledger.renewal.on_disk


async def test_what_waited_is_over_once_it_is_written(tmp_path: Path) -> None:
    """A full disk is told while writes wait, and no longer than they do."""
    async with bench(tmp_path) as station:
        watch, facts = station.parts.watch, station.parts.supervisor.facts
        watch.ledger._store.execute("PRAGMA query_only = ON")
        station.stand("1", "meter_lost")
        await turn(station)
        facts.write_failed(watch.thread.refused or AssertionError(), station.clock.now_s() - 5.0)
        assert watch.thread.waiting > 0
        assert facts.failing(station.clock.now_s())
        watch.ledger._store.execute("PRAGMA query_only = OFF")
        await turn(station)
        await turn(station)
        assert not facts.failing(station.clock.now_s())
        assert len(watch.ledger.open_faults()) == 1
