"""What a year under a policy comes to."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(slots=True, kw_only=True)
class Score:
    """What a year comes to."""

    years: int = 0
    judged_s: float = 0.0  # no vehicle stood there that is broken itself
    safe_s: float = 0.0  # of that: a sound vehicle could charge, and safely
    closed_s: float = 0.0
    truck_rolls: int = 0
    site_visits: int = 0  # of somebody who lives or works there
    operations: int = 0
    load_openings: int = 0
    unsafe_reclosures: int = 0
    sessions: int = 0
    sessions_lost: int = 0
    steps: int = 0

    def add(self, other: Score) -> None:
        """Another year of it."""
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))

    @property
    def availability(self) -> float:
        """Share of the time that is judged, 0…1."""
        return self.safe_s / self.judged_s
