"""What an EVSE can really do for platforms, as OCPI capabilities, from the configuration.

Nothing is told that nobody could use: in device mode no platform can send an order.
"""

from __future__ import annotations

from laddvakt_agent.config import Config, ConnectorConfig
from laddvakt_agent.uplink.receivers.orders import Place

REMOTE = "REMOTE_START_STOP_CAPABLE"
RESERVABLE = "RESERVABLE"
PROFILES = "CHARGING_PROFILE_CAPABLE"
UNLOCK = "UNLOCK_CAPABLE"


def ordered(part: ConnectorConfig, *, reachable: bool) -> tuple[str, ...]:
    """The capabilities that orders need; `reachable`: platforms may send some.

    Those of readers and payment terminals are told by whoever knows of them.
    """
    if not reachable:
        return ()
    able = (PROFILES, REMOTE, RESERVABLE)
    return (*able, UNLOCK) if part.lock is not None else able


def place_of(config: Config) -> Place:
    """The location as orders name it."""
    return Place(
        location_id=config.station.location_id,
        evses={part.evse_uid.casefold(): part.id for part in config.connector},
        unlockable=frozenset(
            part.evse_uid.casefold() for part in config.connector if part.lock is not None
        ),
    )
