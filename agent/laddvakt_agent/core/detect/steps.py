"""What the connector's own steps of current betray: a loose terminal, phases mapped wrongly."""

from __future__ import annotations

from laddvakt_agent.core.detect.words import values
from laddvakt_agent.core.memory.steps import median
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, Detector, Scene, of_connector


def supply_impedance_high(s: Scene) -> Finding:
    """The voltage falls too much for the current drawn, or much more than it used to."""
    rule, steps = values(s, "supply_impedance_high"), s.memory.power.steps
    limit_ohm = rule["limit_ohm"]
    for ohms, base_ohm in zip(steps.ohms, steps.base_ohm, strict=True):
        if base_ohm is None:
            continue
        ohm = median(ohms)
        # What is small may double without meaning.
        grown = ohm > 0.5 * limit_ohm and ohm > rule["growth_ratio"] * base_ohm
        if ohm > limit_ohm or grown:
            shown = f"{ohm:.2f} Ω over {len(ohms)} steps, at first {base_ohm:.2f} Ω"
            return Finding(
                present=True,
                limit_a=rule["floor_a"],
                evidence=f"{shown}, allowed {limit_ohm:g} Ω",
            )
    return AWAY


def phase_map_wrong(s: Scene) -> Finding:
    """The connector's own steps appear on another phase of the site than the one it maps to."""
    steps, enough = s.memory.power.steps, values(s, "phase_map_wrong")["steps_count"]
    if steps.astray < enough:
        return AWAY
    mapped, seen = steps.astray_at
    shown = f"steps of the phase mapped to L{mapped} appear on L{seen} of the site"
    safe_a = s.settings.safe_current_a  # without one: what load management offers when it is blind
    if safe_a is None:
        safe_a = values(s, "load_limit_unknown")["safe_a"]
    return Finding(present=True, limit_a=safe_a, evidence=shown)


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="supply_impedance_high",
        subject=of_connector,
        needs=("voltage_v", "current_a"),
        look=supply_impedance_high,
    ),
    Detector(
        code="phase_map_wrong",
        subject=of_connector,
        needs=("current_a", "site_current_a"),
        look=phase_map_wrong,
        fitted=lambda settings: settings.meter_exclusive,
    ),
)
