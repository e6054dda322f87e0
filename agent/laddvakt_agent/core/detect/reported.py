"""What boards report themselves: their error words as faults of the catalogue.

A word that stands here raises its own fault, beside whatever is inferred; any other error is a
`board_error`. The words are those of the device profiles.
"""

from __future__ import annotations

from collections.abc import Mapping

from laddvakt_agent.core.freshness import fresh
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Detector, Scene, of_connector

REPORTS: Mapping[str, str] = {  # the board's word → fault code
    "vehicle_diode_error": "pilot_diode_missing",
    "ventilation_required_failed": "ventilation_required",
    "invalid_state_d": "ventilation_required",
    "residual_check_error": "residual_monitor_failed",
    "residual_sensor_error": "residual_monitor_failed",
    "residual_current_trip": "residual_current_dc",
    "residual_current_device_tripped": "residual_current_ac",
    "temperature_too_high": "temperature_stop",
    "connector_13_20_a_rejected": "proximity_fault",
    "connector_13_a_rejected": "proximity_fault",
    "proximity_error": "proximity_fault",
    "pilot_error": "pilot_fault",
    "vehicle_error_f": "pilot_fault",
    "vehicle_state_e": "pilot_fault",
    "lock_error": "lock_failed",
    "unlock_error": "lock_failed",
    "lock_state_unknown": "lock_failed",
    "locking_failed_or_unlocked_while_charging": "lock_failed",
    "over_current": "over_current",
    "overload_type_2": "over_current",
    "contactor_welded": "contactor_welded",
}
REPORTABLE = frozenset(REPORTS.values())


def reported(scene: Scene) -> Mapping[str, str] | None:
    """Fault code → the board's word, now; `None` while a board that reports cannot be heard."""
    sample = scene.inputs.board_errors
    if sample is None:
        return None if scene.memory.tells_errors else {}
    words = fresh(sample, scene.settings.sample_max_age_s, scene.now_s)
    if words is None:
        return None
    return {REPORTS[word]: word for word in words if word in REPORTS}


def with_report(code: str, finding: Finding, told: Mapping[str, str] | None) -> Finding:
    """What was inferred, together with what the board says of the same fault."""
    if finding.present or code not in REPORTABLE:
        return finding
    if told is None:
        return UNKNOWN if finding.present is False else finding
    if code in told:
        return Finding(present=True, evidence=f"board reports {told[code]}")
    return finding


def only_reported(code: str) -> Detector:
    """The detector of a fault for which nothing but the board's word is fitted."""
    return Detector(
        code=code, subject=of_connector, needs=("board_errors",), look=_nothing_inferred
    )


def _nothing_inferred(_: Scene) -> Finding:
    return AWAY
