"""What is priced: the periods of a session, and the local time at its place.

Moments are whole microseconds since 1970-01-01T00:00:00Z; volumes are exact.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from laddvakt_agent.core.tariff.model import Tariff

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
DAY_US = 24 * 60 * MINUTE_US
NOTHING = Fraction(0)
_THURSDAY = 3  # 1970-01-01; Monday is 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """Local time as far as it is needed: from each moment on, so far ahead of UTC.

    The first offset holds for all earlier moments, too; none at all is UTC.
    """

    since_us: tuple[int, ...] = ()  # ascending
    ahead_us: tuple[int, ...] = ()  # one for each

    def ahead_at(self, moment_us: Fraction | int) -> int:
        """How far local time is ahead of UTC then."""
        place = bisect_right(self.since_us, moment_us) - 1
        return self.ahead_us[max(place, 0)] if self.ahead_us else 0

    def stretches(self, from_us: int, to_us: int) -> Iterable[tuple[int, int, int]]:
        """From, to and offset of each stretch of even local time between two moments."""
        marks = [since for since in self.since_us if from_us < since < to_us]
        for start, end in zip([from_us, *marks], [*marks, to_us], strict=True):
            yield start, end, self.ahead_at(start)


UTC = Zone()


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One OCPI ChargingPeriod. Within it everything flows evenly; `None`: not known.

    Currents are the phases' sum. Time that is neither charging, parking nor reserved costs nothing.
    """

    start_us: int
    end_us: int
    tariff: Tariff | None = None  # `None`: none is relevant, so it is free of charge
    energy_kwh: Fraction = NOTHING
    charging_s: Fraction = NOTHING
    parking_s: Fraction = NOTHING  # the vehicle did not ask for power
    reserved_s: Fraction = NOTHING
    min_current_a: Fraction | None = None
    max_current_a: Fraction | None = None
    current_a: Fraction | None = None  # mean
    min_power_kw: Fraction | None = None
    max_power_kw: Fraction | None = None
    power_kw: Fraction | None = None  # mean

    @property
    def only_reserved(self) -> bool:
        """The customer was not there yet."""
        return self.reserved_s > 0 and not (self.charging_s or self.parking_s or self.energy_kwh)

    @property
    def charged(self) -> bool:
        """Something flowed, or was about to."""
        return bool(self.charging_s or self.energy_kwh)


def weekday(day: int) -> int:
    """Of a day since 1970-01-01; Monday is 0."""
    return (day + _THURSDAY) % 7
