"""What a row's registers say: raw words → a reading, pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.codec import decode, encode, raw_number, scaled
from laddvakt_hal.frame import Function
from laddvakt_hal.profile_maps import COIL_ON
from laddvakt_hal.reading import Quality, Reading, good, missing

if TYPE_CHECKING:
    from laddvakt_hal.codec import Value
    from laddvakt_hal.profile_model import Profile, Row

MOST_EXPONENT = 24
MOST_SUNSPEC_EXPONENT = 10  # SunSpec Device Information Model Specification 1.1: sunssf


def value_of(
    profile: Profile, row: Row, words: tuple[int, ...], taken_at_s: float, *, is_factor: bool
) -> Reading[Value]:
    """The value in a row's words, its factor row not yet applied.

    `is_factor`: the row is the scale factor of others, SunSpec's "no factor" counts.
    """
    patterns = profile.not_available.get(row.type.name, ())
    if is_factor:
        patterns = (*patterns, *profile.not_available.get("sunssf", ()))
    if _says_nothing(row, raw_number(words, profile.word_order), patterns):
        return missing()
    value = decode(words, row.type, profile.word_order, row.scale, row.mask, row.shift)
    if value is None:
        return missing(Quality.ABSENT if row.type.is_text else Quality.IMPLAUSIBLE)
    if row.scale_from is None and not plausible(value, row):
        return missing(Quality.IMPLAUSIBLE)
    return good(value, taken_at_s)


def with_factor(row: Row, factor: Reading[Value], value: Reading[Value]) -> Reading[Value]:
    """The value × 10 ^ factor, as old as the older of both.

    Without a good factor there is no value: a number without its scale says nothing.
    """
    if value.value is None or isinstance(value.value, str) or value.taken_at_s is None:
        return value
    if factor.value is None or factor.taken_at_s is None or isinstance(factor.value, str):
        return missing(Quality.ABSENT if factor.quality is Quality.STALE else factor.quality)
    if abs(factor.value) > MOST_EXPONENT:
        return missing(Quality.IMPLAUSIBLE)
    found = scaled(value.value, int(factor.value))
    if not plausible(found, row):
        return missing(Quality.IMPLAUSIBLE)
    return good(found, min(value.taken_at_s, factor.taken_at_s))


def words_for(profile: Profile, row: Row, value: float | str) -> tuple[int, ...]:
    """What is written for a value in the row's own unit.

    Raises:
        ValueError: the value is outside the row's range, or does not fit.
    """
    if isinstance(value, str):
        return encode(value, row.type, profile.word_order)
    # 0 is how most devices are told to stop; it may lie below their least current.
    low, high = row.minimum, row.maximum
    if (high is not None and value > high) or (low is not None and 0 != value < low):
        raise ValueError(f"{value:g} does not fit: {row.quantity} takes {low} to {high}")
    if row.type.is_bit or _is_output(profile, row):
        return (_switched(profile, row, value),)
    return encode(value, row.type, profile.word_order, row.scale)


def plausible(value: Value, row: Row) -> bool:
    """True when the value lies in the row's range."""
    if isinstance(value, str):
        return True
    if row.type.name == "sunssf" and abs(value) > MOST_SUNSPEC_EXPONENT:
        return False
    low, high = row.minimum, row.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _is_output(profile: Profile, row: Row) -> bool:
    """True for a relay's output; registers among them are written otherwise than they read."""
    coil = "" if profile.relay is None else profile.relay.coil
    return bool(coil) and row.quantity.startswith(coil) and row.quantity[len(coil) :].isdecimal()


def _switched(profile: Profile, row: Row, value: float) -> int:
    """What a coil or output takes for on and off: some relays have values of their own."""
    relay = profile.relay
    on, off = (COIL_ON, 0) if relay is None else (relay.on_value, relay.off_value)
    if row.write_function is Function.WRITE_COILS:
        on, off = 1, 0
    closed = 1 if relay is None or row.type.is_bit else relay.closed_value
    if not row.type.is_bit and value not in (0, closed):
        raise ValueError(f"{value:g} does not fit: {row.quantity} takes 0 or {closed}")
    return on if value else off


def _says_nothing(row: Row, raw: int, patterns: tuple[int, ...]) -> bool:
    """True for the patterns that mean "no value"; one NaN among them stands for all."""
    if raw in patterns:
        return True
    if row.type.name not in ("f32", "f64") or not _nan(raw, row.type.words):
        return False
    return any(_nan(pattern, row.type.words) for pattern in patterns)


def _nan(raw: int, words: int) -> bool:
    exponent, fraction = (0x7F800000, 0x7FFFFF) if words == 2 else (0x7FF << 52, (1 << 52) - 1)
    return raw & exponent == exponent and bool(raw & fraction)
