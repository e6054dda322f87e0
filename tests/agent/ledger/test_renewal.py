"""A ledger whose file breaks or goes under way goes on in a new one, with all it held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.ledger.filled import content, fill, folder_gone, spoil
from agent.ledger.samples import (
    WALL,
    cdr_of,
    ended,
    fault_row,
    latch,
    open_ledger,
    session_row,
)
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import (
    Ledger,
    LedgerInUse,
    aside,
)
from laddvakt_agent.published import CdrRecord


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


GONE: dict[str, tuple[Callable[[Path], None], str]] = {
    "the file": (_unlinked, "ledger.db was deleted under way"),
    "with its log": (_with_its_log, "ledger.db was deleted under way"),
    "the log alone": (_log_only, "ledger.db-wal was deleted under way"),
    "another in its place": (_replaced, "ledger.db was replaced by another file under way"),
    "the whole folder": (folder_gone, "ledger.db was deleted under way"),
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
