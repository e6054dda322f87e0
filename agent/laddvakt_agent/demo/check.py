"""One thing the demo promises, and the few ways of judging it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A promise: what was measured, what was expected, and whether it was kept."""

    name: str
    ok: bool
    measured: float | str | None
    expected: str
    unit: str


def at_most(name: str, measured: float | None, bound: float, unit: str) -> Check:
    """Measured at all, not negative and not above its bound."""
    return Check(
        name=name,
        ok=measured is not None and 0 <= measured <= bound,
        measured=measured,
        expected=f"≤ {bound:.4g}",
        unit=unit,
    )


def within(name: str, measured: float, low: float, high: float, unit: str) -> Check:
    """Between two bounds, both included."""
    return Check(
        name=name,
        ok=low <= measured <= high,
        measured=measured,
        expected=f"{low:g} to {high:g}",
        unit=unit,
    )


def equal(name: str, measured: float, expected: float, unit: str) -> Check:
    """Exactly this many."""
    return Check(
        name=name, ok=measured == expected, measured=measured, expected=f"{expected:g}", unit=unit
    )


def between_ms(from_s: float | None, to_s: float | None) -> float | None:
    """Milliseconds from one time to another, `None` where one of them never came."""
    return None if from_s is None or to_s is None else 1e3 * (to_s - from_s)
