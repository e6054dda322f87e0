"""Location, EVSE, Connector and faults, of configuration and published records. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_agent.uplink.text import NOT_AVAILABLE, Json, date_time, identifier, string
from laddvakt_agent.uplink.told import limits, optional, present
from laddvakt_agent.uplink.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from laddvakt_agent.published import EvseStatus, FaultReport
    from laddvakt_agent.uplink.settings import (
        ConnectorSettings,
        EvseSettings,
        LocationSettings,
        UplinkSettings,
    )
    from laddvakt_agent.uplink.text import Content

_CDR_ADDRESS = 45  # mod_cdrs, CdrLocation: not lengthened with that of the Location


def location(
    settings: UplinkSettings,
    statuses: Mapping[str, EvseStatus],
    faults: Iterable[FaultReport] = (),
) -> Content:
    """The Location with the current status of each EVSE; one not yet heard of is UNKNOWN."""
    place = settings.location
    standing = tuple(faults)
    return present(
        country_code=settings.country_code,
        party_id=settings.party_id,
        id=place.id,
        publish=place.publish,
        name=optional(place.name, 255),
        address=string(place.address, limits(settings).address),
        city=string(place.city, 45),
        postal_code=optional(place.postal_code, 10),
        country=place.country,
        coordinates={"latitude": place.latitude, "longitude": place.longitude},
        evses=[
            evse(item, statuses.get(item.uid), evse_faults(settings, item.uid, standing))
            for item in place.evses
        ],
        time_zone=place.time_zone,
    )


def evse(settings: EvseSettings, status: EvseStatus | None, faults: Sequence[Json] = ()) -> Content:
    """One EVSE with its connectors; `faults` as `evse_faults` made them."""
    return present(
        uid=settings.uid,
        evse_id=settings.evse_id,
        status="UNKNOWN" if status is None else status.value,
        capabilities=list[Json](settings.capabilities) or None,
        connectors=[connector(item) for item in settings.connectors],
        physical_reference=optional(settings.physical_reference, 16),
        faults=list(faults) or None,
    )


def connector(settings: ConnectorSettings) -> Content:
    """One connector."""
    return present(
        id=settings.id,
        standard=settings.standard,
        format=settings.format,
        power_type=settings.power_type,
        max_voltage=settings.max_voltage,
        max_amperage=settings.max_amperage,
        max_electric_power=settings.max_electric_power,
        tariff_ids=list[Json](settings.tariff_ids) or None,
    )


def evse_faults(
    settings: UplinkSettings, evse_uid: str, reports: Iterable[FaultReport]
) -> list[Json]:
    """The standing faults of one EVSE, those of the whole station among them, oldest first.

    Empty for a platform of 2.2.1, where an extra field is not safe, and for one without our
    agreement on faults. A fault that clears changes the list: only a PUT of the EVSE tells that,
    since no PATCH takes the last one away.
    """
    if settings.version is Version.V2_2_1 or settings.endpoints.faults is None:
        return []
    standing = [
        report
        for report in reports
        if report.cleared_at is None and report.evse_uid in {None, evse_uid}
    ]
    standing.sort(key=lambda report: (report.started_at, report.id))
    return [
        present(
            id=identifier(report.id, 36),
            code=report.code,
            severity=report.severity,
            started_at=date_time(report.started_at),
            cause=report.cause,
            connector_id=report.connector_id,
            mrec=report.mrec,
            ocpp16=report.ocpp16,
            locked_out=report.locked_out,
        )
        for report in standing
    ]


def fault(settings: UplinkSettings, report: FaultReport) -> Content:
    """A fault of the custom module; one of the whole station has no EVSE."""
    return present(
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


def cdr_location(place: LocationSettings, evse_uid: str, connector_id: str) -> Content:
    """Where it was charged; ValueError when that is none of our connectors."""
    for at_evse in place.evses:
        for at in at_evse.connectors:
            if (at_evse.uid, at.id) == (evse_uid, connector_id):
                return present(
                    id=place.id,
                    name=optional(place.name, 255),
                    address=string(place.address, _CDR_ADDRESS),
                    city=string(place.city, 45),
                    postal_code=optional(place.postal_code, 10),
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
