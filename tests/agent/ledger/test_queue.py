"""What a disk refuses: kept, in order, delivered once it takes it, and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from agent.ledger.samples import WALL, cdr_of, ended, fault_row, latch, open_ledger, session_row
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import (
    AckRow,
    CommandRow,
    Conflict,
    Ledger,
    LedgerThread,
    StorageError,
    StorageKind,
)
from laddvakt_agent.ledger.queue import Waiting, intent_of


class Disk:
    """Takes what it is given, unless it refuses."""

    def __init__(self) -> None:
        self.kind: StorageKind | None = StorageKind.FULL
        self.where = Path("ledger.db")
        self.taken: list[object] = []

    def save(self, *what: object) -> None:
        if self.kind is not None:
            raise StorageError(self.kind, self.where, "no")
        self.taken.append(what[0])

    def mistake(self, _what: object) -> None:
        raise Conflict("not so")


def _ack(object_id: str, *, acknowledged: bool = True) -> AckRow:
    return AckRow(
        kind="cdr", object_id=object_id, last_updated=WALL, body="{}", acknowledged=acknowledged
    )


def _command(verb: str) -> CommandRow:
    return CommandRow(source="local", who="0", verb=verb, outcome="done", at_s=1.0, at_wall=WALL)


def _refused(thread: LedgerThread) -> StorageError | None:
    return thread.refused


async def _settled(thread: LedgerThread) -> None:
    thread.retry()
    await thread.call(lambda: None)
    await asyncio.sleep(0)  # what failed is told in the loop


async def test_refused_writes_keep_their_order() -> None:
    """Later ones wait behind the first, and every one is told."""
    disk, told = Disk(), list[BaseException]()
    thread = LedgerThread(told.append)
    for number in range(3):
        thread.post(disk.save, number)
    await _settled(thread)
    assert (disk.taken, thread.waiting) == ([], 3)
    assert len(told) == 4  # each, and the retry
    assert _refused(thread) is told[-1]
    disk.kind = None
    thread.post(disk.save, 3)
    await _settled(thread)
    assert disk.taken == [0, 1, 2, 3]
    assert (thread.waiting, thread.worked) == (0, 4)
    assert _refused(thread) is None
    await thread.close()


async def test_mistakes_are_told_and_not_tried_again() -> None:
    """Neither at once nor behind what waited."""
    disk, told = Disk(), list[BaseException]()
    thread = LedgerThread(told.append)
    thread.post(disk.save, 1)
    thread.post(disk.mistake, 2)
    thread.post(disk.save, 3)
    await _settled(thread)
    disk.kind = None
    told.clear()
    await _settled(thread)
    await asyncio.sleep(0)
    assert disk.taken == [1, 3]
    assert [type(error) for error in told] == [Conflict]
    assert thread.waiting == 0
    await thread.close()


async def test_a_latch_file_that_refuses_holds_nobody_up() -> None:
    disk, latches = Disk(), Disk()
    latches.where = Path("latches.a")
    disk.kind = None
    thread = LedgerThread(lambda error: None)
    thread.post(latches.save, "latch")
    thread.post(disk.save, "session")
    await thread.persist(disk.save, "bill")
    assert (disk.taken, thread.waiting) == (["session", "bill"], 1)  # at once: no retry was needed
    await _settled(thread)
    assert thread.waiting == 1
    latches.kind = None
    await _settled(thread)
    assert (latches.taken, thread.waiting) == (["latch"], 0)
    await thread.close()


async def test_newer_latches_that_were_taken_end_the_older_ones_wait(tmp_path: Path) -> None:
    """Written after them, the older ones would count."""
    ledger, thread = open_ledger(tmp_path, FakeTime()), LedgerThread(lambda error: None)
    for name in ("latches.a", "latches.b"):  # neither copy can be replaced
        (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / name).mkdir()
    thread.post(ledger.save_latches, "1", (latch(),), 100.0)
    await thread.call(lambda: None)
    assert thread.waiting == 1
    for name in ("latches.a", "latches.b"):
        (tmp_path / name).rmdir()
    thread.post(ledger.save_latches, "1", (), 101.0)
    await _settled(thread)
    assert (thread.waiting, ledger.load_latches()) == (0, ({"1": ()}, False))
    await thread.close()
    ledger.close()


async def test_who_waits_for_the_disk_is_told_and_still_kept_for() -> None:
    """An acknowledgement: the uplink goes on, the ledger gets it later."""
    disk = Disk()
    thread = LedgerThread(lambda error: None)
    for acked in (False, True):
        with pytest.raises(StorageError, match="free space"):
            await thread.persist(disk.save, _ack("c1", acknowledged=acked))
    assert thread.waiting == 1  # only its newest state
    disk.kind = None
    await _settled(thread)
    assert disk.taken == [_ack("c1")]
    await thread.persist(disk.save, _ack("c2"))
    assert disk.taken[-1] == _ack("c2")
    await thread.close()


async def test_signs_of_life_are_not_kept() -> None:
    """A later one says more; what only looks does not count as a write."""
    disk, told = Disk(), list[BaseException]()
    thread = LedgerThread(told.append)
    thread.once(disk.save, "alive")
    await _settled(thread)
    assert (thread.waiting, len(told)) == (0, 1)
    disk.kind = None
    thread.once(disk.save, "alive")
    thread.aside(lambda: None)
    await _settled(thread)
    assert (disk.taken, thread.worked) == (["alive"], 1)
    await thread.close()


async def test_damage_is_healed_before_the_write_is_given_up() -> None:
    disk, told = Disk(), list[BaseException]()
    disk.kind = StorageKind.DAMAGED
    thread = LedgerThread(told.append)

    def heal(error: StorageError) -> bool:
        assert error.kind is StorageKind.DAMAGED
        disk.kind = None
        return True

    thread.heal = heal
    thread.post(disk.save, 1)
    assert await thread.call(partial(_read, disk)) == [1]
    assert told == []
    await thread.close()


async def test_a_mistake_in_healing_loses_no_write() -> None:
    """It is told, and the write waits for the next try."""
    disk, told = Disk(), list[BaseException]()
    disk.kind = StorageKind.DAMAGED
    thread = LedgerThread(told.append)

    def heal(_error: StorageError) -> bool:
        raise OSError("no such folder")

    thread.heal = heal
    thread.post(disk.save, 1)
    await thread.call(lambda: None)
    await asyncio.sleep(0)
    assert thread.waiting == 1
    assert {type(error) for error in told} == {OSError, StorageError}
    disk.kind = None
    await _settled(thread)
    assert disk.taken == [1]
    await thread.close()


async def test_what_memory_knows_comes_before_what_waited() -> None:
    """After a renewal: held back until then, in its own order."""
    disk = Disk()
    disk.kind = StorageKind.DAMAGED
    thread = LedgerThread(lambda error: None)

    def heal(_error: StorageError) -> bool:
        disk.kind = None
        thread.hold()
        return True

    thread.heal = heal
    thread.post(disk.save, "waited")
    thread.post(disk.save, "waited too")
    await _settled(thread)
    assert disk.taken == []
    with thread.ahead():
        thread.post(disk.save, "first")
        thread.post(disk.save, "second")
    thread.post(disk.save, "last")
    await _settled(thread)
    assert disk.taken == ["first", "second", "waited", "waited too", "last"]
    await thread.close()


def test_records_are_dropped_by_class_and_counted() -> None:
    """Acknowledgements first; sessions, bills and lock-outs never, however many wait."""
    waiting, disk = Waiting(most=3), Disk()
    sessions = [session_row(f"s{number}") for number in range(4)]
    rows = [_command("out"), _ack("a"), fault_row("f"), *sessions]
    for row in rows:
        waiting.add(intent_of(disk.save, (row,), partial(disk.save, row)))
    assert waiting.take_dropped() == {"acks": 1, "commands": 1, "faults": 1}
    assert waiting.take_dropped() == {}
    assert len(waiting) == len(sessions)  # more than there should be, and all of them


def test_a_newer_state_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    """Where that one waits: what came after it still comes after it."""
    ledger = open_ledger(tmp_path, FakeTime())
    waiting = Waiting()
    newer = replace(session_row("s1"), last_wh=7.0)
    steps: list[tuple[Callable[..., object], tuple[object, ...]]] = [
        (ledger.save_session, (session_row("s1"),)),
        (ledger.save_latches, ("1", (latch(),), 1.0)),
        (ledger.raise_fault, (fault_row("f1"),)),
        (ledger.save_session, (newer,)),
        (ledger.save_latches, ("1", (), 2.0)),
        (ledger.save_latches, ("2", (), 2.0)),
        (ledger.update_fault, (fault_row("f1"),)),
    ]
    for fn, args in steps:
        waiting.add(intent_of(fn, args, partial(fn, *args)))
    assert len(waiting) == 5
    for intent in waiting:
        intent.call()
        waiting.done(intent)
    assert (len(waiting), ledger.session("s1")) == (0, newer)
    assert ledger.load_latches() == ({"1": (), "2": ()}, False)
    ledger.close()


async def test_a_full_ledger_gets_everything_when_there_is_room(tmp_path: Path) -> None:
    """The real one: a session from its beginning to its bill, a fault, a command, a lock-out."""
    ledger, told = open_ledger(tmp_path, FakeTime()), list[BaseException]()
    thread = LedgerThread(told.append)
    thread.note_dropped = ledger.retention.note
    ledger._store.execute("PRAGMA query_only = ON")
    row = ended(session_row())
    thread.post(ledger.save_session, session_row())
    thread.post(ledger.raise_fault, fault_row("f1"))
    thread.post(ledger.clear_fault, "f1", at_s=130.0, at_wall=WALL)
    thread.post(ledger.save_latches, "1", (latch(),), 100.0)
    thread.post(ledger.add_command, _command("out"))
    thread.post(ledger.close_session_with_cdr, row, cdr_of(row))
    await _settled(thread)
    assert (thread.waiting, _facts(ledger)) == (6, ([], 0, 0))
    ledger._store.execute("PRAGMA query_only = OFF")
    told.clear()
    await _settled(thread)
    assert told == []
    assert _facts(ledger) == (["c1"], 1, 1)
    assert ledger.faults()[0].cleared_s == 130.0
    await thread.close()
    ledger.close()


def _facts(ledger: Ledger) -> tuple[list[str], int, int]:
    return [cdr.id for cdr in ledger.cdrs()], len(ledger.faults()), len(ledger.commands())


def _read(disk: Disk) -> list[object]:
    if disk.kind is not None:
        raise StorageError(disk.kind, disk.where, "no")
    return disk.taken
