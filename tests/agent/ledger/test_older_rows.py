"""What an earlier version wrote down is still read, and means what it meant then."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from agent.ledger.samples import cdr_of, ended, open_ledger, session_row
from laddvakt_agent.clock import FakeTime


def test_a_bill_that_does_not_know_who_held_back(tmp_path: Path) -> None:
    """Its pause was billed as the vehicle's; it stays so, a bill is never changed."""
    ledger = open_ledger(tmp_path, FakeTime())
    row = ended(session_row())
    ledger.close_session_with_cdr(row, cdr_of(row))
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        ((body,),) = connection.execute("SELECT body FROM cdrs").fetchall()
        older = json.loads(body)
        del older["held_s"]
        older["session"]["periods"][0] |= {"charging": False}
        del older["session"]["periods"][0]["held"]
        connection.execute("UPDATE cdrs SET body = ?", (json.dumps(older),))
    ledger = open_ledger(tmp_path, FakeTime())
    (cdr,) = ledger.cdrs()
    ledger.close()
    expected = cdr_of(row)
    (period,) = expected.session.periods
    paused = replace(expected.session, periods=(replace(period, charging=False),))
    assert cdr == replace(expected, session=paused)
    assert (cdr.held_s, cdr.session.periods[0].held) == (0.0, False)
