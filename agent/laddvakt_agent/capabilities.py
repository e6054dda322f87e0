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


def ordered(part: ConnectorConfig, uplink: UplinkConfig) -> tuple[str, ...]:
    """What a platform may order at an EVSE; nothing where it cannot reach us.

    Those of readers and payment terminals are told by whoever knows of them.
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
