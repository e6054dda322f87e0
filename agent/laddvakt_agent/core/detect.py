"""The register of all detectors, and what those say that apply to a connector.

`present` is True (seen in fresh readings), False (seen to be away, or not applicable now) or `None`
(cannot be judged). Settling times keep an answer that is still on its way from being a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from laddvakt_agent.core import detect_gear, detect_power
from laddvakt_agent.core.scene import Detector, Found, Scene
from laddvakt_agent.core.settings import Settings

DETECTORS: tuple[Detector, ...] = (*detect_power.DETECTORS, *detect_gear.DETECTORS)


def applicable(settings: Settings) -> tuple[Detector, ...]:
    """The detectors this connector has the readings for."""
    return tuple(detector for detector in DETECTORS if detector.applies(settings))


def findings(scene: Scene, detectors: Sequence[Detector]) -> Iterator[Found]:
    """What each of these says now."""
    settings = scene.settings
    for detector in detectors:
        yield detector.code, detector.subject(settings), detector.look(scene)


def detect_deadlines_s(scene: Scene, detectors: Sequence[Detector]) -> Iterator[float]:
    """When a settling or confirming time inside a detector ends."""
    for detector in detectors:
        yield from detector.due_s(scene)
