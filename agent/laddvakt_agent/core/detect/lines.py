"""What a line, or an address on it, that does not work as it should looks like.

The subjects are the lines and devices themselves, as many as there are: no `Detector` each.
"""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.detect.words import values
from laddvakt_agent.core.freshness import number
from laddvakt_agent.core.inputs import LineHealth
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Found, Scene, found


def troubles(s: Scene) -> Iterator[Found]:
    """What is said of each line and each address now."""
    for line in s.inputs.lines:
        yield "bus_down", line.name, bus_down(line)
        yield "bus_noisy", line.name, bus_noisy(s, line)
    doubled: dict[str, Finding] = {}
    for device in s.inputs.devices:  # one that plays two roles is named twice
        if device.doubled:
            doubled[device.name] = found(True, device.doubled)
        else:
            # Only replies show that nobody else answers.
            doubled.setdefault(device.name, UNKNOWN if device.heard_s is None else AWAY)
    for name, finding in doubled.items():
        yield "two_devices_one_address", name, finding


def bus_down(line: LineHealth) -> Finding:
    """Its port is missing, or every device on it is silent."""
    return AWAY if line.up else found(True, line.reason or "line is down")


def bus_noisy(s: Scene, line: LineHealth) -> Finding:
    """More than a few broken replies in a hundred, over minutes: single ones are normal.

    A line that is down says nothing about noise.
    """
    share = number(line.error_share)
    if share is None or not line.up:
        return UNKNOWN
    above_share = values(s, "bus_noisy")["error_share"]
    if share <= above_share:
        return AWAY
    return found(True, f"{share:.1%} of the replies are broken, allowed {above_share:.1%}")
