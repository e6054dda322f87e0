"""What OCPI 2.3.0 changes in the value lists of 2.2.1, and which of them became open."""

from __future__ import annotations

from typing import Final

from laddvakt_sim.backend.enums import ENUMS, words

_CHANGED: Final[dict[str, frozenset[str]]] = {
    "ConnectorType": ENUMS["ConnectorType"] | words("MCS SAE_J3400"),
    "ParkingRestriction": ENUMS["ParkingRestriction"] | words("EMPLOYEES TAXIS TENANTS"),
    "TokenType": ENUMS["TokenType"] | words("EMAID"),
    "Role": ENUMS["Role"] - words("HUB"),
    "VersionNumber": ENUMS["VersionNumber"] | words("2.3.0"),
    "ModuleID": ENUMS["ModuleID"] | words("payments"),  # the Payments document
}

_NEW: Final[dict[str, frozenset[str]]] = {
    "ConnectorCapability": words("ISO_15118_2_PLUG_AND_CHARGE ISO_15118_20_PLUG_AND_CHARGE"),
    "EVSEPosition": words("LEFT RIGHT CENTER"),
    "ParkingDirection": words("PARALLEL PERPENDICULAR ANGLE"),
    "VehicleType": words(
        "MOTORCYCLE PERSONAL_VEHICLE PERSONAL_VEHICLE_WITH_TRAILER VAN SEMI_TRACTOR RIGID "
        "TRUCK_WITH_TRAILER BUS DISABLED"
    ),
    "TaxIncluded": words("YES NO N/A"),
    "InvoiceCreator": words("CPO PTP"),
    "CaptureStatusCode": words("SUCCESS PARTIAL_SUCCESS FAILED"),
}

ENUMS_2_3_0: Final[dict[str, frozenset[str]]] = {**ENUMS, **_CHANGED, **_NEW}

# Headed "OpenEnum": other values than those listed are allowed too.
OPEN_2_3_0: Final = words(
    "Capability ConnectorCapability ConnectorType CommandType EnvironmentalImpactCategory Facility "
    "ImageCategory ModuleID ParkingRestriction ParkingType TokenType VehicleType VersionNumber"
)
