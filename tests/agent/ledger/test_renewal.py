"""A ledger whose file breaks, goes, or comes back goes on without a restart, with all it held."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.ledger.samples import (
    TOKEN,
    WALL,
    cdr_of,
    ended,
    fault_row,
    latch,
    open_ledger,
    session_row,
)
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.ledger import (
    AckRow,
    CommandRow,
    Ledger,
    LedgerInUse,
    NewerSchema,
    StorageError,
    StorageKind,
    aside,
    files,
)
from laddvakt_agent.ledger.rows import (
    ClockStepRow,
    ContactorRow,
    IntervalRow,
    SecurityRow,
    SelfTestRow,
)
from laddvakt_agent.published import CdrRecord

PAGE = 4096
BOOT = FakeTime().boot_id()


def interval(status: str, at_s: float) -> IntervalRow:
    return IntervalRow(
        evse_uid="E1",
        status=status,
        cause_class="own",
        begun_boot_id=BOOT,
        begun_s=at_s,
        begun_wall=WALL,
        connector="1",
    )


def fill(ledger: Ledger, mark: str = "") -> None:
    """A row in every table."""
    row = ended(session_row(f"{mark}billed"))
    ledger.close_session_with_cdr(row, cdr_of(row, f"{mark}c"))
    ledger.save_session(session_row(f"{mark}running"))
    ledger.raise_fault(fault_row(f"{mark}stands"))
    ledger.raise_fault(fault_row(f"{mark}over"))
    ledger.clear_fault(f"{mark}over", at_s=130.0, at_wall=WALL)
    ledger.change_status([interval("AVAILABLE", 101.0)])
    ledger.change_status([interval("CHARGING", 102.0)])
    ledger.save_latches("1", (latch(),), 100.0)
    ledger.add_command(
        CommandRow(source="local", who=mark, verb="out", outcome="done", at_s=103.0, at_wall=WALL)
    )
    ledger.save_ack(
        AckRow(
            kind="session", object_id=f"{mark}x", last_updated=WALL, body="{}", acknowledged=True
        )
    )
    ledger.add_self_test(
        SelfTestRow(
            connector="1", test="residual", passed=True, detail=mark, at_s=103.0, at_wall=WALL
        )
    )
    ledger.save_contactor(
        ContactorRow(connector=f"{mark}1", operations=7, load_openings=1, motion="{}")
    )
    ledger.security.add(
        SecurityRow(
            category="access", event="login", source="local", who=mark, detail="", result="done",
            boot_id=BOOT, clock_state="synced", at_s=103.0, at_wall=WALL,
        )
    )  # fmt: skip
    ledger.times.add_step(
        ClockStepRow(boot_id=BOOT, at_s=103.0, from_wall=WALL, to_wall=WALL, clock_state="synced")
    )
    ledger.retention.note({"commands": 3})


def content(ledger: Ledger) -> dict[str, set[tuple[object, ...]]]:
    """Every row of every table, but what each write moves on."""
    tables = [
        str(record["name"])
        for record in ledger._store.read(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'"
        )
    ]
    changing = {"runs": {"last_s", "last_wall"}, "latches": {"w_seq"}}
    return {
        table: {
            tuple(value for name, value in dict(row).items() if name not in changing.get(table, ()))
            for row in ledger._store.read(f"SELECT * FROM {table}")
        }
        for table in tables
    }


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    opened = open_ledger(tmp_path, FakeTime())
    fill(opened)
    return opened


def _unlinked(path: Path) -> None:
    path.unlink()


def _with_its_log(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink()


def _log_only(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


def _replaced(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"somebody else's")


def _folder_gone(path: Path) -> None:
    path.parent.rename(path.parent.with_name(f"{path.parent.name}-elsewhere"))


GONE: dict[str, tuple[Callable[[Path], None], str]] = {
    "the file": (_unlinked, "ledger.db was deleted under way"),
    "with its log": (_with_its_log, "ledger.db was deleted under way"),
    "the log alone": (_log_only, "ledger.db-wal was deleted under way"),
    "another in its place": (_replaced, "ledger.db was replaced by another file under way"),
    "the whole folder": (_folder_gone, "ledger.db was deleted under way"),
}


@pytest.mark.parametrize("case", GONE)
def test_what_is_still_open_goes_into_a_new_file(ledger: Ledger, tmp_path: Path, case: str) -> None:
    """Not a row is lost, and the next start finds them all."""
    take_away, why = GONE[case]
    assert ledger.renewal.wrong() == ""
    before = content(ledger)
    take_away(tmp_path / "ledger.db")
    assert ledger.renewal.wrong() == why
    ledger.renewal.renew(why, damaged=False)
    assert ledger.renewal.wrong() == ""
    assert content(ledger) == before
    assert ledger.security.verify().whole
    ledger.save_session(session_row("later"))
    with pytest.raises(LedgerInUse):
        open_ledger(tmp_path, FakeTime())
    ledger.close()
    again = open_ledger(tmp_path, FakeTime())
    assert (again.damage, again.unclean, again.salvaged) == ("", False, 0)
    assert {row.id for row in again.open_sessions()} == {"running", "later"}
    again.close()


def test_a_backup_put_in_its_place_adds_what_it_alone_knows(ledger: Ledger, tmp_path: Path) -> None:
    """The running ledger counts; the other is kept beside it, and nothing stands twice."""
    other = tmp_path / "other"
    backup = open_ledger(other, FakeTime())
    fill(backup)
    fill(backup, "old ")
    backup.close()
    before = content(ledger)
    (other / "ledger.db").replace(tmp_path / "ledger.db")
    renewed = ledger.renewal.renew(ledger.renewal.wrong(), damaged=False)
    assert renewed.salvaged > 0
    assert {cdr.id for cdr in ledger.cdrs()} == {"c", "old c"}
    after = content(ledger)
    lost = {table: rows - after[table] for table, rows in before.items() if rows - after[table]}
    assert set(lost) <= {"runs"}
    assert ledger.security.verify().whole
    ledger.close()


def spoil(path: Path, table: str) -> None:
    """Rubbish over a table's first page, on the disk and out of every cache."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        ((page,),) = connection.execute(query, (table,))
        connection.execute("UPDATE runs SET ended = ended")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


TABLES = (
    "runs", "syncs", "sessions", "faults", "intervals", "cdrs", "acks", "commands", "latches",
    "self_tests", "contactors", "clock_steps", "security", "dropped",
)  # fmt: skip


AT_THE_START = ("sessions", "intervals", "security")  # the rest is the same way


@pytest.mark.parametrize(
    ("broken", "under_way"),
    [*((table, True) for table in TABLES), *((table, False) for table in AT_THE_START)],
)
def test_one_broken_table_costs_no_other(
    ledger: Ledger, tmp_path: Path, broken: str, under_way: bool
) -> None:
    """Everything else is there with its own stamps, and the broken file is kept."""
    before = content(ledger)
    if not under_way:
        ledger.close()
    spoil(tmp_path / "ledger.db", broken)
    if under_way:
        ledger.renewal.renew("page 7", damaged=True)
    else:
        ledger = open_ledger(tmp_path, FakeTime())
        assert ledger.damage
    after = content(ledger)
    for table in set(TABLES) - {broken, "runs", "intervals", "latches"}:
        assert after[table] == before[table], table
    if broken != "intervals":
        assert before["intervals"] - after["intervals"] <= {
            row for row in before["intervals"] if "CHARGING" in row
        }
    assert ledger.load_latches() == ({"1": (latch(),)}, False)
    assert bool(ledger.security.verify().breaks) == (broken == "security")
    assert len(list(tmp_path.glob("ledger.db.damaged-*Z"))) == 1
    assert aside.due(tmp_path / "ledger.db") == ()
    ledger.raise_fault(fault_row("later"))
    ledger.close()


def test_the_run_goes_on_in_a_renewed_file(ledger: Ledger, tmp_path: Path) -> None:
    """It is the same run: no absence, no unclean end."""
    spoil(tmp_path / "ledger.db", "runs")
    run = ledger._store.run
    ledger.renewal.renew("page 7", damaged=True)
    ledger.heartbeat(110.0, WALL)
    ((found,),) = (tuple(row) for row in ledger._store.read("SELECT run FROM runs"))
    assert found == run
    assert [row.status for row in ledger.intervals("E1")] == ["CHARGING", "AVAILABLE"]
    ledger.close()


def test_what_memory_still_knows_is_written_again(ledger: Ledger, tmp_path: Path) -> None:
    """Faults and bills whose pages are lost; what is there is not there twice."""
    spoil(tmp_path / "ledger.db", "faults")
    ledger.renewal.renew("page 7", damaged=True)
    assert ledger.open_faults() == ()
    row = ended(session_row("billed"))
    bills: tuple[CdrRecord, ...] = (cdr_of(row, "c"), _bill("lost"))
    newer = replace(fault_row("stands"), evidence="newer")
    ledger.renewal.restore((newer,), bills)
    ledger.renewal.restore((newer,), bills)
    assert ledger.open_faults() == (newer,)
    assert ledger.cdrs() == bills
    assert ledger.session("lost") is not None
    ledger.raise_fault(fault_row("stands"))  # it had waited, and is older
    assert ledger.open_faults() == (newer,)
    ledger.close()


def _bill(session_id: str) -> CdrRecord:
    row = ended(session_row(session_id))
    return cdr_of(row, session_id)


def _refuse(*_: object) -> Path:
    raise StorageError(StorageKind.FULL, Path("ledger.db.new"), "no")


def test_without_room_for_a_new_file_the_open_one_goes_on(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is moved before the new file stands; later it succeeds."""
    (tmp_path / "ledger.db").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(files, "create_copy", _refuse)
        with pytest.raises(StorageError):
            ledger.renewal.renew("gone", damaged=False)
    ledger.save_session(session_row("meanwhile"))
    ledger.renewal.renew("gone", damaged=False)
    assert {row.id for row in ledger.open_sessions()} == {"running", "meanwhile"}
    ledger.close()


def test_a_disk_that_goes_in_the_midst_of_it_leaves_a_ledger_in_memory(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes home when the disk is back, and finds what was copied."""
    (tmp_path / "ledger.db").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(files, "connect", _refuse_named(files.connect))
        with pytest.raises(StorageError):
            ledger.renewal.renew("gone", damaged=False)
    assert _on_disk(ledger) is False
    ledger.raise_fault(fault_row("meanwhile"))
    ledger.renewal.come_home()
    assert _on_disk(ledger)
    assert {row.id for row in ledger.open_faults()} == {"stands", "meanwhile"}
    assert {cdr.id for cdr in ledger.cdrs()} == {"c"}
    ledger.close()


def _on_disk(ledger: Ledger) -> bool:
    return ledger.renewal.on_disk


def _refuse_named(
    connect: Callable[[Path], sqlite3.Connection],
) -> Callable[[Path], sqlite3.Connection]:
    def refusing(path: Path) -> sqlite3.Connection:
        if path.name == files.NAME:
            raise sqlite3.OperationalError("disk I/O error")
        return connect(path)

    return refusing


def test_another_agent_in_the_new_folder_is_not_disturbed(ledger: Ledger, tmp_path: Path) -> None:
    _folder_gone(tmp_path / "ledger.db")
    other = open_ledger(tmp_path, FakeTime())
    with pytest.raises(LedgerInUse):
        ledger.renewal.renew("gone", damaged=False)
    other.raise_fault(fault_row("theirs"))
    other.close()
    ledger.close()


@pytest.mark.parametrize("found", [True, False], ids=["a ledger is found", "an empty disk"])
def test_a_ledger_in_memory_comes_home(tmp_path: Path, *, found: bool) -> None:
    """What the disk knew and what happened without it stand there together."""
    time = FakeTime()
    if found:
        before = open_ledger(tmp_path, time)
        fill(before, "old ")
        before._store.close()  # killed
        assert before.renewal.lock is not None
        os.close(before.renewal.lock)
    time.advance(60.0)
    clock = Clock(time)
    ledger = Ledger.without_disk(tmp_path, boot=clock.boot(), clock=clock)
    time.advance(60.0)
    assert _on_disk(ledger) is False
    ledger.change_status([interval("AVAILABLE", 170.0)])
    ledger.raise_fault(fault_row("f"))
    ledger.change_status([interval("INOPERATIVE", 180.0)])
    ledger.renewal.come_home()
    assert _on_disk(ledger)
    assert ledger.unclean is found
    assert "f" in {row.id for row in ledger.open_faults()}
    newest = [row.status for row in ledger.intervals("E1")]
    assert newest[:2] == ["INOPERATIVE", "AVAILABLE"]
    if found:
        assert newest[-2:] == ["CHARGING", "AVAILABLE"]
        assert "UNKNOWN" in newest
        assert {row.id for row in ledger.open_sessions()} == {"old running"}
        assert {cdr.id for cdr in ledger.cdrs()} == {"old c"}
        assert ledger.load_latches() == ({"1": (latch(),)}, False)
    rows = ledger.intervals("E1")
    assert [row.evse_uid for row in rows if row.ended_s is None] == ["E1"]
    ledger.close()


def test_a_newer_ledger_on_the_disk_leaves_the_other_in_memory(tmp_path: Path) -> None:
    open_ledger(tmp_path, FakeTime()).close()
    clock = Clock(FakeTime())
    ledger = Ledger.without_disk(tmp_path, boot=clock.boot(), clock=clock)
    ledger.raise_fault(fault_row("f"))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with pytest.raises(NewerSchema):
        ledger.renewal.come_home()
    assert not ledger.renewal.on_disk
    assert [row.id for row in ledger.open_faults()] == ["f"]
    ledger.close()


MOVES = ("list", "ledger", "log", "new")


@pytest.mark.parametrize("cut_after", MOVES)
def test_a_power_cut_between_the_renames_loses_nothing(tmp_path: Path, cut_after: str) -> None:
    """Whoever starts next goes on where this one was cut off."""
    ledger = open_ledger(tmp_path, FakeTime())
    fill(ledger)
    path, names = tmp_path / "ledger.db", ("ledger.db", "ledger.db-wal")
    kept = {name: (tmp_path / name).read_bytes() for name in names}
    ledger.close()
    for name, raw in kept.items():  # as after a power cut: much of it only in the log
        (tmp_path / name).write_bytes(raw)
    path.with_name("ledger.db-shm").unlink(missing_ok=True)
    target = tmp_path / "ledger.db.damaged-20270101T120000Z"
    reached = MOVES.index(cut_after)
    (tmp_path / "ledger.db.salvage").write_text(f"{target.name}\n")
    if reached >= 1:
        path.rename(target)
    if reached >= 2:
        (tmp_path / "ledger.db-wal").rename(tmp_path / f"{target.name}-wal")
    if reached >= 3:
        files.put_in_place(tmp_path, files.create(tmp_path))
    again = open_ledger(tmp_path, FakeTime())
    assert {row.id for row in again.open_sessions()} == {"running"}
    assert {cdr.id for cdr in again.cdrs()} == {"c"}
    assert again.unclean
    assert aside.due(path) == ()
    again.close()


def test_a_log_without_its_ledger_is_not_played_into_a_new_one(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, FakeTime())
    fill(ledger)
    log = (tmp_path / "ledger.db-wal").read_bytes()
    ledger.close()
    (tmp_path / "ledger.db").unlink()
    (tmp_path / "ledger.db-wal").write_bytes(log)
    again = open_ledger(tmp_path, FakeTime())
    assert again.open_sessions() == ()
    again.raise_fault(fault_row("f"))
    again.close()
    assert [p.read_bytes() for p in tmp_path.glob("ledger.db.damaged-*-wal")] == [log]


def test_the_token_of_a_session_survives_salvage(ledger: Ledger, tmp_path: Path) -> None:
    """JSON columns come over as they are."""
    spoil(tmp_path / "ledger.db", "acks")
    ledger.renewal.renew("page 7", damaged=True)
    session = ledger.session("running")
    assert session is not None
    assert session.token == TOKEN
    ledger.close()
