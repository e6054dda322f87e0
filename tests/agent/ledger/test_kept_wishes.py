"""Reservations and charging profiles on the disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from laddvakt_agent.clock import Clock
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.profiles import ProfileRow
from laddvakt_agent.ledger.reservations import KEPT, ReservationRow

NOW = datetime.now(UTC).replace(microsecond=0)
ROW = ReservationRow(
    party="tnm", id="r-1", connector="1", body="{}", expires_wall=NOW + timedelta(minutes=5)
)


def opened(directory: Path) -> Ledger:
    clock = Clock()
    return Ledger.open(directory, boot=clock.boot(), clock=clock)


def test_what_is_kept_outlives_a_restart(tmp_path: Path) -> None:
    """The newest state of each; equal ids of two platforms are two reservations."""
    ledger = opened(tmp_path)
    ledger.reservations.save(ROW)
    ledger.reservations.save(replace(ROW, party="evi"))
    ledger.reservations.save(replace(ROW, connector="2"))
    ledger.profiles.save(ProfileRow(session_id="s", party="tnm", body="1"))
    ledger.profiles.save(ProfileRow(session_id="s", party="evi", body="2"))
    ledger.profiles.save(ProfileRow(session_id="t", party="evi", body="3"))
    ledger.close()
    ledger = opened(tmp_path)
    assert ledger.reservations.all() == (replace(ROW, party="evi"), replace(ROW, connector="2"))
    assert [(row.session_id, row.party, row.body) for row in ledger.profiles.all()] == [
        ("s", "evi", "2"),
        ("t", "evi", "3"),
    ]
    ledger.profiles.forget("s")
    assert [row.session_id for row in ledger.profiles.all()] == ["t"]
    ledger.close()


def test_what_ended_long_ago_goes(tmp_path: Path) -> None:
    """What ended lately stays: somebody may not have heard of it yet."""
    ledger = opened(tmp_path)
    long_ago, lately = NOW - KEPT - timedelta(hours=1), NOW - timedelta(hours=1)
    ledger.reservations.save(replace(ROW, id="old", ended=long_ago))
    ledger.reservations.save(replace(ROW, id="late", ended=lately))
    ledger.reservations.save(replace(ROW, id="open", expires_wall=long_ago))
    assert [row.id for row in ledger.reservations.all()] == ["late", "open"]
    ledger.close()
