"""The closed value lists of OCPI 2.2.1, transcribed from its module chapters."""

from __future__ import annotations

from typing import Final


def words(text: str) -> frozenset[str]:
    """The values in a line of text."""
    return frozenset(text.split())


# One connector standard per household plug letter, mod_locations ConnectorType.
_DOMESTIC = " ".join(f"DOMESTIC_{letter}" for letter in "ABCDEFGHIJKLMNO")

ENUMS: Final[dict[str, frozenset[str]]] = {
    # mod_locations
    "Status": words(
        "AVAILABLE BLOCKED CHARGING INOPERATIVE OUTOFORDER PLANNED REMOVED RESERVED UNKNOWN"
    ),
    "Capability": words(
        "CHARGING_PROFILE_CAPABLE CHARGING_PREFERENCES_CAPABLE CHIP_CARD_SUPPORT "
        "CONTACTLESS_CARD_SUPPORT CREDIT_CARD_PAYABLE DEBIT_CARD_PAYABLE PED_TERMINAL "
        "REMOTE_START_STOP_CAPABLE RESERVABLE RFID_READER START_SESSION_CONNECTOR_REQUIRED "
        "TOKEN_GROUP_CAPABLE UNLOCK_CAPABLE"
    ),
    "ConnectorFormat": words("SOCKET CABLE"),
    "ConnectorType": words(
        f"CHADEMO CHAOJI {_DOMESTIC} GBT_AC GBT_DC IEC_60309_2_single_16 IEC_60309_2_three_16 "
        "IEC_60309_2_three_32 IEC_60309_2_three_64 IEC_62196_T1 IEC_62196_T1_COMBO IEC_62196_T2 "
        "IEC_62196_T2_COMBO IEC_62196_T3A IEC_62196_T3C NEMA_5_20 NEMA_6_30 NEMA_6_50 NEMA_10_30 "
        "NEMA_10_50 NEMA_14_30 NEMA_14_50 PANTOGRAPH_BOTTOM_UP PANTOGRAPH_TOP_DOWN TESLA_R TESLA_S"
    ),
    "PowerType": words("AC_1_PHASE AC_2_PHASE AC_2_PHASE_SPLIT AC_3_PHASE DC"),
    "ParkingType": words(
        "ALONG_MOTORWAY PARKING_GARAGE PARKING_LOT ON_DRIVEWAY ON_STREET UNDERGROUND_GARAGE"
    ),
    "ParkingRestriction": words("EV_ONLY PLUGGED DISABLED CUSTOMERS MOTORCYCLES"),
    "Facility": words(
        "HOTEL RESTAURANT CAFE MALL SUPERMARKET SPORT RECREATION_AREA NATURE MUSEUM BIKE_SHARING "
        "BUS_STOP TAXI_STAND TRAM_STOP METRO_STATION TRAIN_STATION AIRPORT PARKING_LOT "
        "CARPOOL_PARKING FUEL_STATION WIFI"
    ),
    "ImageCategory": words("CHARGER ENTRANCE LOCATION NETWORK OPERATOR OTHER OWNER"),
    "EnergySourceCategory": words("NUCLEAR GENERAL_FOSSIL COAL GAS GENERAL_GREEN SOLAR WIND WATER"),
    "EnvironmentalImpactCategory": words("NUCLEAR_WASTE CARBON_DIOXIDE"),
    # mod_tokens
    "TokenType": words("AD_HOC_USER APP_USER OTHER RFID"),
    # mod_sessions
    "SessionStatus": words("ACTIVE COMPLETED INVALID PENDING RESERVATION"),
    # mod_cdrs
    "AuthMethod": words("AUTH_REQUEST COMMAND WHITELIST"),
    "CdrDimensionType": words(
        "CURRENT ENERGY ENERGY_EXPORT ENERGY_IMPORT MAX_CURRENT MIN_CURRENT MAX_POWER MIN_POWER "
        "PARKING_TIME POWER RESERVATION_TIME STATE_OF_CHARGE TIME"
    ),
    # mod_tariffs
    "TariffType": words("AD_HOC_PAYMENT PROFILE_CHEAP PROFILE_FAST PROFILE_GREEN REGULAR"),
    "TariffDimensionType": words("ENERGY FLAT PARKING_TIME TIME"),
    "DayOfWeek": words("MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY"),
    "ReservationRestrictionType": words("RESERVATION RESERVATION_EXPIRES"),
    # version_information_endpoint, types, credentials
    "VersionNumber": words("2.0 2.1 2.1.1 2.2 2.2.1"),
    "ModuleID": words(
        "cdrs chargingprofiles commands credentials hubclientinfo locations sessions tariffs tokens"
    ),
    "InterfaceRole": words("SENDER RECEIVER"),
    "Role": words("CPO EMSP HUB NAP NSP OTHER SCSP"),
    # mod_tokens, mod_sessions
    "AllowedType": words("ALLOWED BLOCKED EXPIRED NO_CREDIT NOT_ALLOWED"),
    "WhitelistType": words("ALWAYS ALLOWED ALLOWED_OFFLINE NEVER"),
    "ProfileType": words("CHEAP FAST GREEN REGULAR"),
    "ChargingPreferencesResponse": words(
        "ACCEPTED DEPARTURE_REQUIRED ENERGY_NEED_REQUIRED NOT_POSSIBLE PROFILE_TYPE_NOT_SUPPORTED"
    ),
    # mod_commands
    "CommandType": words(
        "CANCEL_RESERVATION RESERVE_NOW START_SESSION STOP_SESSION UNLOCK_CONNECTOR"
    ),
    "CommandResponseType": words("NOT_SUPPORTED REJECTED ACCEPTED UNKNOWN_SESSION"),
    "CommandResultType": words(
        "ACCEPTED CANCELED_RESERVATION EVSE_OCCUPIED EVSE_INOPERATIVE FAILED NOT_SUPPORTED "
        "REJECTED TIMEOUT UNKNOWN_RESERVATION"
    ),
    # mod_charging_profiles
    "ChargingRateUnit": words("W A"),
    "ChargingProfileResponseType": words(
        "ACCEPTED NOT_SUPPORTED REJECTED TOO_OFTEN UNKNOWN_SESSION"
    ),
    "ChargingProfileResultType": words("ACCEPTED REJECTED UNKNOWN"),
    # the custom fault module
    "FaultSeverity": words("info warning fault safety"),
}

# Versions lists what else a platform speaks; custom modules extend ModuleID (Custom Modules).
OPEN_2_2_1: Final = words("ModuleID VersionNumber")

# mod_cdrs, CdrDimensionType, column "Session Only".
SESSION_ONLY_DIMENSIONS: Final = words("CURRENT ENERGY_EXPORT ENERGY_IMPORT POWER STATE_OF_CHARGE")
