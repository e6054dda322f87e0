"""A backup is one moment of the ledger, whole, checked, and never in the agent's way."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.ledger import older
from agent.ledger.samples import TOKEN, cdr_of, ended, latch, open_ledger, session_row
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import StorageError, backup
from laddvakt_agent.ledger.backup import NotCopied, back_up, written
from laddvakt_agent.ledger.check import check
from laddvakt_agent.ledger.export import lines, write_lines
from laddvakt_agent.ledger.points import Verdict
from laddvakt_agent.ledger.reading import Reading, read

ROOT = Path(__file__).parents[3]
NOW = datetime(2027, 1, 31, 10, 0, tzinfo=UTC)


def _backed_up(directory: Path, target: Path) -> int:
    return read(directory, lambda reading: back_up(reading, target, pause=lambda _: None))


def _filled(directory: Path) -> None:
    ledger = open_ledger(directory, FakeTime())
    for number in range(20):
        row = ended(session_row(f"s{number}"))
        ledger.save_session(row)
        ledger.close_session_with_cdr(row, cdr_of(row, f"c{number}"))
    ledger.save_latches("1", (latch(),), 100.0)
    ledger.close()


def test_a_ledger_can_be_put_back_from_it(tmp_path: Path) -> None:
    _filled(tmp_path)
    (tmp_path / "new").mkdir()
    target = tmp_path / "new" / "ledger.db"
    assert _backed_up(tmp_path, target) == target.stat().st_size
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["ledger.db"]
    assert target.stat().st_mode & 0o777 == 0o640 & ~_umask()
    ledger = open_ledger(tmp_path / "new", FakeTime())
    assert [cdr.id for cdr in ledger.cdrs()] == [f"c{number}" for number in range(20)]
    assert ledger.load_latches() == ({"1": (latch(),)}, False)
    ledger.close()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_it_is_the_moment_it_began(tmp_path: Path) -> None:
    """Rows that come while it is made are not in it; nobody waited for it."""
    _filled(tmp_path)
    ledger = open_ledger(tmp_path, FakeTime())
    steps = 0

    def write(_seconds: float) -> None:
        nonlocal steps
        steps += 1
        ledger.save_session(session_row(f"later{steps}"))

    target = tmp_path / "copy.db"
    many = [session_row(f"many{number}") for number in range(1500)]
    ledger.heartbeat(100.0, NOW, many)
    read(tmp_path, lambda reading: back_up(reading, target, pause=write))
    ledger.close()
    assert steps > 1
    with closing(sqlite3.connect(target)) as copy:
        kept = {key for (key,) in copy.execute("SELECT id FROM sessions")}
    assert {row.id for row in many} <= kept
    assert not {f"later{number + 1}" for number in range(steps)} & kept


def _damage(directory: Path) -> None:
    """A page of a table that only a look at every page finds."""
    path = directory / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_cdrs_1'"
        ((page,),) = connection.execute(sql).fetchall()
    raw = bytearray(path.read_bytes())
    raw[(page - 1) * 4096 + 8 : (page - 1) * 4096 + 200] = b"\x5a" * 192
    path.write_bytes(raw)


def test_a_damaged_copy_takes_no_name(tmp_path: Path) -> None:
    _filled(tmp_path)
    _damage(tmp_path)
    (tmp_path / "out").mkdir()
    with pytest.raises(NotCopied, match="the copy is damaged, because the ledger is"):
        _backed_up(tmp_path, tmp_path / "out" / "copy.db")
    assert list((tmp_path / "out").iterdir()) == []


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_without_room_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _filled(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**9, 10**9 - 10**7, 10**7))
    with pytest.raises(NotCopied, match="16 MB must stay free, 9 MB are; choose another disk"):
        _backed_up(tmp_path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_target_that_cannot_be_written(tmp_path: Path) -> None:
    _filled(tmp_path)
    with pytest.raises(StorageError):
        _backed_up(tmp_path, tmp_path / "no" / "copy.db")


def test_what_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "rows.jsonl"
    target.write_text("before")
    with pytest.raises(UnicodeEncodeError), written(target) as file:
        file.write("half" * 5000 + "\udc80")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
    assert target.read_text() == "before"


@contextmanager
def _writer(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes as fast as it can."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("agent", "hal", "tests"))
    with subprocess.Popen(
        [sys.executable, "-m", "agent.ledger.victim", str(directory), "w"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        yield process
        process.kill()


@pytest.mark.integration
@pytest.mark.timeout(60)
def test_while_another_process_writes_at_full_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sound, not older than its start, and the writer went on meanwhile."""
    monkeypatch.setattr(backup, "_PAGES", 4)  # many steps, small as the ledger is
    target = tmp_path / "copy.db"
    state = tmp_path / "state"
    with _writer(state) as writer:
        assert writer.stdout is not None
        before = [writer.stdout.readline().split() for _ in range(160)]
        read(state, lambda reading: back_up(reading, target, pause=lambda _: time.sleep(0.05)))
        writer.kill()
    billed, begun = _kept(target, "SELECT session_id FROM cdrs"), _kept(target, _SESSIONS)
    assert {key for what, key in before if what == "billed"} <= billed
    assert {key for what, key in before if what == "begun"} <= begun
    assert begun < _kept(state / "ledger.db", _SESSIONS)
    points = check(target, full=True)
    wrong = [point for point in points if point.verdict is Verdict.WRONG]
    assert wrong == []


_SESSIONS = "SELECT id FROM sessions"


def _kept(path: Path, sql: str) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {key for (key,) in connection.execute(sql)}


def _rows(directory: Path, *, key: bytes | None, since: str | None = None) -> list[str]:
    def export(reading: Reading) -> str:
        out = StringIO()
        write_lines(lines(reading, made_at=NOW, since=since, key=key), out)
        return out.getvalue()

    return read(directory, export).splitlines()


def test_lines_hold_every_row_with_its_corrected_times(tmp_path: Path) -> None:
    older.put(tmp_path, 2)
    header, *rows = (json.loads(line) for line in _rows(tmp_path, key=b"k"))
    assert header == {
        "schema_version": 1,
        "kind": "header",
        "ledger": str(tmp_path / "ledger.db"),
        "ledger_schema": 2,
        "made_at": "2027-01-31T10:00:00+00:00",
        "since": None,
        "identifiers": "replaced",
    }
    kinds = [row["kind"] for row in rows]
    assert {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} == {
        "sessions": 4, "cdrs": 2, "faults": 2, "status": 3, "commands": 2, "tests": 1,
        "contactors": 1, "latches": 3, "runs": 1,
    }  # fmt: skip
    session = rows[0]
    assert (session["id"], session["begun_at"], session["exactness"], session["cdr_id"]) == (
        "s1", "2027-01-01T12:00:00.000Z", "synced", "c1",
    )  # fmt: skip
    assert not [name for row in rows for name in row if name.startswith("w_")]


def test_no_driver_is_named(tmp_path: Path) -> None:
    """Neither where tokens stand nor in a text; the same one has the same name everywhere."""
    path = older.put(tmp_path, 2)
    with closing(sqlite3.connect(path)) as connection, connection:
        detail = f"token {TOKEN.uid}, contract {TOKEN.contract_id}: asked twice"
        connection.execute("UPDATE commands SET detail = ? WHERE number = 1", (detail,))
    named = "\n".join(_rows(tmp_path, key=b"k"))
    assert TOKEN.uid not in named
    assert TOKEN.contract_id not in named
    rows = [json.loads(line) for line in named.splitlines()]
    tokens = {row["token"]["uid"] for row in rows if row["kind"] == "sessions"}
    assert len(tokens) == 1
    (name,) = tokens
    assert {r["body"]["session"]["token"]["uid"] for r in rows if r["kind"] == "cdrs"} == tokens
    (detail,) = {r["detail"] for r in rows if r["kind"] == "commands" and r["verb"] == "start"}
    assert detail.startswith(f"token {name}, contract driver-")
    assert name not in "\n".join(_rows(tmp_path, key=b"another"))
    stored = "\n".join(_rows(tmp_path, key=None))
    assert TOKEN.uid in stored
    assert '"identifiers": "as stored"' in stored


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2027-01-01T12:00:00Z", {"sessions": 4, "cdrs": 2, "faults": 2, "status": 3}),
        ("2027-01-01T12:00:04Z", {"sessions": 4, "cdrs": 1, "faults": 2, "status": 2}),
        ("2028-01-01T00:00:00Z", {"sessions": 2, "faults": 1, "status": 2}),
    ],
)
def test_since_leaves_out_what_was_over(
    tmp_path: Path, since: str, expected: dict[str, int]
) -> None:
    """What still went on stays, whenever it began."""
    older.put(tmp_path, 2)
    kinds = [json.loads(line)["kind"] for line in _rows(tmp_path, key=b"k", since=since)]
    counts = {kind: kinds.count(kind) for kind in ("sessions", "cdrs", "faults", "status")}
    assert {kind: count for kind, count in counts.items() if count} == expected
