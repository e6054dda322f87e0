"""Sessions and CDRs, of published records. Pure; a Session's `last_updated` is added later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from laddvakt_agent.uplink import costs
from laddvakt_agent.uplink.metered import charging_periods, signed_data, whole_period
from laddvakt_agent.uplink.placed import cdr_location
from laddvakt_agent.uplink.text import date_time, hours, identifier, kwh
from laddvakt_agent.uplink.told import leaving, limits, optional, present
from laddvakt_agent.uplink.version import Version

if TYPE_CHECKING:
    from datetime import datetime

    from laddvakt_agent.published import CdrRecord, SessionRecord, TokenRef
    from laddvakt_agent.uplink.settings import UplinkSettings
    from laddvakt_agent.uplink.text import Content, Json

_TYPES_2_2_1 = frozenset({"AD_HOC_USER", "APP_USER", "OTHER", "RFID"})
_OF_A_CREDIT = ("id", "credit", "credit_reference_id", "last_updated")
_ID, _CREDIT_ID = 36, 39  # characters; a credit CDR's leaves room for something appended


def session(settings: UplinkSettings, record: SessionRecord) -> Content:
    """A Session: ACTIVE until it ended. Its last period is told once another has followed it."""
    ended_at = None if record.ended_at is None else max(record.ended_at, record.started_at)
    periods = record.periods[:-1] if ended_at is None else record.periods
    cost, reference = record.cost, record.authorization_reference
    tariff_ids = () if cost is None else cost.period_tariff_ids
    return present(
        country_code=settings.country_code,
        party_id=settings.party_id,
        id=identifier(record.id, _ID),
        start_date_time=date_time(record.started_at),
        end_date_time=None if ended_at is None else date_time(ended_at),
        kwh=kwh(record.energy_wh),
        cdr_token=cdr_token(record.token, settings.version),
        auth_method=record.auth_method,
        authorization_reference=None if reference is None else identifier(reference, _ID),
        location_id=settings.location.id,
        evse_uid=record.evse_uid,
        connector_id=record.connector_id,
        meter_id=optional(record.meter_id, 255),
        currency=settings.currency if cost is None else cost.currency,
        charging_periods=charging_periods(periods, record.started_at, ended_at, tariff_ids),
        total_cost=None if cost is None else costs.price(settings.version, cost.total),
        status=_session_status(record),
    )


def cdr_token(token: TokenRef, version: Version = Version.V2_2_1) -> Content:
    """Who charged; a type that 2.2.1 does not know is OTHER there."""
    is_known = version is not Version.V2_2_1 or token.type in _TYPES_2_2_1
    return {
        "country_code": token.country_code,
        "party_id": token.party_id,
        "uid": identifier(token.uid, _ID),
        "type": token.type if is_known else "OTHER",
        "contract_id": identifier(token.contract_id, _ID),
    }


def cdr(settings: UplinkSettings, record: CdrRecord) -> Content:
    """A CDR, whole and final, with its `last_updated`: the moment it was made.

    Raises:
        ValueError: the session has not ended, or is not at one of our EVSEs, or the tables of
            this version are broken (`Invalid`).
    """
    done = record.session
    if done.ended_at is None:
        raise ValueError(f"CDR {record.id}: its session {done.id} has not ended")
    ended_at = max(done.ended_at, done.started_at)
    version, cost, reference = settings.version, record.cost, done.authorization_reference
    # Measured durations, not the difference of two wall times: the clock may have been set.
    measured_s = record.charging_s + record.parking_s + record.held_s + record.reserved_s
    total_s = measured_s or (ended_at - done.started_at).total_seconds()
    is_credit = record.credits is not None
    content = present(
        country_code=settings.country_code,
        party_id=settings.party_id,
        id=cdr_id(record),
        start_date_time=date_time(done.started_at),
        end_date_time=date_time(ended_at),
        session_id=identifier(done.id, _ID),
        cdr_token=cdr_token(done.token, version),
        auth_method=done.auth_method,
        authorization_reference=None if reference is None else identifier(reference, _ID),
        cdr_location=cdr_location(settings.location, done.evse_uid, done.connector_id),
        meter_id=optional(done.meter_id, 255),
        currency=settings.currency if cost is None else cost.currency,
        tariffs=costs.tariffs(version, cost) or None,
        charging_periods=_cdr_periods(record, ended_at),
        signed_data=signed_data(done, limits(settings).plain_data),
        total_cost=costs.total(version, cost, credit=is_credit),
        total_energy=kwh(done.energy_wh),
        total_time=hours(total_s),
        total_parking_time=hours(record.parking_s),
        **costs.parts(version, cost),
        remark=optional(record.remark, 255),
        credit=True if is_credit else None,
        credit_reference_id=None if record.credits is None else identifier(record.credits, _ID),
        last_updated=date_time(record.created_at),
    )
    leaving(settings, "CDR", content)
    return content


def cdr_id(record: CdrRecord) -> str:
    """The id that a CDR is told by."""
    return identifier(record.id, _ID if record.credits is None else _CREDIT_ID)


def follows(record: CdrRecord) -> str | None:
    """The told id of the CDR that goes before this one."""
    if record.follows is None:
        return None
    return identifier(record.follows, _CREDIT_ID if record.credits is None else _ID)


def as_told(credit: Content, original: Content | None) -> Content:
    """A credit CDR of what was told, whatever is known better by now; `None`: not known."""
    if original is None:
        return credit
    total, own = original.get("total_cost"), credit["total_cost"]
    if not isinstance(total, dict) or not isinstance(own, dict) or total.keys() != own.keys():
        return credit  # it was told in another version
    mine = {name: credit[name] for name in _OF_A_CREDIT}
    return {**original, **mine, "total_cost": costs.turned(total)}


def credit_of(record: CdrRecord, created_at: datetime) -> CdrRecord:
    """The CDR that takes `record` back; a corrected one may follow under an id of its own.

    Raises:
        ValueError: `record` takes one back itself.
    """
    if record.credits is not None:
        raise ValueError(f"CDR {record.id} is a credit CDR: make a new CDR instead")
    told_id = identifier(record.id, _ID)
    return replace(
        record,
        id=f"{told_id}-C",
        credits=record.id,
        follows=record.id,
        created_at=created_at,
    )


def _session_status(record: SessionRecord) -> str:
    if record.ended_at is None:
        return "RESERVATION" if record.waiting else "ACTIVE"
    return "COMPLETED" if record.unbilled is None else "INVALID"  # never billed


def _cdr_periods(record: CdrRecord, ended_at: datetime) -> list[Json]:
    """The session's periods, which begin with it; one for all of it where none was recorded."""
    done = record.session
    tariff_ids = () if record.cost is None else record.cost.period_tariff_ids
    if done.periods:
        first = replace(done.periods[0], started_at=done.started_at)
        periods = (first, *done.periods[1:])
        return charging_periods(periods, done.started_at, ended_at, tariff_ids)
    return [whole_period(record, tariff_ids[0] if tariff_ids else None)]
