"""What must hold between the rows of a profile and everything else in it."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from laddvakt_hal.errors import ProfileError
from laddvakt_hal.profile_model import FedBy
from laddvakt_hal.profile_promises import check_promises

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from laddvakt_hal.profile_maps import MeterMap
    from laddvakt_hal.profile_model import Limits, Profile, Row, Variant

_MOST_WORDS = 125
_MOST_BITS = 2000
_ROUNDED = 1e-12  # 0.001 kWh is not quite 1 Wh


def check(where: str, profile: Profile, *, limited: bool) -> None:
    """Hold the parts of a profile against each other; `limited`: it says how much it can read.

    Raises:
        ProfileError: two parts contradict each other; file, row and reason are named.
    """
    for name, row in _all_rows(profile):
        place = f"{where}: {name}"
        _references(place, row, profile)
        _fits_limits(place, row, profile.limits, limited=limited)
    _overlaps(f"{where}: rows", profile.rows)
    _spans(where, profile)
    _conditions(where, profile)
    _watchdog(f"{where}: watchdog", profile)
    check_promises(where, profile)
    if profile.meter is not None:
        _counter(f"{where}: meter", profile.meter, profile.rows[profile.meter.energy])


def _all_rows(profile: Profile) -> Iterator[tuple[str, Row]]:
    for name, row in profile.rows.items():
        yield f"rows: {name}", row
    for variant in profile.alternatives:
        for name, row in variant.rows.items():
            yield f"variant {variant.name}: rows: {name}", row


def _references(place: str, row: Row, profile: Profile) -> None:
    """The rows and tables a row names are there and fit."""
    if row.scale_from is not None:
        factor = profile.rows.get(row.scale_from)
        if factor is None or not factor.readable:
            raise ProfileError(f"{place}: scale_from: {row.scale_from!r} is not one of the rows")
        if not factor.type.is_whole or factor.scale != 1 or factor.scale_from is not None:
            raise ProfileError(
                f"{place}: scale_from: row {row.scale_from} must be a whole number without a scale"
            )
    if row.block is not None and profile.discovery is None:
        raise ProfileError(f"{place}: model: goes with [discovery]")
    if row.readback is not None and not _readable(profile.rows, row.readback):
        raise ProfileError(f"{place}: readback: {row.readback!r} is not a row that can be read")
    if row.enum is not None and row.enum not in profile.enums:
        raise ProfileError(f"{place}: enum: there is no table [enum.{row.enum}]")
    if row.bits is not None and row.bits not in profile.bit_names:
        raise ProfileError(f"{place}: bits: there is no table [bits.{row.bits}]")
    _texts(place, row, profile)


def _texts(place: str, row: Row, profile: Profile) -> None:
    """Values of numeric rows are numbers, and no bit lies outside its row."""
    if row.enum is not None and row.type.is_number:
        for value in profile.enums[row.enum]:
            if not value.removeprefix("-").isdigit():
                raise ProfileError(
                    f"{place}: enum: {value!r} in [enum.{row.enum}] is no whole number"
                )
    if row.bits is not None:
        top = max(profile.bit_names[row.bits], default=0)
        if top >= 16 * row.type.words:
            raise ProfileError(
                f"{place}: bits: bit {top} of [bits.{row.bits}] is outside {row.type.name}"
            )


def _readable(rows: Mapping[str, Row], name: str) -> bool:
    return name in rows and rows[name].readable


def _fits_limits(place: str, row: Row, limits: Limits, *, limited: bool) -> None:
    """One request must be able to bring the row."""
    if not row.readable:
        return
    most = limits.max_read if limited else _MOST_BITS if row.type.is_bit else _MOST_WORDS
    if row.count > most:
        raise ProfileError(
            f"{place}: type: {row.type.name} takes {row.count} registers, one request brings "
            f"{most}; correct limits.max_read or leave the row out"
        )
    for barrier in limits.barriers:
        if row.addr < barrier < row.end:
            raise ProfileError(f"{place}: addr: the barrier at {barrier} cuts through it")
    for span in limits.spans:
        apart = span.function is not row.function or row.block is not None
        if apart or row.end <= span.first or row.addr > span.last:
            continue
        if row.addr < span.first or row.end - 1 > span.last:
            raise ProfileError(
                f"{place}: addr: {row.addr}..{row.end - 1} reaches across the edge of the span "
                f"{span.first}..{span.last}"
            )


def _overlaps(place: str, rows: Mapping[str, Row]) -> None:
    """Rows share addresses only where one of them says so."""
    ordered = sorted(rows.values(), key=lambda row: (*_space(row), row.addr))
    for _, group in itertools.groupby(ordered, key=_space):
        reach: list[Row] = []
        for row in group:
            reach = [other for other in reach if other.end > row.addr]
            for other in reach:
                if not (row.overlap or other.overlap):
                    raise ProfileError(
                        f"{place}: {row.quantity}: addr: {row.addr} belongs to {other.quantity} "
                        "too; correct it, or say overlap = true"
                    )
            reach.append(row)


def _space(row: Row) -> tuple[int, bool, int]:
    """Rows of different spaces never share an address, whatever their numbers."""
    return row.function, row.readable, row.block or 0


def _spans(where: str, profile: Profile) -> None:
    for span in profile.limits.spans:
        inside = (
            row.function is span.function and span.first <= row.addr and row.end - 1 <= span.last
            for row in profile.rows.values()
        )
        if not any(inside):
            raise ProfileError(
                f"{where}: limits: spans: no row of function {span.function.value} lies in "
                f"{span.first}..{span.last}; correct or remove it"
            )


def _conditions(where: str, profile: Profile) -> None:
    """What decides must not itself be in doubt."""
    in_doubt = {name for variant in profile.alternatives for name in variant.rows}
    for variant in profile.alternatives:
        _plain(where, variant, in_doubt)
    names = [variant.name for variant in profile.alternatives]
    for name in names:
        if names.count(name) > 1:
            raise ProfileError(f"{where}: variant: there are two called {name!r}")


def _plain(where: str, variant: Variant, in_doubt: set[str]) -> None:
    if variant.when.quantity in in_doubt:
        raise ProfileError(
            f"{where}: variant {variant.name}: when: {variant.when.quantity} depends on a variant "
            "itself"
        )


def _watchdog(place: str, profile: Profile) -> None:
    """Its times do not contradict each other, and whoever feeds it knows how often."""
    watchdog, expires_s = profile.watchdog, profile.watchdog_s
    if watchdog.timeout_s is not None and expires_s != watchdog.timeout_s:
        raise ProfileError(
            f"{place}: timeout_s: {watchdog.timeout_s:g} s, but timeout_value says {expires_s:g} s"
        )
    if watchdog.fed_by not in (FedBy.HEARTBEAT, FedBy.LIMIT_WRITE):
        return
    if expires_s is None and watchdog.heartbeat_s is None:
        raise ProfileError(f"{place}: heartbeat_s: is missing; how often must it be fed?")
    if watchdog.fed_by is FedBy.LIMIT_WRITE and profile.timing.write_interval_s >= (
        expires_s or math.inf
    ):
        raise ProfileError(f"{place}: fed_by: the limit may not be written that often")
    if watchdog.heartbeat_s is not None and watchdog.heartbeat_s >= (expires_s or math.inf):
        raise ProfileError(f"{place}: heartbeat_s: must be less than its {expires_s:g} s")


def _counter(place: str, meter: MeterMap, row: Row) -> None:
    """What is said of the counter agrees with the register that shows it."""
    per_unit, rollover_wh = meter.energy_wh_per_unit, meter.rollover_wh
    if row.type.is_whole and row.scale_from is None:
        step_wh = abs(row.scale) * per_unit
        if meter.resolution_wh < step_wh * (1 - _ROUNDED):
            raise ProfileError(
                f"{place}: resolution_wh: {row.quantity} moves in steps of {step_wh:g} Wh"
            )
        holds_wh = step_wh * 2 ** (16 * row.type.words - (not row.type.is_unsigned))
        if rollover_wh is not None and rollover_wh > holds_wh * (1 + _ROUNDED):
            raise ProfileError(
                f"{place}: rollover_wh: {row.quantity} holds no more than {holds_wh:.12g} Wh"
            )
    highest = math.inf if row.maximum is None else row.maximum * per_unit
    if rollover_wh is not None and rollover_wh > highest * (1 + _ROUNDED):
        raise ProfileError(
            f"{place}: rollover_wh: {row.quantity} is refused above its max of {row.maximum:.12g}"
        )
