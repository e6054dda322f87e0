"""Residual current: what leaks from a connector and its vehicle to earth.

A healthy vehicle's leakage is capacitive or comes from its battery: it takes no power of the grid.
What a fault lets leak does, and so does a resistance to earth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from laddvakt_sim.plant.words import Conditions, VehicleSpec

_TRIPS_MA = ((6.0, "dc"), (30.0, "ac"))  # where somebody may act: their crossing is an event


def faulty_ma(wrong: Conditions, now_s: float) -> tuple[float, float]:
    """What the injected faults let leak: (DC, AC), rising along a straight line."""
    share = 1.0
    if wrong.residual_rise_s > 0.0:
        share = (now_s - wrong.residual_from_s) / wrong.residual_rise_s
        share = min(1.0, max(0.0, share))
    return wrong.residual_dc_ma * share, wrong.residual_ac_ma * share


def rises(wrong: Conditions, now_s: float) -> bool:
    """True while a leak grows."""
    return now_s < wrong.residual_from_s + wrong.residual_rise_s


def marks_s(wrong: Conditions) -> tuple[float, ...]:
    """When a rising leak crosses what monitors trip at, and when it has risen."""
    if wrong.residual_rise_s <= 0.0:
        return ()
    sizes = {"dc": wrong.residual_dc_ma, "ac": wrong.residual_ac_ma}
    shares = [trip_ma / sizes[kind] for trip_ma, kind in _TRIPS_MA if sizes[kind] >= trip_ma]
    # A hair later than the crossing: nothing must depend on the last bit of a product.
    rises_s = [wrong.residual_rise_s * min(1.0, share + 1e-9) for share in (*shares, 1.0)]
    return tuple(sorted(wrong.residual_from_s + rise_s for rise_s in rises_s))


def vehicle_ma(spec: VehicleSpec, line_v: float) -> tuple[float, float]:
    """What a vehicle leaks under voltage: (DC, AC)."""
    return spec.leak_dc_ma, spec.leak_ac_ma + resistive_ma(spec, line_v)


def resistive_ma(spec: VehicleSpec, line_v: float) -> float:
    """What flows through its resistance to earth."""
    return 0.0 if spec.leak_ohm is None else 1000.0 * line_v / spec.leak_ohm


def transient_ma(
    wrong: Conditions, now_s: float, moved_s: tuple[float | None, ...]
) -> tuple[float, float]:
    """What leaks for a moment after the contactor moved: (DC, AC)."""
    fresh = any(at is not None and now_s < at + wrong.transient_s for at in moved_s)
    return (wrong.transient_dc_ma, wrong.transient_ac_ma) if fresh else (0.0, 0.0)
