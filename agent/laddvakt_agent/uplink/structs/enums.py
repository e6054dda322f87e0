"""The enumerations; those that 2.3.0 opened or extended say so.

Source: mod_locations, mod_sessions, mod_cdrs, mod_tariffs, mod_tokens, mod_commands,
mod_charging_profiles, mod_payments, credentials, version_information_endpoint, types.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from laddvakt_agent.uplink.structs.rules import OneOf
from laddvakt_agent.uplink.version import Version


def _open(values: str, *, later: str = "") -> OneOf:
    """Closed in 2.2.1, open since 2.3.0."""
    return OneOf(tuple(values.split()), later=tuple(later.split()), open_since=Version.V2_3_0)


# mod_locations
Status: TypeAlias = Literal[
    "AVAILABLE",
    "BLOCKED",
    "CHARGING",
    "INOPERATIVE",
    "OUTOFORDER",
    "PLANNED",
    "REMOVED",
    "RESERVED",
    "UNKNOWN",
]
Capability: TypeAlias = Annotated[
    str,
    _open(
        "CHARGING_PROFILE_CAPABLE CHARGING_PREFERENCES_CAPABLE CHIP_CARD_SUPPORT "
        "CONTACTLESS_CARD_SUPPORT CREDIT_CARD_PAYABLE DEBIT_CARD_PAYABLE PED_TERMINAL "
        "REMOTE_START_STOP_CAPABLE RESERVABLE RFID_READER START_SESSION_CONNECTOR_REQUIRED "
        "TOKEN_GROUP_CAPABLE UNLOCK_CAPABLE"
    ),
]
ConnectorFormat: TypeAlias = Literal["SOCKET", "CABLE"]
ConnectorType: TypeAlias = Annotated[
    str,
    _open(
        "CHADEMO CHAOJI DOMESTIC_A DOMESTIC_B DOMESTIC_C DOMESTIC_D DOMESTIC_E DOMESTIC_F "
        "DOMESTIC_G DOMESTIC_H DOMESTIC_I DOMESTIC_J DOMESTIC_K DOMESTIC_L DOMESTIC_M DOMESTIC_N "
        "DOMESTIC_O GBT_AC GBT_DC IEC_60309_2_single_16 IEC_60309_2_three_16 "
        "IEC_60309_2_three_32 IEC_60309_2_three_64 IEC_62196_T1 IEC_62196_T1_COMBO IEC_62196_T2 "
        "IEC_62196_T2_COMBO IEC_62196_T3A IEC_62196_T3C NEMA_5_20 NEMA_6_30 NEMA_6_50 NEMA_10_30 "
        "NEMA_10_50 NEMA_14_30 NEMA_14_50 PANTOGRAPH_BOTTOM_UP PANTOGRAPH_TOP_DOWN TESLA_R "
        "TESLA_S",
        later="MCS SAE_J3400",
    ),
]
ConnectorCapability: TypeAlias = Annotated[
    str, _open("ISO_15118_2_PLUG_AND_CHARGE ISO_15118_20_PLUG_AND_CHARGE")
]
PowerType: TypeAlias = Literal["AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"]
EnergySourceCategory: TypeAlias = Literal[
    "NUCLEAR", "GENERAL_FOSSIL", "COAL", "GAS", "GENERAL_GREEN", "SOLAR", "WIND", "WATER"
]
EnvironmentalImpactCategory: TypeAlias = Annotated[str, _open("NUCLEAR_WASTE CARBON_DIOXIDE")]
Facility: TypeAlias = Annotated[
    str,
    _open(
        "HOTEL RESTAURANT CAFE MALL SUPERMARKET SPORT RECREATION_AREA NATURE MUSEUM BIKE_SHARING "
        "BUS_STOP TAXI_STAND TRAM_STOP METRO_STATION TRAIN_STATION AIRPORT PARKING_LOT "
        "CARPOOL_PARKING FUEL_STATION WIFI"
    ),
]
ImageCategory: TypeAlias = Annotated[
    str, _open("CHARGER ENTRANCE LOCATION NETWORK OPERATOR OTHER OWNER")
]
ParkingRestriction: TypeAlias = Annotated[
    str,
    _open("EV_ONLY PLUGGED DISABLED CUSTOMERS MOTORCYCLES", later="EMPLOYEES TAXIS TENANTS"),
]
ParkingType: TypeAlias = Annotated[
    str,
    _open("ALONG_MOTORWAY PARKING_GARAGE PARKING_LOT ON_DRIVEWAY ON_STREET UNDERGROUND_GARAGE"),
]
ParkingDirection: TypeAlias = Literal["PARALLEL", "PERPENDICULAR", "ANGLE"]
EvsePosition: TypeAlias = Literal["LEFT", "RIGHT", "CENTER"]
VehicleType: TypeAlias = Annotated[
    str,
    _open(
        "MOTORCYCLE PERSONAL_VEHICLE PERSONAL_VEHICLE_WITH_TRAILER VAN SEMI_TRACTOR RIGID "
        "TRUCK_WITH_TRAILER BUS DISABLED"
    ),
]

# mod_sessions
SessionStatus: TypeAlias = Literal["ACTIVE", "COMPLETED", "INVALID", "PENDING", "RESERVATION"]
ProfileType: TypeAlias = Literal["CHEAP", "FAST", "GREEN", "REGULAR"]
ChargingPreferencesResponse: TypeAlias = Literal[
    "ACCEPTED",
    "DEPARTURE_REQUIRED",
    "ENERGY_NEED_REQUIRED",
    "NOT_POSSIBLE",
    "PROFILE_TYPE_NOT_SUPPORTED",
]

# mod_cdrs
AuthMethod: TypeAlias = Literal["AUTH_REQUEST", "COMMAND", "WHITELIST"]
CdrDimensionType: TypeAlias = Literal[
    "CURRENT",
    "ENERGY",
    "ENERGY_EXPORT",
    "ENERGY_IMPORT",
    "MAX_CURRENT",
    "MIN_CURRENT",
    "MAX_POWER",
    "MIN_POWER",
    "PARKING_TIME",
    "POWER",
    "RESERVATION_TIME",
    "STATE_OF_CHARGE",
    "TIME",
]
SESSION_ONLY = frozenset({"CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE"})

# mod_tariffs
TariffType: TypeAlias = Literal[
    "AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"
]
TariffDimensionType: TypeAlias = Literal["ENERGY", "FLAT", "PARKING_TIME", "TIME"]
TaxIncluded: TypeAlias = Literal["YES", "NO", "N/A"]
DayOfWeek: TypeAlias = Literal[
    "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"
]
ReservationRestrictionType: TypeAlias = Literal["RESERVATION", "RESERVATION_EXPIRES"]

# mod_tokens
TokenType: TypeAlias = Annotated[str, _open("AD_HOC_USER APP_USER OTHER RFID", later="EMAID")]
WhitelistType: TypeAlias = Literal["ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER"]
AllowedType: TypeAlias = Literal["ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"]

# mod_commands, mod_charging_profiles
CommandResponseType: TypeAlias = Literal["NOT_SUPPORTED", "REJECTED", "ACCEPTED", "UNKNOWN_SESSION"]
CommandResultType: TypeAlias = Literal[
    "ACCEPTED",
    "CANCELED_RESERVATION",
    "EVSE_OCCUPIED",
    "EVSE_INOPERATIVE",
    "FAILED",
    "NOT_SUPPORTED",
    "REJECTED",
    "TIMEOUT",
    "UNKNOWN_RESERVATION",
]
ChargingRateUnit: TypeAlias = Literal["W", "A"]
ChargingProfileResponseType: TypeAlias = Literal[
    "ACCEPTED", "NOT_SUPPORTED", "REJECTED", "TOO_OFTEN", "UNKNOWN_SESSION"
]
ChargingProfileResultType: TypeAlias = Literal["ACCEPTED", "REJECTED", "UNKNOWN"]

# credentials, version_information_endpoint, types. The versions endpoint is shared by all
# versions, and modules may be custom: both lists are open in 2.2.1, too.
InterfaceRole: TypeAlias = Literal["SENDER", "RECEIVER"]
Open: TypeAlias = Annotated[str, OneOf((), open_since=Version.V2_2_1)]

# mod_payments
InvoiceCreator: TypeAlias = Literal["CPO", "PTP"]
CaptureStatusCode: TypeAlias = Literal["SUCCESS", "PARTIAL_SUCCESS", "FAILED"]
