"""Published records as OCPI 2.2.1 objects. Pure; `last_updated` is added by `stamped_*`.

Every function returns the content alone, so that two contents can be compared: what has not
changed keeps its `last_updated`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from laddvakt_agent.uplink.metered import charging_periods, signed_data, whole_period
from laddvakt_agent.uplink.text import (
    NOT_AVAILABLE,
    date_time,
    hours,
    identifier,
    kwh,
    string,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from laddvakt_agent.published import (
        CdrRecord,
        EvseStatus,
        FaultReport,
        SessionRecord,
        TokenRef,
    )
    from laddvakt_agent.uplink.settings import (
        ConnectorSettings,
        EvseSettings,
        LocationSettings,
        UplinkSettings,
    )

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Content: TypeAlias = "dict[str, Json]"


def location(settings: UplinkSettings, statuses: Mapping[str, EvseStatus]) -> Content:
    """The Location with the current status of each EVSE; one not yet heard of is UNKNOWN."""
    place = settings.location
    return _present(
        country_code=settings.country_code,
        party_id=settings.party_id,
        id=place.id,
        publish=place.publish,
        name=_optional(place.name, 255),
        address=string(place.address, 45),
        city=string(place.city, 45),
        postal_code=_optional(place.postal_code, 10),
        country=place.country,
        coordinates={"latitude": place.latitude, "longitude": place.longitude},
        evses=[evse(item, statuses.get(item.uid)) for item in place.evses],
        time_zone=place.time_zone,
    )


def evse(settings: EvseSettings, status: EvseStatus | None) -> Content:
    """One EVSE with its connectors."""
    return _present(
        uid=settings.uid,
        evse_id=settings.evse_id,
        status="UNKNOWN" if status is None else status.value,
        connectors=[connector(item) for item in settings.connectors],
        physical_reference=_optional(settings.physical_reference, 16),
    )


def connector(settings: ConnectorSettings) -> Content:
    """One connector."""
    return _present(
        id=settings.id,
        standard=settings.standard,
        format=settings.format,
        power_type=settings.power_type,
        max_voltage=settings.max_voltage,
        max_amperage=settings.max_amperage,
        max_electric_power=settings.max_electric_power,
    )


def session(settings: UplinkSettings, record: SessionRecord) -> Content:
    """A Session: ACTIVE until it ended. Its last period is told once another has followed it."""
    ended_at = None if record.ended_at is None else max(record.ended_at, record.started_at)
    periods = record.periods[:-1] if ended_at is None else record.periods
    return _present(
        country_code=settings.country_code,
        party_id=settings.party_id,
        id=identifier(record.id, 36),
        start_date_time=date_time(record.started_at),
        end_date_time=None if ended_at is None else date_time(ended_at),
        kwh=kwh(record.energy_wh),
        cdr_token=cdr_token(record.token),
        auth_method=record.auth_method,
        authorization_reference=_optional(record.authorization_reference, 36),
        location_id=settings.location.id,
        evse_uid=record.evse_uid,
        connector_id=record.connector_id,
        meter_id=_optional(record.meter_id, 255),
        currency=settings.currency,
        charging_periods=charging_periods(periods, record.started_at, ended_at),
        status=_session_status(record),
    )


def _session_status(record: SessionRecord) -> str:
    if record.ended_at is None:
        return "RESERVATION" if record.waiting else "ACTIVE"
    return "COMPLETED" if record.unbilled is None else "INVALID"  # never billed


def cdr_token(token: TokenRef) -> Content:
    """Who charged."""
    return {
        "country_code": token.country_code,
        "party_id": token.party_id,
        "uid": identifier(token.uid, 36),
        "type": token.type,
        "contract_id": identifier(token.contract_id, 36),
    }


def cdr(settings: UplinkSettings, record: CdrRecord) -> Content:
    """A CDR, whole and final, with its `last_updated`: the moment it was made.

    Raises:
        ValueError: the session has not ended, or is not at one of our EVSEs.
    """
    done = record.session
    if done.ended_at is None:
        raise ValueError(f"CDR {record.id}: its session {done.id} has not ended")
    ended_at = max(done.ended_at, done.started_at)
    # Measured durations, not the difference of two wall times: the clock may have been set.
    measured_s = record.charging_s + record.parking_s + record.held_s + record.reserved_s
    total_s = measured_s or (ended_at - done.started_at).total_seconds()
    return _present(
        country_code=settings.country_code,
        party_id=settings.party_id,
        id=identifier(record.id, 36),
        start_date_time=date_time(done.started_at),
        end_date_time=date_time(ended_at),
        session_id=identifier(done.id, 36),
        cdr_token=cdr_token(done.token),
        auth_method=done.auth_method,
        authorization_reference=_optional(done.authorization_reference, 36),
        cdr_location=cdr_location(settings.location, done.evse_uid, done.connector_id),
        meter_id=_optional(done.meter_id, 255),
        currency=settings.currency,
        charging_periods=_cdr_periods(record, ended_at),
        signed_data=signed_data(done),
        total_cost={"excl_vat": 0},  # no tariff: free of charge
        total_energy=kwh(done.energy_wh),
        total_time=hours(total_s),
        total_parking_time=hours(record.parking_s),
        remark=_optional(record.remark, 255),
        last_updated=date_time(record.created_at),
    )


def cdr_location(place: LocationSettings, evse_uid: str, connector_id: str) -> Content:
    """Where it was charged; ValueError when that is none of our connectors."""
    for at_evse in place.evses:
        for at in at_evse.connectors:
            if (at_evse.uid, at.id) == (evse_uid, connector_id):
                return _present(
                    id=place.id,
                    name=_optional(place.name, 255),
                    address=string(place.address, 45),
                    city=string(place.city, 45),
                    postal_code=_optional(place.postal_code, 10),
                    country=place.country,
                    coordinates={"latitude": place.latitude, "longitude": place.longitude},
                    evse_uid=evse_uid,
                    evse_id=at_evse.evse_id or NOT_AVAILABLE,
                    connector_id=connector_id,
                    connector_standard=at.standard,
                    connector_format=at.format,
                    connector_power_type=at.power_type,
                )
    raise ValueError(f"EVSE {evse_uid!r} has no connector {connector_id!r} in the configuration")


def fault(settings: UplinkSettings, report: FaultReport) -> Content:
    """A fault of the custom module; one of the whole station has no EVSE."""
    return _present(
        id=identifier(report.id, 36),
        code=report.code,
        severity=report.severity,
        location_id=settings.location.id,
        evse_uid=report.evse_uid or NOT_AVAILABLE,
        connector_id=report.connector_id,
        started_at=date_time(report.started_at),
        cleared_at=None
        if report.cleared_at is None
        else date_time(max(report.cleared_at, report.started_at)),
        cause=report.cause,
        symptoms=list(report.symptoms),
        mrec=report.mrec,
        ocpp16=report.ocpp16,
        locked_out=report.locked_out,
    )


def session_patch(before: Content, after: Content) -> Content | None:
    """What a PATCH must say so that `before` becomes `after`; `None` where only a PUT can.

    mod_sessions, PATCH: periods are added, never replaced; a field cannot be removed.
    """
    told, wanted = before.get("charging_periods"), after.get("charging_periods")
    if not isinstance(told, list) or not isinstance(wanted, list):
        return None
    if before.keys() - after.keys() or wanted[: len(told)] != told:
        return None
    patch = {
        name: value
        for name, value in after.items()
        if name != "charging_periods" and before.get(name) != value
    }
    if len(wanted) > len(told):
        patch["charging_periods"] = wanted[len(told) :]
    return patch


def _cdr_periods(record: CdrRecord, ended_at: datetime) -> list[Json]:
    """The session's periods, which begin with it; one for all of it where none was recorded."""
    done = record.session
    if done.periods:
        first = replace(done.periods[0], started_at=done.started_at)
        return charging_periods((first, *done.periods[1:]), done.started_at, ended_at)
    return [whole_period(record)]


def _optional(value: str | None, limit: int) -> str | None:
    return string(value, limit) or None if value is not None else None


def _present(**fields: Json) -> Content:
    """The fields that have a value; OCPI reads a missing one as null."""
    return {name: value for name, value in fields.items() if value is not None}
