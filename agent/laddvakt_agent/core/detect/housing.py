"""What an opened, tilted or flooded housing and a pressed emergency stop look like."""

from __future__ import annotations

from laddvakt_agent.core.detect.words import contact
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, Detector, Scene, of_station

emergency_stop = contact(lambda inputs: inputs.emergency_stop, "emergency-stop loop is open")
tilted = contact(lambda inputs: inputs.tilted, "the tilt sensor says the housing is not upright")
water_inside = contact(lambda inputs: inputs.water_inside, "the water sensor in the housing is wet")
_door = contact(lambda inputs: inputs.enclosure_open, "the door contact is open")


def enclosure_open(s: Scene) -> Finding:
    """The door is open, and no technician has said so."""
    return AWAY if s.inputs.maintenance else _door(s)


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="emergency_stop",
        subject=of_station,
        needs=("emergency_stop",),
        look=emergency_stop,
        fitted=lambda settings: settings.has_emergency_stop,
    ),
    Detector(
        code="enclosure_open",
        subject=of_station,
        needs=("enclosure_open", "maintenance"),
        look=enclosure_open,
    ),
    Detector(code="tilted", subject=of_station, needs=("tilted",), look=tilted),
    Detector(code="water_inside", subject=of_station, needs=("water_inside",), look=water_inside),
)
