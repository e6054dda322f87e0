"""Location, EVSE, Connector, Parking. Source: mod_locations.

`faults` is our own extension of the EVSE (2.3.0 transport_and_format, Non-specified JSON fields).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from laddvakt_agent.uplink.structs.enums import (
    Capability,
    ConnectorCapability,
    ConnectorFormat,
    ConnectorType,
    EvsePosition,
    Facility,
    ParkingDirection,
    ParkingRestriction,
    ParkingType,
    PowerType,
    Status,
    VehicleType,
)
from laddvakt_agent.uplink.structs.faults import EvseFault
from laddvakt_agent.uplink.structs.kinds import (
    NEW,
    NEW_AND_OURS,
    Ci36,
    Country,
    CountryCode,
    PartyId,
    Text10,
    Text16,
    Text45,
    Text255,
    Url,
)
from laddvakt_agent.uplink.structs.places import (
    AdditionalGeoLocation,
    BusinessDetails,
    DisplayText,
    EnergyMix,
    GeoLocation,
    Hours,
    Image,
    PublishTokenType,
)
from laddvakt_agent.uplink.structs.plan import Object
from laddvakt_agent.uplink.structs.rules import Ci, Text, Whole


class StatusSchedule(Object, frozen=True, kw_only=True):
    """mod_locations, StatusSchedule."""

    period_begin: datetime
    period_end: datetime | None = None
    status: Status


class Connector(Object, frozen=True, kw_only=True):
    """mod_locations, Connector: V, A and W."""

    id: Ci36
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    max_voltage: Annotated[int, Whole(0)]
    max_amperage: Annotated[int, Whole(0)]
    max_electric_power: Annotated[int, Whole(0)] | None = None
    tariff_ids: tuple[Ci36, ...] = ()
    terms_and_conditions: Url | None = None
    capabilities: Annotated[tuple[ConnectorCapability, ...], NEW] = ()
    last_updated: datetime


class EVSEParking(Object, frozen=True, kw_only=True):
    """mod_locations, EVSEParking (2.3.0)."""

    parking_id: Ci36
    evse_position: EvsePosition | None = None


class EVSE(Object, frozen=True, kw_only=True):
    """mod_locations, EVSE."""

    uid: Ci36
    evse_id: Annotated[str, Ci(48)] | None = None
    status: Status
    status_schedule: tuple[StatusSchedule, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    connectors: tuple[Connector, ...]
    floor_level: Annotated[str, Text(4)] | None = None
    coordinates: GeoLocation | None = None
    physical_reference: Text16 | None = None
    directions: tuple[DisplayText, ...] = ()
    parking_restrictions: tuple[ParkingRestriction, ...] = ()
    parking: Annotated[tuple[EVSEParking, ...], NEW] = ()
    images: tuple[Image, ...] = ()
    accepted_service_providers: Annotated[tuple[Annotated[str, Text(50)], ...], NEW] = ()
    faults: Annotated[tuple[EvseFault, ...], NEW_AND_OURS] = ()
    last_updated: datetime


class Parking(Object, frozen=True, kw_only=True):
    """mod_locations, Parking (2.3.0): kg, cm and minutes."""

    id: Ci36
    physical_reference: Annotated[str, Text(12)] | None = None
    vehicle_types: tuple[VehicleType, ...]
    max_vehicle_weight: Decimal | None = None
    max_vehicle_height: Decimal | None = None
    max_vehicle_length: Decimal | None = None
    max_vehicle_width: Decimal | None = None
    parking_space_length: Decimal | None = None
    parking_space_width: Decimal | None = None
    dangerous_goods_allowed: bool | None = None
    direction: ParkingDirection | None = None
    drive_through: bool | None = None
    restricted_to_type: bool
    reservation_required: bool
    time_limit: Decimal | None = None
    roofed: bool | None = None
    images: tuple[Image, ...] = ()
    lighting: bool | None = None
    refrigeration_outlet: bool | None = None
    standards: tuple[Ci36, ...] = ()
    apds_reference: Annotated[str, Ci(255)] | None = None


class Location(Object, frozen=True, kw_only=True):
    """mod_locations, Location; the longer limits of the corrected editions."""

    country_code: CountryCode
    party_id: PartyId
    id: Ci36
    publish: bool
    publish_allowed_to: tuple[PublishTokenType, ...] = ()
    name: Text255 | None = None
    address: Text255
    city: Text45
    postal_code: Text10 | None = None
    state: Text45 | None = None
    country: Country
    coordinates: GeoLocation
    related_locations: tuple[AdditionalGeoLocation, ...] = ()
    parking_type: ParkingType | None = None
    evses: tuple[EVSE, ...] = ()
    parking_places: Annotated[tuple[Parking, ...], NEW] = ()
    directions: tuple[DisplayText, ...] = ()
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: tuple[Facility, ...] = ()
    time_zone: Text255
    opening_times: Hours | None = None
    charging_when_closed: bool | None = None
    images: tuple[Image, ...] = ()
    energy_mix: EnergyMix | None = None
    help_phone: Annotated[Annotated[str, Ci(25)] | None, NEW] = None
    last_updated: datetime

    def conflicts(self, *, strict: bool) -> Iterator[tuple[str, str, str]]:
        """What the descriptions say beside the types."""
        if not strict:
            return
        if self.publish and self.publish_allowed_to:
            yield "publish_allowed_to", "is given for a published place", "leave it out"
        uids = [evse.uid.casefold() for evse in self.evses]
        if len(set(uids)) < len(uids):
            yield "evses", "have the same uid twice", "give each its own"
        if any(evse.last_updated > self.last_updated for evse in self.evses):
            yield "last_updated", "is older than one of its EVSEs'", "write the latest of them"
