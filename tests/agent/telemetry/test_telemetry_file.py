"""`telemetry.db` on a disk that tears, breaks and disappears: measurements go, nothing else."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.ledger.samples import WALL
from laddvakt_agent.clock import ClockState, Moment
from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.telemetry.schema import APPLICATION_ID, SCHEMA_VERSION
from laddvakt_agent.telemetry.store import Row, TelemetryStore

BOOT = "00000000-0000-4000-8000-000000000001"


def event(number: int) -> Row:
    moment = Moment(
        at_s=float(number), at_wall=WALL + timedelta(seconds=number), clock_state=ClockState.SYNCED
    )
    return Row(table="events", moment=moment, record={"connector": "1", "what": f"e{number}"})


def told(directory: Path) -> list[str]:
    with closing(sqlite3.connect(directory / "telemetry.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [row[0] for row in connection.execute("SELECT what FROM events ORDER BY seq")]


def test_a_row_carries_boot_order_and_both_clocks(tmp_path: Path) -> None:
    store = TelemetryStore(tmp_path, boot_id=BOOT)
    store.write([event(1), event(2)])
    store.close()
    again = TelemetryStore(tmp_path, boot_id="b" * 36)
    again.write([event(3)])
    found = again.read(
        "SELECT boot_id, seq, at_s, wall_ms, clock FROM events JOIN boots USING (boot) ORDER BY seq"
    )
    zero_ms = round(WALL.timestamp() * 1000)
    assert [tuple(row) for row in found] == [
        (BOOT, 1, 1.0, zero_ms + 1000, "synced"),
        (BOOT, 2, 2.0, zero_ms + 2000, "synced"),
        ("b" * 36, 3, 3.0, zero_ms + 3000, "synced"),
    ]
    again.close()


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    """WAL and NORMAL; its pages can be given back; others may not read it."""
    store = TelemetryStore(tmp_path, boot_id=BOOT)
    store.write([event(1)])
    pragmas = {
        name: store.read(f"PRAGMA {name}")[0][0]
        for name in ("journal_mode", "synchronous", "auto_vacuum", "application_id", "user_version")
    }
    assert pragmas == {
        "journal_mode": "wal", "synchronous": 1, "auto_vacuum": 2,
        "application_id": APPLICATION_ID, "user_version": 1,
    }  # fmt: skip
    assert (tmp_path / "telemetry.db").stat().st_mode & 0o777 == 0o640
    store.close()


def test_a_power_cut_takes_the_last_batch_at_most(tmp_path: Path) -> None:
    """Wherever the log ends: what was committed before the last batch is there, and whole."""
    live, cut = tmp_path / "live", tmp_path / "cut"
    store = TelemetryStore(live, boot_id=BOOT)
    store.write([event(0)])
    store.write([event(1)])
    log = live / "telemetry.db-wal"
    before = log.stat().st_size
    store.write([event(number) for number in range(2, 60)])
    after = log.stat().st_size
    assert after > before
    for size in [*range(before, after, 997), after - 1]:
        shutil.rmtree(cut, ignore_errors=True)
        cut.mkdir()
        shutil.copy(live / "telemetry.db", cut)
        (cut / log.name).write_bytes(log.read_bytes()[:size])
        assert told(cut) == ["e0", "e1"], size
    store.close()
    assert len(told(live)) == 60


def broken(path: Path) -> None:
    path.write_bytes(b"no database at all" * 300)


def other(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 77")
        connection.execute("CREATE TABLE x (y)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def torn(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4096:8192] = b"\xa5" * 4096
    path.write_bytes(raw)


@pytest.mark.parametrize("spoil", [broken, other, newer, torn], ids=lambda spoil: spoil.__name__)
def test_a_file_that_cannot_be_used_is_set_aside(tmp_path: Path, spoil: object) -> None:
    store = TelemetryStore(tmp_path, boot_id=BOOT)
    store.write([event(number) for number in range(200)])
    store.close()
    assert callable(spoil)
    spoil(tmp_path / "telemetry.db")
    again = TelemetryStore(tmp_path, boot_id=BOOT)
    again.write([event(1)])
    ((aside, reason),) = again.take_set_aside()
    again.close()
    assert aside.exists()
    assert ".damaged-" in aside.name
    assert reason
    assert told(tmp_path) == ["e1"]


def test_a_file_that_breaks_under_way_is_replaced_at_the_next_try(tmp_path: Path) -> None:
    store = TelemetryStore(tmp_path, boot_id=BOOT)
    wide = [replace(event(n), record={"connector": "1" * 500, "what": "x"}) for n in range(2000)]
    store.write(wide)  # more than the cache holds
    store.fold()
    path = tmp_path / "telemetry.db"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
    with pytest.raises(StorageError, match=r"damaged"):
        store.read("SELECT max(length(connector)) FROM events")
    store.write([event(2)])
    assert len(store.take_set_aside()) == 1
    store.close()
    assert told(tmp_path) == ["e2"]


def test_a_deleted_file_is_made_anew(tmp_path: Path) -> None:
    store = TelemetryStore(tmp_path, boot_id=BOOT)
    store.write([event(1)])
    for path in tmp_path.iterdir():
        path.unlink()
    store.write([event(2)])
    store.close()
    assert told(tmp_path) == ["e2"]


def test_nothing_of_a_refused_batch_stays(tmp_path: Path) -> None:
    store = TelemetryStore(tmp_path, boot_id=BOOT)
    store.write([event(1)])
    with pytest.raises(sqlite3.IntegrityError):  # a mistake of ours must be seen
        store.write([event(2), Row(table="events", moment=event(3).moment, record={"what": "x"})])
    store.write([event(4)])
    store.close()
    assert told(tmp_path) == ["e1", "e4"]


def test_a_folder_that_cannot_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        TelemetryStore(tmp_path / "file" / "below", boot_id=BOOT).write([event(1)])
