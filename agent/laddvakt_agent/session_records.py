"""Sessions and their bills as they are published: wall times instead of boot seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Signed
from laddvakt_agent.published import (
    CdrRecord,
    PeriodRecord,
    SessionRecord,
    SignedText,
    TokenRef,
    ValueRecord,
)

WallAt = Callable[[float], datetime]


def session_record(
    session: core.Session,
    *,
    evse_uid: str,
    token: TokenRef,
    auth_method: str,
    meter_id: str | None,
    wall_at: WallAt,
    changed_at: datetime,
    authorization_reference: str | None = None,
) -> SessionRecord:
    """The session as the backend should know it; ended only once its stop value is settled.

    `meter_id`: what to call a meter that does not tell its serial number.
    """
    final = session.settled and session.ended_s is not None
    totals = core.totals(session)
    return SessionRecord(
        id=session.id,
        evse_uid=evse_uid,
        connector_id=session.connector,
        token=token,
        auth_method=auth_method,
        started_at=wall_at(session.begun_s),
        ended_at=wall_at(max(session.ended_s or 0.0, session.begun_s)) if final else None,
        meter_id=session.serial or meter_id,
        start_wh=session.start_wh,
        energy_wh=totals.energy_wh,
        periods=tuple(_period(period, wall_at) for period in totals.periods),
        changed_at=changed_at,
        start=_value(session.start, wall_at),
        end=_value(session.end, wall_at) if final else None,
        reservation=session.reservation,
        unbilled=session.unbilled,
        authorization_reference=authorization_reference,
    )


def cdr_record(session: core.Session, record: SessionRecord, created_at: datetime) -> CdrRecord:
    """The bill of a settled session: one, with the session's own id."""
    totals = core.totals(session)
    return CdrRecord(
        id=session.id,
        session=record,
        end_wh=session.end_wh,
        charging_s=totals.charging_s,
        parking_s=totals.parking_s,
        held_s=totals.held_s,
        reserved_s=totals.reserved_s,
        remark=_remark(session, record),
        created_at=created_at,
        cost=record.cost,
    )


def _remark(session: core.Session, record: SessionRecord) -> str | None:
    """Why it ended, and what is not as it should be with its meter values."""
    parts = [session.end_reason or ""]
    if session.start is None:
        parts.append("the meter gave no start value: no energy is billed")
    elif session.start.reason:
        parts.append(f"start value {_word(session.start)}: {session.start.reason}")
    if session.end is not None and session.end.reason:
        parts.append(f"end value {_word(session.end)}: {session.end.reason}")
    if record.unpriced is not None:
        parts.append(f"no cost is told, the tariff could not be applied: {record.unpriced}")
    return "; ".join(part for part in parts if part) or None


def _word(value: core.MeterValue) -> str:
    return value.quality.value.replace("_", " ")


def _period(period: core.PeriodTotal, wall_at: WallAt) -> PeriodRecord:
    return PeriodRecord(
        started_at=wall_at(period.start_s),
        duration_s=period.duration_s,
        energy_wh=period.energy_wh,
        charging=period.charging,
        held=period.held,
        fault=period.kind is core.Kind.FAULT,
        reserved=period.kind is core.Kind.RESERVED,
        limit_a=period.limit_a if period.charging else None,
        max_a=period.max_a,
    )


def _value(value: core.MeterValue | None, wall_at: WallAt) -> ValueRecord | None:
    if value is None:
        return None
    return ValueRecord(
        wh=value.wh,
        taken_at=wall_at(value.taken_s),
        quality=value.quality.value,
        reason=value.reason,
        signed=None if value.signed is None else _signed(value.signed),
    )


def _signed(signed: Signed) -> SignedText:
    return SignedText(text=signed.text, encoding=signed.encoding, public_key=signed.public_key)
