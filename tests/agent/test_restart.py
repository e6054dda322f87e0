"""What the next start makes of what the last one left: sessions, faults, who is out of service."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from agent.station_kit import bench
from laddvakt_agent.alive import AliveFile
from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Inputs, Sample
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.published import TokenRef
from laddvakt_agent.sessions import SETTLE_GRACE_S
from laddvakt_agent.workshop import RESUME_WITHIN_S

TOKEN = TokenRef(uid="A", type="RFID", contract_id="C", country_code="SE", party_id="LAD")


def metered(wh: float, taken_s: float) -> Inputs:
    return Inputs(energy_wh=Sample(value=wh, taken_s=taken_s))


async def leave_open(directory: Path, away_s: float | None) -> str:
    """A session at 1000 Wh, last seen at 1500 Wh, left by an agent that died `away_s` ago."""
    async with bench(directory) as b:
        now_s = b.clock.now_s()
        keeper = b.guard("1").keeper
        keeper.begin(TOKEN, "WHITELIST", metered(1000.0, now_s - 0.1), now_s)
        keeper.observe(metered(1500.0, now_s + 0.1), now_s + 0.2, closed=True)
        await b.parts.journal.thread.call(lambda: None)
        assert keeper.running is not None
        if away_s is not None:
            b.parts.supervisor.alive.sign(now_s - away_s)
        return keeper.running.session.id


async def test_after_a_short_absence_the_session_goes_on(tmp_path: Path) -> None:
    left = await leave_open(tmp_path, away_s=1.0)
    async with bench(tmp_path) as b:
        running = b.guard("1").keeper.running
        assert running is not None
        assert (running.session.id, running.session.start_wh) == (left, 1000.0)
        assert b.guard("1").token == TOKEN


@pytest.mark.parametrize("away_s", [None, RESUME_WITHIN_S + 10.0], ids=["unknown", "long"])
async def test_after_a_long_absence_it_is_settled_on_the_meters_first_word(
    tmp_path: Path, away_s: float | None
) -> None:
    """Whoever is plugged in now did not show a token; what flowed until then is billed once."""
    left = await leave_open(tmp_path, away_s)
    async with bench(tmp_path) as b:
        guard = b.guard("1")
        assert guard.keeper.running is None
        assert guard.token is None
        now_s = b.clock.now_s() + 1.0
        guard.keeper.observe(metered(1503.0, now_s), now_s, closed=False)
        late_s = now_s + guard.keeper.settle_s + SETTLE_GRACE_S - 0.5
        guard.keeper.observe(metered(1504.0, late_s), late_s, closed=False)
        await b.parts.journal.thread.call(lambda: None)
        (cdr,) = b.parts.journal.ledger.cdrs()
        assert (cdr.session.id, cdr.session.energy_wh) == (left, 504.0)
        assert not b.parts.journal.unsaved


async def test_a_clock_that_went_back_loses_no_energy(tmp_path: Path) -> None:
    """In another boot a session's last reading never lies ahead: new ones would be disbelieved."""
    left = await leave_open(tmp_path, away_s=None)
    async with bench(tmp_path) as b:
        row = b.parts.journal.ledger.session(left)
        assert row is not None
        other = replace(
            row,
            boot_id="another boot",
            begun_wall=datetime.now(UTC) + timedelta(hours=1),
            last_taken_s=row.begun_s + 7200.0,
        )
        kept = b.parts.journal._kept(other)
        now_s = b.clock.now_s() + 1.0
        assert kept.session.last_taken_s is not None
        assert kept.session.last_taken_s < now_s
        session = core.observe(kept.session, Sample(value=9000.0, taken_s=now_s), False, now_s)
        assert session.last_wh == 9000.0


async def test_an_end_the_backend_never_heard_of_is_told_again(tmp_path: Path) -> None:
    left = await leave_open(tmp_path, away_s=1.0)
    async with bench(tmp_path) as b:
        keeper = b.guard("1").keeper
        now_s = b.clock.now_s() + 1.0
        keeper.end("stopped", now_s, opened_s=now_s)
        late_s = now_s + keeper.settle_s + 1.0
        keeper.observe(metered(1500.0, late_s), late_s, closed=False)
        ledger = b.parts.journal.ledger
        ack = AckRow(
            kind="session", object_id=left, last_updated=datetime.now(UTC),
            body=msgspec.json.encode({"status": "ACTIVE"}).decode(), acknowledged=True,
        )  # fmt: skip
        await b.parts.journal.thread.call(ledger.save_ack, ack)
    async with bench(tmp_path) as b:
        records = {record.id: record for record in b.parts.publisher.station().sessions}
        assert records[left].ended_at is not None
        done = replace(ack, body=msgspec.json.encode({"status": "COMPLETED"}).decode())
        await b.parts.journal.thread.call(b.parts.journal.ledger.save_ack, done)
    async with bench(tmp_path) as b:
        assert left not in {record.id for record in b.parts.publisher.station().sessions}


async def test_out_of_service_stays_so(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.ask("2", "out")
        await b.parts.journal.thread.call(lambda: None)
    async with bench(tmp_path) as b:
        assert [b.guard(name).in_service for name in ("1", "2")] == [True, False]
        b.ask("2", "in")
        await b.parts.journal.thread.call(lambda: None)
    async with bench(tmp_path) as b:
        assert b.guard("2").in_service


@pytest.mark.parametrize(
    ("content", "away_s"),
    [
        ("this-boot 100.0", 5.0),
        ("this-boot 200.0", None),
        ("another 100.0", None),
        ("nonsense", None),
        ("this-boot soon", None),
        (None, None),
    ],
)
def test_the_sign_of_life(tmp_path: Path, content: str | None, away_s: float | None) -> None:
    alive = AliveFile(path=tmp_path / "api.alive", boot_id="this-boot")
    if content is not None:
        alive.path.write_text(content)
    assert alive.away_s(105.0) == away_s
    alive.sign(106.0)
    assert alive.away_s(108.0) == pytest.approx(2.0)
