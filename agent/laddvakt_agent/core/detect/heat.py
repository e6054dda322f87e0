"""What too much heat looks like, and a thermometer that cannot be right.

A temperature is over its threshold, or under the lower one at which it counts as away; between the
two nothing new is said, so that a fault that stands goes on standing: that is the hysteresis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from laddvakt_agent.core.detect.words import values
from laddvakt_agent.core.freshness import fresh, number
from laddvakt_agent.core.inputs import Sample
from laddvakt_agent.core.memory.heat import Thermometer
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import (
    AWAY,
    UNKNOWN,
    Detector,
    Scene,
    found,
    of_connector,
    of_station,
)
from laddvakt_agent.core.settings import Settings


def temperature_derate(s: Scene) -> Finding:
    """The housing is warm: less current, the less the warmer."""
    return _derate(s, "temperature_derate", enclosure_c(s), "enclosure")


def temperature_stop(s: Scene) -> Finding:
    """The housing is too hot for its parts."""
    return _stop(s, "temperature_stop", enclosure_c(s), "enclosure")


def cable_temperature_derate(s: Scene) -> Finding:
    """The plug's contacts are warm."""
    return _derate(s, "cable_temperature_derate", plug_c(s), "plug")


def cable_temperature_stop(s: Scene) -> Finding:
    """The plug's contacts are too hot."""
    return _stop(s, "cable_temperature_stop", plug_c(s), "plug")


def sensor_implausible(s: Scene) -> Finding:
    """A thermometer jumped and has not come back, or reads what cannot be; of two, either."""
    limits, heat = values(s, "sensor_implausible"), s.memory.gear.heat
    said = [
        _doubts(s, limits, name, sample, known)
        for field, name, sample, known in (
            ("enclosure_temp_c", "enclosure", s.inputs.enclosure_temp_c, heat.enclosure),
            ("plug_temp_c", "plug", s.inputs.plug_temp_c, heat.plug),
        )
        if field in s.settings.fitted
    ]
    doubts = [text for text in said if text]
    if not doubts:
        return UNKNOWN if None in said else AWAY
    limit_a = max(limits["floor_a"], limits["floor_share"] * s.settings.max_current_a)
    return Finding(present=True, limit_a=limit_a, evidence=", ".join(doubts))


def enclosure_c(s: Scene) -> float | None:
    """The housing's temperature in °C, fresh and believed."""
    return _believed_c(s, s.inputs.enclosure_temp_c, s.memory.gear.heat.enclosure)


def plug_c(s: Scene) -> float | None:
    """The plug's temperature in °C, fresh and believed."""
    return _believed_c(s, s.inputs.plug_temp_c, s.memory.gear.heat.plug)


def derated_a(settings: Settings, limits: Mapping[str, float], temp_c: float) -> float:
    """The whole current at `derate_c`, in a straight line down to `floor_a` at `floor_c`.

    In steps the board can follow, always downwards.
    """
    span_c = limits["floor_c"] - limits["derate_c"]
    share = (limits["floor_c"] - temp_c) / span_c if span_c > 0.0 else 0.0
    floor_a, step_a = limits["floor_a"], settings.limit_resolution_a
    limit_a = floor_a + (settings.max_current_a - floor_a) * min(max(share, 0.0), 1.0)
    return max(math.floor(limit_a / step_a) * step_a if step_a > 0.0 else limit_a, floor_a)


def _derate(s: Scene, code: str, temp_c: float | None, where: str) -> Finding:
    if temp_c is None:
        return UNKNOWN
    limits = values(s, code)
    if temp_c > limits["derate_c"]:
        limit_a = derated_a(s.settings, limits, temp_c)
        shown = f"{where} {temp_c:.1f} °C, above {limits['derate_c']:g} °C: {limit_a:g} A"
        return Finding(present=True, limit_a=limit_a, evidence=shown)
    return AWAY if temp_c < limits["clear_c"] else UNKNOWN


def _stop(s: Scene, code: str, temp_c: float | None, where: str) -> Finding:
    if temp_c is None:
        return UNKNOWN
    limits = values(s, code)
    if temp_c > limits["stop_c"]:
        return found(True, f"{where} {temp_c:.1f} °C, above {limits['stop_c']:g} °C")
    return AWAY if temp_c < limits["clear_c"] else UNKNOWN


def _believed_c(s: Scene, sample: Sample[float] | None, known: Thermometer | None) -> float | None:
    """The newest reading, unless it is stale, beyond the sensor's range or doubted."""
    if sample is None or known is None or known.doubted_since_s is not None:
        return None
    if sample.taken_s != known.taken_s:
        return None
    return number(fresh(sample, s.settings.slow_max_age_s, s.now_s))


def _doubts(
    s: Scene,
    limits: Mapping[str, float],
    name: str,
    sample: Sample[float] | None,
    known: Thermometer | None,
) -> str | None:
    """Why this thermometer is not believed; empty when it is, `None` when it cannot be judged."""
    temp_c = number(fresh(sample, s.settings.slow_max_age_s, s.now_s))
    if temp_c is None:
        return None
    if not limits["low_c"] <= temp_c <= limits["high_c"]:
        return f"{name} {temp_c:.0f} °C, beyond what its sensor can mean"
    if known is None or known.doubted_since_s is None:
        return ""
    return f"{name} jumped from {known.believed_c:.1f} to {temp_c:.1f} °C"


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="temperature_derate",
        subject=of_station,
        needs=("enclosure_temp_c",),
        look=temperature_derate,
    ),
    Detector(
        code="temperature_stop",
        subject=of_station,
        needs=("enclosure_temp_c",),
        look=temperature_stop,
    ),
    Detector(
        code="cable_temperature_derate",
        subject=of_connector,
        needs=("plug_temp_c",),
        look=cable_temperature_derate,
    ),
    Detector(
        code="cable_temperature_stop",
        subject=of_connector,
        needs=("plug_temp_c",),
        look=cable_temperature_stop,
    ),
    Detector(
        code="sensor_implausible",
        subject=of_connector,
        needs=("enclosure_temp_c", "plug_temp_c"),
        look=sensor_implausible,
        any_needed=True,
    ),
)
