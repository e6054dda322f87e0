"""One figure with its bound."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure; with a bound it is ok when it does not exceed it."""

    name: str
    value: float
    unit: str
    bound: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the bound holds; a figure without one only informs."""
        return self.bound is None or self.value <= self.bound

    def as_dict(self) -> dict[str, object]:
        """As it is printed."""
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "bound": None if self.bound is None else round(self.bound, 4),
            "ok": self.ok,
        }


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0…1) of the others lie; the largest for few values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
