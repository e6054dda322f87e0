"""Rows to write down, and a clock to write them by."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.core.model import Latch
from laddvakt_agent.ledger import FaultRow, Ledger, SessionRow
from laddvakt_agent.published import CdrRecord, PeriodRecord, SessionRecord, TokenRef

WALL = datetime(2027, 1, 1, 12, 0, tzinfo=UTC)
TOKEN = TokenRef(
    uid="04A1B2C3", type="RFID", contract_id="SE-LVK-C1", country_code="SE", party_id="LVK"
)


def open_ledger(directory: Path, time: FakeTime) -> Ledger:
    clock = Clock(time)
    return Ledger.open(directory, boot=clock.boot(), clock=clock)


def session_row(session_id: str = "s1", *, start_wh: float | None = 1234.5) -> SessionRow:
    return SessionRow(
        id=session_id,
        connector="1",
        evse_uid="SE*LVK*E1",
        token=TOKEN,
        auth_method="WHITELIST",
        boot_id="00000000-0000-4000-8000-000000000001",
        begun_s=100.0,
        begun_wall=WALL,
        meter_id="meter1",
        start_wh=start_wh,
        periods='[{"charging":true}]',
    )


def ended(row: SessionRow, *, end_wh: float = 2345.5) -> SessionRow:
    return replace(
        row,
        last_wh=end_wh,
        last_taken_s=500.0,
        last_wall=WALL + timedelta(seconds=400),
        ended_s=501.0,
        ended_wall=WALL + timedelta(seconds=401, microseconds=250_000),
        end_wh=end_wh,
        end_reason="unplugged",
    )


def cdr_of(row: SessionRow, cdr_id: str = "c1") -> CdrRecord:
    assert row.ended_wall is not None
    energy_wh = (row.end_wh or 0.0) - (row.start_wh or 0.0)
    period = PeriodRecord(started_at=WALL, duration_s=401.25, energy_wh=energy_wh, charging=True)
    session = SessionRecord(
        id=row.id,
        evse_uid=row.evse_uid,
        connector_id=row.connector,
        token=row.token,
        auth_method=row.auth_method,
        started_at=row.begun_wall,
        ended_at=row.ended_wall,
        meter_id=row.meter_id,
        start_wh=row.start_wh,
        energy_wh=energy_wh,
        periods=(period,),
        changed_at=row.ended_wall,
    )
    return CdrRecord(
        id=cdr_id,
        session=session,
        end_wh=row.end_wh,
        charging_s=401.25,
        parking_s=0.0,
        remark=None,
        created_at=row.ended_wall,
    )


def fault_row(fault_id: str = "f1", code: str = "meter_lost") -> FaultRow:
    return FaultRow(
        id=fault_id,
        code=code,
        subject="meter1",
        severity="fault",
        connector="1",
        act="RAMP",
        evidence="no reply for 3.1 s, allowed 3 s",
        cause="bus_down",
        symptoms=("device_lost", "meter_lost"),
        mrec="CX013",
        boot_id="00000000-0000-4000-8000-000000000001",
        since_s=120.0,
        since_wall=WALL,
        changed_wall=WALL,
    )


def latch(code: str = "contactor_welded", *, spent_s: tuple[float, ...] = ()) -> Latch:
    return Latch(code=code, subject="1", locked_out=True, active=True, spent_s=spent_s)
