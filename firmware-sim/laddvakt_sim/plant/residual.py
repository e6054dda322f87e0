"""Residual current: what leaks from a connector and its vehicle to earth.

A healthy vehicle's leakage is capacitive or comes from its battery: it takes no power of the grid.
What a fault lets leak does, and so does a resistance to earth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from laddvakt_sim.plant.words import Conditions, Leakage, VehicleSpec

DC_TRIP_MA, AC_TRIP_MA = 6.0, 30.0  # where somebody may act: their crossing is an event


def faulty_ma(wrong: Conditions, now_s: float, *, live: bool) -> tuple[float, float]:
    """What the injected faults let leak: (DC, AC); `live`: the load side is under voltage."""
    return _leaking_ma(wrong.dc_leak, now_s, live), _leaking_ma(wrong.ac_leak, now_s, live)


def rises(wrong: Conditions, now_s: float) -> bool:
    """True while a leak grows."""
    return any(now_s < leak.from_s + leak.rise_s for leak in (wrong.dc_leak, wrong.ac_leak))


def marks_s(wrong: Conditions) -> tuple[float, ...]:
    """When a rising leak crosses what monitors trip at, and when it has risen."""
    pairs = ((wrong.dc_leak, DC_TRIP_MA), (wrong.ac_leak, AC_TRIP_MA))
    return tuple(sorted(mark_s for leak, trip_ma in pairs for mark_s in _marks_s(leak, trip_ma)))


def _leaking_ma(leak: Leakage, now_s: float, live: bool) -> float:
    if not (live or leak.always):
        return 0.0
    if leak.rise_s <= 0.0:
        return leak.ma
    return leak.ma * min(1.0, max(0.0, (now_s - leak.from_s) / leak.rise_s))


def _marks_s(leak: Leakage, trip_ma: float) -> list[float]:
    if leak.rise_s <= 0.0:
        return []
    shares = (trip_ma / leak.ma, 1.0) if leak.ma >= trip_ma else (1.0,)
    # A hair later than the crossing: nothing must depend on the last bit of a product.
    return [leak.from_s + leak.rise_s * min(1.0, share + 1e-9) for share in shares]


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
