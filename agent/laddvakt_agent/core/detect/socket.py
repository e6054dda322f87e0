"""What a plug that is not in, a lock that does not hold and a cable that is damaged look like."""

from __future__ import annotations

from laddvakt_agent.core.detect.words import contact, values
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.freshness import fresh
from laddvakt_agent.core.inputs import Proximity
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Detector, Scene, found, of_connector


def proximity_fault(s: Scene) -> Finding:
    """The resistor in the plug is none of those that are allowed."""
    plug = fresh(s.inputs.proximity, s.settings.sample_max_age_s, s.now_s)
    if plug is None:
        return UNKNOWN
    if plug is not Proximity.INVALID:
        return AWAY
    return found(True, "the plug's resistor is outside every band")


plug_partly_inserted = contact(
    lambda inputs: inputs.plug_partly_inserted, "the plug is not all the way in"
)
latch_broken = contact(lambda inputs: inputs.latch_broken, "the tamper loop of the latch is open")
cable_cut = contact(lambda inputs: inputs.cable_cut, "the tamper loop of the cable is open")


def lock_failed(s: Scene) -> Finding:
    """Not locked although told to be, before closing or under load; or not let go after its tries.

    The row's confirm time is the time the lock has to move, and the time a lost feedback may be a
    rattle. A plug that cannot be let go blocks new sessions alone: nothing is closed then.
    """
    locked = fresh(s.inputs.locked, s.settings.sample_max_age_s, s.now_s)
    if locked is None:
        return UNKNOWN
    if locked is s.life.locked:
        return AWAY
    if s.life.locked:
        load = "under load" if s.life.closed else "before closing"
        return found(True, f"told to lock, not locked {load}")
    if s.life.lock_tries < values(s, "lock_failed")["tries_count"]:
        return UNKNOWN  # told to let go, and trying
    shown = f"told to unlock, still locked after {s.life.lock_tries} tries"
    return Finding(present=True, act=Act.FINISH, evidence=shown)


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="proximity_fault", subject=of_connector, needs=("proximity",), look=proximity_fault
    ),
    Detector(
        code="plug_partly_inserted",
        subject=of_connector,
        needs=("plug_partly_inserted",),
        look=plug_partly_inserted,
    ),
    Detector(
        code="lock_failed",
        subject=of_connector,
        needs=("locked",),
        look=lock_failed,
        fitted=lambda settings: settings.socket,
    ),
    Detector(code="latch_broken", subject=of_connector, needs=("latch_broken",), look=latch_broken),
    Detector(code="cable_cut", subject=of_connector, needs=("cable_cut",), look=cable_cut),
)
