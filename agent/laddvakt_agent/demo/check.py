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


def at_most(name: str, measured: float, bound: float, unit: str) -> Check:
    """Not negative and not above its bound."""
    return Check(
        name=name,
        ok=0 <= measured <= bound,
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
