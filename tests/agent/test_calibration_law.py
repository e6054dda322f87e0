"""Where calibration law applies, a session the meter did not sign ends without a bill, for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from agent.station_kit import Bench, bench
from agent.test_config import TEXT
from agent.test_fixed import settings
from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Inputs, Sample
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.published import TokenRef
from laddvakt_agent.sessions import PATIENCE_S

TOKEN = TokenRef(uid="A", type="RFID", contract_id="C", country_code="SE", party_id="LAD")
WHY = "the meter signed no start value"


def lawful(text: str) -> str:
    return text.replace("[station]", '[station]\ncalibration_law = "eichrecht"', 1)


def metered(wh: float, taken_s: float) -> Inputs:
    return Inputs(energy_wh=Sample(value=wh, taken_s=taken_s))


async def charge(b: Bench) -> str:
    """One whole session of a meter that signs nothing; its id."""
    keeper, now_s = b.guard("1").keeper, b.clock.now_s()
    keeper.begin(TOKEN, "WHITELIST", metered(1000.0, now_s), now_s)
    assert keeper.running is not None
    keeper.observe(metered(1000.0, now_s + 1.0), now_s + 1.0, closed=True)
    keeper.end("stopped", now_s + 2.0, opened_s=now_s + 2.0)
    late_s = now_s + 2.0 + keeper.settle_s + PATIENCE_S
    keeper.observe(metered(1001.0, late_s), late_s, closed=False)
    await b.parts.journal.thread.call(lambda: None)
    (record,) = keeper.recent
    return record.id


async def test_it_is_told_as_invalid_written_down_and_shown(tmp_path: Path) -> None:
    async with bench(tmp_path, lawful) as b:
        session_id = await charge(b)
        ledger = b.parts.journal.ledger
        row = ledger.session(session_id)
        assert row is not None
        assert (row.unbilled, row.settled, row.end_wh) == (WHY, True, 1001.0)
        assert ledger.cdrs() == ()
        assert not b.parts.journal.unsaved_rows
        connectors = b.parts.publisher.status(ready=True, uplink=None)["connectors"]
        assert isinstance(connectors, list)
        assert [c["unbilled"] for c in connectors] == [{session_id: WHY}, {}]


@pytest.mark.parametrize(
    ("status", "told_again"), [("ACTIVE", True), ("INVALID", False)], ids=["not told", "told"]
)
async def test_after_a_restart_it_is_over(tmp_path: Path, status: str, told_again: bool) -> None:
    """It is not open: nobody settles or bills it later. The backend hears of its end once."""
    async with bench(tmp_path, lawful) as b:
        session_id = await charge(b)
        ack = AckRow(
            kind="session", object_id=session_id, last_updated=datetime.now(UTC),
            body=msgspec.json.encode({"status": status}).decode(), acknowledged=True,
        )  # fmt: skip
        await b.parts.journal.thread.call(b.parts.journal.ledger.save_ack, ack)
        (before,) = b.guard("1").keeper.recent
    async with bench(tmp_path) as b:
        assert b.parts.journal.ledger.open_sessions() == ()
        assert b.guard("1").keeper.ending == []
        found = b.guard("1").keeper.recent
        assert [(r.id, r.unbilled, r.energy_wh) for r in found] == [(session_id, WHY, 1.0)] * (
            told_again
        )
        if told_again:
            assert replace(found[0], changed_at=before.changed_at).ended_at == before.ended_at


async def test_without_the_law_the_register_is_enough(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        session_id = await charge(b)
        (cdr,) = b.parts.journal.ledger.cdrs()
        assert (cdr.id, cdr.session.energy_wh) == (session_id, 1.0)


def test_what_is_configured_reaches_the_terms() -> None:
    """Neither is on by itself."""
    assert not core.terms_of(settings(TEXT)).signed_only
    assert not core.terms_of(settings(TEXT)).behind
    assert core.terms_of(settings(lawful(TEXT))).signed_only
    behind = TEXT.replace("max_current_a", "meter_behind_contactor = true\nmax_current_a", 1)
    assert core.terms_of(settings(behind)).behind
