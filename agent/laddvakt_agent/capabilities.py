"""What an EVSE can really do for platforms, as OCPI capabilities, from the configuration.

Nothing is told that nobody could use: in device mode no platform can send an order.
"""

from __future__ import annotations

from laddvakt_agent.config import Config, ConnectorConfig, UplinkConfig
from laddvakt_agent.uplink.receivers.orders import Place

REMOTE = "REMOTE_START_STOP_CAPABLE"
RESERVABLE = "RESERVABLE"
PROFILES = "CHARGING_PROFILE_CAPABLE"
UNLOCK = "UNLOCK_CAPABLE"
RFID_READER = "RFID_READER"
TOKEN_GROUP = "TOKEN_GROUP_CAPABLE"


def ordered(part: ConnectorConfig, uplink: UplinkConfig) -> tuple[str, ...]:
    """What a platform may order at an EVSE; nothing where it cannot reach us.

    Those of payment terminals are told by whoever knows of them.
    """
    if uplink.mode != "platform":
        return ()
    able: list[str] = []
    if _exchanged(uplink, "chargingprofiles"):
        able.append(PROFILES)
    if _exchanged(uplink, "commands"):
        able += [REMOTE, RESERVABLE]
        able += [UNLOCK] if part.lock is not None else []
    return tuple(able)


def shown_cards(part: ConnectorConfig, config: Config) -> tuple[str, ...]:
    """What a person with a card can do at an EVSE."""
    readers = (reader.connectors for reader in config.reader)
    if not any(not served or part.id in served for served in readers):
        return ()
    return (RFID_READER, TOKEN_GROUP)


def place_of(config: Config) -> Place:
    """The location as orders name it."""
    return Place(
        location_id=config.station.location_id,
        evses={part.evse_uid.casefold(): part.id for part in config.connector},
        unlockable=frozenset(
            part.evse_uid.casefold() for part in config.connector if part.lock is not None
        ),
    )


def _exchanged(uplink: UplinkConfig, module: str) -> bool:
    return uplink.modules is None or module in uplink.modules
