"""What can be wrong with what is to be priced."""

from __future__ import annotations

from laddvakt_hal.errors import HalError


class NotPriceable(HalError):
    """A tariff or a session cannot be priced as it is; the message says what to mend."""


class ZoneUnknown(HalError):
    """Nobody can tell the local time at this place: name its time zone."""
