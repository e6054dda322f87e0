"""Sessions, bills and faults that lie in the ledger, and live ones that do not end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from conformance.kit import Heard, Platform
from laddvakt_agent.ledger.rows import FaultRow, SessionRow
from laddvakt_agent.published import CdrRecord, PeriodRecord, SessionRecord, TokenRef

T0 = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)
DRIVER = TokenRef(
    uid="04A1B2C3", type="RFID", contract_id="NL-TNM-C0001", country_code="NL", party_id="TNM"
)
EVER = "2020-01-01T00:00:00Z"


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def record(number: int, **changes: object) -> SessionRecord:
    """Session `s-N`: an hour after the one before, half an hour long."""
    begun = T0 + timedelta(hours=number)
    made = SessionRecord(
        id=f"s-{number}",
        evse_uid="DEMO1-1",
        connector_id="1",
        token=DRIVER,
        auth_method="WHITELIST",
        started_at=begun,
        ended_at=begun + timedelta(minutes=30),
        meter_id="21001234",
        start_wh=1000.0,
        energy_wh=5000.0,
        periods=(
            PeriodRecord(started_at=begun, duration_s=1800.0, energy_wh=5000.0, charging=True),
        ),
        changed_at=begun + timedelta(minutes=30),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def row(of: SessionRecord) -> SessionRow:
    """The same in the ledger."""
    boot = "00000000-0000-4000-8000-000000000001"
    ended = of.ended_at
    return SessionRow(
        id=of.id,
        connector=of.connector_id,
        evse_uid=of.evse_uid,
        token=of.token,
        auth_method=of.auth_method,
        boot_id=boot,
        begun_s=100.0,
        begun_wall=of.started_at,
        start_wh=of.start_wh,
        ended_s=None if ended is None else 100.0 + (ended - of.started_at).total_seconds(),
        ended_wall=ended,
        end_wh=6000.0 if ended is not None else None,
        end_reason=None if ended is None else "unplugged",
        settled=ended is not None,
        periods='[{"start_s":100.0,"start_wh":1000.0,"charging":true}]',
    )


def bill(number: int) -> CdrRecord:
    """Its CDR, `c-N`."""
    session = record(number)
    assert session.ended_at is not None
    return CdrRecord(
        id=f"c-{number}",
        session=session,
        end_wh=6000.0,
        charging_s=1800.0,
        parking_s=0.0,
        remark=None,
        created_at=session.ended_at + timedelta(seconds=5),
    )


async def billed(platform: Platform, *numbers: int) -> None:
    """Sessions that are over, with their bills, as the ledger has them."""
    thread, ledger = platform.context.thread, platform.context.ledger
    for number in numbers:
        await thread.call(ledger.close_session_with_cdr, row(record(number)), bill(number))


async def running_session(platform: Platform, number: int, energy_wh: float) -> SessionRecord:
    """A session that goes on, in the ledger and published."""
    begun = T0 + timedelta(hours=number)
    going = record(
        number, ended_at=None, energy_wh=energy_wh, changed_at=begun + timedelta(seconds=energy_wh)
    )
    await platform.context.thread.call(platform.context.ledger.save_session, row(going))
    keeper = platform.bench.guard("1").keeper
    keeper.recent[:] = [kept for kept in keeper.recent if kept.id != going.id] + [going]
    return going


async def faulted(platform: Platform, *numbers: int) -> None:
    """Faults that have cleared."""
    for number in numbers:
        at = T0 + timedelta(hours=number)
        fault = FaultRow(
            id=f"f-{number}",
            code="meter_lost",
            subject="meter1",
            severity="fault",
            connector="1",
            act="RAMP",
            evidence="no reply for 3.1 s, allowed 3 s",
            cause="bus_down",
            symptoms=("meter_lost",),
            mrec="CX013",
            boot_id="00000000-0000-4000-8000-000000000001",
            since_s=120.0,
            since_wall=at,
            cleared_s=180.0,
            cleared_wall=at + timedelta(minutes=1),
            changed_wall=at + timedelta(minutes=1),
        )
        await platform.context.thread.call(platform.context.ledger.raise_fault, fault)


def ids(heard: Heard) -> list[str]:
    return [str(item["id"]) for item in heard.items]


async def crawled(platform: Platform, path: str, **params: str) -> list[dict[str, object]]:
    """Every object of every page, following the links."""
    heard = await platform.get(path, **params)
    found = heard.items
    while "Link" in heard.headers:
        heard = await platform.ask("GET", heard.headers["Link"].split(">")[0].lstrip("<"))
        found += heard.items
    return found
