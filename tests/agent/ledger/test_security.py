"""The security log: added to and never changed; whoever does it all the same is found out."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.ledger.samples import WALL, open_ledger
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import Ledger
from laddvakt_agent.ledger.rows import SecurityRow
from laddvakt_agent.ledger.salvage import merge
from laddvakt_agent.ledger.security import Head

SECOND_BOOT = "00000000-0000-4000-8000-000000000002"
TRIGGERS = ("security_no_update", "security_no_delete", "security_only_at_the_end")


def event(time: FakeTime, what: str = "reset", **said: str) -> SecurityRow:
    known = {"source": "local", "who": "uid 0", "detail": "connector 1", "result": "done", **said}
    return SecurityRow(
        category="access_control", event=what, boot_id=time.boot_id(), at_s=time.boot_s(),
        at_wall=time.wall(), clock_state="synced", **known,
    )  # fmt: skip


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def ledger(tmp_path: Path, time: FakeTime) -> Iterator[Ledger]:
    """Five events, the third with letters that are not English."""
    opened = open_ledger(tmp_path, time)
    for number in range(1, 6):
        time.advance(0.25)
        opened.security.add(event(time, detail="dörr öppen" if number == 3 else f"no. {number}"))
    yield opened
    opened.close()


def tamper(directory: Path, *statements: str, guarded: bool = False) -> None:
    """What somebody with the file in hand may do."""
    with closing(sqlite3.connect(directory / "ledger.db")) as connection, connection:
        made = dict(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type='trigger'"))
        for name in TRIGGERS if not guarded else ():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for name in TRIGGERS if not guarded else ():
            connection.execute(made[name])


def take_over(source: Path, target: Ledger) -> int:
    """What the salvage of a set-aside file does with this table; how many events came."""
    before = len(target.security.rows())
    with closing(sqlite3.connect(source / "ledger.db")) as connection, target._store.write():
        merge(connection, target._store, without=frozenset({"runs", "latches"}))
    return len(target.security.rows()) - before


def test_events_are_numbered_and_bound_to_each_other(ledger: Ledger, time: FakeTime) -> None:
    verdict = ledger.security.verify()
    assert (verdict.whole, verdict.rows, verdict.first) == (True, 5, 1)
    assert verdict.head == ledger.security.head()
    newest, before = ledger.security.rows(2)
    assert (newest.number, newest.previous, newest.detail) == (5, before.digest, "no. 5")
    assert [row.number for row in ledger.security.rows(since=3)] == [5, 4]
    assert replace(newest, at_s=0.0).category == "access_control"


def test_the_digest_is_what_the_documentation_says(ledger: Ledger, tmp_path: Path) -> None:
    """Computed here from the file alone, as an auditor would."""
    names = (
        "number", "category", "event", "source", "who", "detail", "result", "boot_id", "at_s",
        "at_wall", "clock_state", "w_boot_id", "w_seq", "w_s", "w_wall", "w_clock",
    )  # fmt: skip
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        rows = connection.execute(
            f"SELECT previous, digest, {', '.join(names)} FROM security ORDER BY number"
        ).fetchall()
    before = "0" * 64
    for previous, digest, *values in rows:
        text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
        assert previous == before
        assert digest == hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()
        before = digest


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE security SET result = 'refused' WHERE number = 2",
        "DELETE FROM security WHERE number = 5",
        "INSERT OR REPLACE INTO security SELECT * FROM security WHERE number = 2",
        "INSERT INTO security SELECT * FROM security WHERE number = 2",
    ],
    ids=["update", "delete", "replace", "insert"],
)
def test_the_database_itself_refuses(ledger: Ledger, tmp_path: Path, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
        tamper(tmp_path, statement, guarded=True)
    assert ledger.security.verify().whole


SWAP = (
    "UPDATE security SET number = 100 WHERE number = 2",
    "UPDATE security SET number = 2 WHERE number = 3",
    "UPDATE security SET number = 3 WHERE number = 100",
)


@pytest.mark.parametrize(
    ("statements", "number", "why"),
    [
        (("UPDATE security SET result = 'refused' WHERE number = 2",), 2, "it was changed"),
        (("UPDATE security SET w_wall = '2030-01-01T00:00:00Z' WHERE number = 4",), 4,
         "it was changed"),
        (("UPDATE security SET digest = 'aa' WHERE number = 2",), 2, "it was changed"),
        (("DELETE FROM security WHERE number = 3",), 4, "row 3 is missing"),
        (("DELETE FROM security WHERE number IN (2, 3)",), 4, "rows 2 to 3 are missing"),
        (("DELETE FROM security WHERE number = 1",), 2, "row 1 is missing"),
        (SWAP, 2, "it does not follow row 1 as that one stands"),
        (("DELETE FROM security WHERE number = 3",
          "UPDATE security SET number = number - 1 WHERE number > 3"), 3,
         "it does not follow row 2 as that one stands"),
        (("DELETE FROM security WHERE number > 3",), 5, "rows 4 to 5 are missing at the end"),
        (("DELETE FROM security",), 5, "rows 1 to 5 are missing at the end"),
    ],
    ids=["field", "stamp", "digest", "one gone", "two gone", "first gone", "swapped",
         "moved together", "end cut off", "all gone"],
)  # fmt: skip
def test_tampering_is_found_where_it_was_done(
    ledger: Ledger, tmp_path: Path, statements: tuple[str, ...], number: int, why: str
) -> None:
    tamper(tmp_path, *statements)
    first = ledger.security.verify().breaks[0]
    assert (first.number, first.why) == (number, why)


def test_taking_the_guards_away_is_found(ledger: Ledger, tmp_path: Path) -> None:
    tamper(tmp_path, "DROP TRIGGER security_no_update", guarded=True)
    (found,) = ledger.security.verify().breaks
    assert found.why == "what guards it in the database is gone: security_no_update"


def test_an_end_cut_off_stays_visible_when_the_log_goes_on(
    ledger: Ledger, tmp_path: Path, time: FakeTime
) -> None:
    tamper(tmp_path, "DELETE FROM security WHERE number > 3")
    ledger.security.add(event(time))
    (found,) = ledger.security.verify().breaks
    assert (found.number, found.why) == (6, "rows 4 to 5 are missing")


def test_a_chain_built_anew_is_contradicted_by_a_head_from_elsewhere(
    ledger: Ledger, tmp_path: Path, time: FakeTime
) -> None:
    """Who may write the file can cut off its end and its note; only the outside knows better."""
    known = ledger.security.head()
    assert known is not None
    tamper(
        tmp_path, "DELETE FROM security WHERE number > 3", "DELETE FROM meta WHERE name LIKE 'sec%'"
    )
    assert ledger.security.verify().whole
    assert [part.why for part in ledger.security.verify(known).breaks] == [
        "rows 4 to 5 are missing at the end"
    ]
    for _ in range(2):
        ledger.security.add(event(time))
    assert [part.why for part in ledger.security.verify(known).breaks] == [
        "another row was once here"
    ]
    assert ledger.security.verify(Head(number=5, digest=ledger.security.rows(1)[0].digest)).whole


def test_old_events_go_and_the_chain_is_checked_from_there(
    ledger: Ledger, tmp_path: Path, time: FakeTime
) -> None:
    kept = ledger.security.rows(1)[0]
    assert ledger.security.prune() == 0
    time.advance(timedelta(days=60).total_seconds())
    ledger.security.add(event(time))
    assert ledger.security.prune(timedelta(days=1)) == 0, "never under 90 days"
    time.advance(timedelta(days=31).total_seconds())
    assert ledger.security.prune() == 5
    verdict = ledger.security.verify()
    assert (verdict.whole, verdict.first, verdict.rows) == (True, 6, 2)
    said = ledger.security.rows(1)[0]
    assert (said.event, said.detail) == ("log_pruned", f"5 {kept.digest}")
    tamper(tmp_path, "DELETE FROM security WHERE number = 6")
    assert ledger.security.verify().breaks[0].why == "row 6 is missing"
    ledger.heartbeat(time.boot_s(), time.wall())


def test_the_last_event_stays_and_the_licence_to_delete_is_gone(
    ledger: Ledger, tmp_path: Path, time: FakeTime
) -> None:
    time.advance(timedelta(days=200).total_seconds())
    assert ledger.security.prune() == 4
    assert ledger.security.verify().first == 5
    with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
        tamper(tmp_path, "DELETE FROM security WHERE number = 5", guarded=True)


def test_a_clock_set_ahead_makes_nothing_old(tmp_path: Path) -> None:
    """Only what is surely old goes: an unset or wrong clock is no proof."""
    time = FakeTime(synced=False)
    ledger = open_ledger(tmp_path, time)
    for _ in range(3):
        ledger.security.add(event(time))
    time.step_wall(WALL + timedelta(days=400))
    assert ledger.security.prune() == 0
    ledger.close()


@pytest.mark.parametrize("lost", [(), (2,)], ids=["all readable", "one lost"])
def test_a_log_set_aside_goes_on_in_a_new_ledger(
    ledger: Ledger, tmp_path: Path, time: FakeTime, lost: tuple[int, ...]
) -> None:
    """With its chain, so that what could not be read is visibly missing."""
    for number in lost:
        tamper(tmp_path, f"DELETE FROM security WHERE number = {number}")
    new = open_ledger(tmp_path / "new", time)
    assert take_over(tmp_path, new) == 5 - len(lost)
    new.security.add(event(time))
    assert new.security.rows(1)[0].number == 6
    assert [part.number for part in new.security.verify().breaks] == [3 for _ in lost]
    assert take_over(tmp_path, new) == 0, "what is there is not taken again"
    new.close()


def test_a_log_behind_another_is_bound_to_it(
    ledger: Ledger, tmp_path: Path, time: FakeTime
) -> None:
    new = open_ledger(tmp_path / "new", time)
    new.security.add(event(time, "agent_started"))
    for expected in (5, 0):
        assert take_over(tmp_path, new) == expected
    rows = new.security.rows()
    assert [row.number for row in rows] == [6, 5, 4, 3, 2, 1]
    assert rows[0].detail == "no. 5"
    assert new.security.verify().whole
    new.close()
