"""The register of all detectors, and what those say that apply to a connector.

`present` is True (seen in fresh readings), False (seen to be away, or not applicable now) or `None`
(cannot be judged). Settling times keep an answer that is still on its way from being a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from laddvakt_agent.core.detect import board as detect_board
from laddvakt_agent.core.detect import contactor as detect_contactor
from laddvakt_agent.core.detect import current as detect_current
from laddvakt_agent.core.detect import earth as detect_earth
from laddvakt_agent.core.detect import grid as detect_grid
from laddvakt_agent.core.detect import heat as detect_heat
from laddvakt_agent.core.detect import housing as detect_housing
from laddvakt_agent.core.detect import meter as detect_meter
from laddvakt_agent.core.detect import service as detect_service
from laddvakt_agent.core.detect import site as detect_site
from laddvakt_agent.core.detect import socket as detect_socket
from laddvakt_agent.core.detect import steps as detect_steps
from laddvakt_agent.core.detect import vehicle as detect_vehicle
from laddvakt_agent.core.detect.reported import REPORTABLE, only_reported, reported, with_report
from laddvakt_agent.core.scene import Detector, Found, Scene
from laddvakt_agent.core.settings import Settings

DETECTORS: tuple[Detector, ...] = (
    *detect_earth.DETECTORS,
    *detect_grid.DETECTORS,
    *detect_contactor.DETECTORS,
    *detect_current.DETECTORS,
    *detect_meter.DETECTORS,
    *detect_steps.DETECTORS,
    *detect_housing.DETECTORS,
    *detect_vehicle.DETECTORS,
    *detect_socket.DETECTORS,
    *detect_board.DETECTORS,
    *detect_heat.DETECTORS,
    *detect_site.DETECTORS,
    *detect_service.DETECTORS,
)


def applicable(settings: Settings) -> tuple[Detector, ...]:
    """The detectors this connector has the readings for, and the faults a board may report."""
    fitted = tuple(detector for detector in DETECTORS if detector.applies(settings))
    inferred = {detector.code for detector in fitted}
    return (*fitted, *(only_reported(code) for code in sorted(REPORTABLE - inferred)))


def findings(scene: Scene, detectors: Sequence[Detector]) -> Iterator[Found]:
    """What each of these says now."""
    settings, told = scene.settings, reported(scene)
    for detector in detectors:
        finding = with_report(detector.code, detector.look(scene), told)
        yield detector.code, detector.subject(settings), finding


def detect_deadlines_s(scene: Scene, detectors: Sequence[Detector]) -> Iterator[float]:
    """When a settling or confirming time inside a detector ends."""
    for detector in detectors:
        yield from detector.due_s(scene)
