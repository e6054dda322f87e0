"""The smaller tables of a profile file: lines, times, limits, texts, identity, watchdog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.codec import parse_type
from laddvakt_hal.frame import Function
from laddvakt_hal.profile_model import Discovery, FedBy, Identity, Limits, OnExpiry, Span, Watchdog
from laddvakt_hal.settings import Timing
from laddvakt_hal.toml_table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.profile_model import Row

_MOST_BITS = 64


def timing_of(table: Table | None) -> Timing:
    """`[timing]`, milliseconds in the file.

    Raises:
        ProfileError: a time is wrong, or they contradict each other.
    """
    if table is None:
        return Timing()
    timeout_ms = table.need_number("timeout_ms")
    timing = Timing(
        timeout_s=timeout_ms / 1000,
        worst_latency_s=table.number("worst_latency_ms", timeout_ms) / 1000,
        min_delay_s=table.number("min_delay_ms", 0) / 1000,
        unit_change_s=table.number("unit_change_ms", 0) / 1000,
        read_interval_s=table.number("read_interval_ms", 0) / 1000,
        write_interval_s=table.number("write_interval_ms", 0) / 1000,
        turnaround_s=table.number("turnaround_ms", 5) / 1000,
        broadcast_turnaround_s=table.number("broadcast_turnaround_ms", 100) / 1000,
    )
    if timing.timeout_s <= timing.turnaround_s or timing.worst_latency_s < timing.timeout_s:
        raise table.error("timeout_ms", "turnaround < timeout ≤ worst_latency is expected")
    pauses = (timing.min_delay_s, timing.unit_change_s, timing.read_interval_s)
    if min(*pauses, timing.write_interval_s, timing.turnaround_s) < 0:
        raise table.error("min_delay_ms", "no time can be below 0")
    table.done()
    return timing


def limits_of(table: Table | None) -> Limits:
    """`[limits]`: how much one request may ask for; one row at a time without the table.

    Raises:
        ProfileError: a limit is wrong or impossible.
    """
    if table is None:
        return Limits(max_read=1)
    most = table.whole("max_read", 1, 125)
    safe = table.whole("safe_read", 1, 125, most)  # what every known unit can do
    if safe > most:
        raise table.error("safe_read", f"{safe} is more than max_read = {most}; swap them")
    limits = Limits(
        max_read=safe,
        holes=table.flag("holes"),
        spans=tuple(_span(Table(f"{table.where}: spans", raw)) for raw in table.items("spans")),
        barriers=frozenset(table.wholes("barriers")),
        one_row=table.flag("one_row"),
    )
    if limits.one_row and (limits.holes or limits.spans or limits.barriers):
        raise table.error("one_row", "one value per request needs no holes, spans or barriers")
    table.done()
    return limits


def not_available_of(table: Table | None) -> Mapping[str, tuple[int, ...]]:
    """`[not_available]`: the raw numbers that mean "no value", by type.

    Raises:
        ProfileError: a type is unknown or a number is too large for it.
    """
    if table is None:
        return {}
    found = {}
    for name in table.names():
        try:
            kind = parse_type(name)
        except ValueError as error:
            raise table.error(name, str(error)) from None
        found[name] = table.wholes(name)
        if not found[name]:
            raise table.error(name, "is empty; a list of raw numbers is expected")
        if any(not 0 <= raw < 2 ** (16 * max(1, kind.words)) for raw in found[name]):
            raise table.error(name, f"raw numbers of {kind.words} registers are expected")
    return found


def enums_of(table: Table | None) -> Mapping[str, Mapping[str, str]]:
    """`[enum.NAME]`: what values mean.

    Raises:
        ProfileError: a value has no text.
    """
    found = {}
    for name in table.names() if table is not None else ():
        inner = table.table(name) if table is not None else None
        found[name] = {} if inner is None else {key: inner.need_text(key) for key in inner.names()}
    return found


def bit_names_of(table: Table | None) -> Mapping[str, Mapping[int, str]]:
    """`[bits.NAME]`: what bits mean, counted from 0.

    Raises:
        ProfileError: a bit is no number or has no name.
    """
    found: dict[str, Mapping[int, str]] = {}
    for name in table.names() if table is not None else ():
        inner = table.table(name) if table is not None else None
        found[name] = {} if inner is None else _bit_names(inner)
    return found


def discovery_of(table: Table | None) -> Discovery | None:
    """`[discovery]`: where to look for the registers.

    Raises:
        ProfileError: the method is unknown, or there is nowhere or nothing to look for.
    """
    if table is None:
        return None
    method = table.need_text("method")
    if method != "sunspec":
        raise table.error("method", f"only 'sunspec' is understood, not {method!r}")
    found = Discovery(bases=table.wholes("bases"), models=table.wholes("models"))
    if not found.bases or any(not 0 <= base <= 0xFFF0 for base in found.bases):
        raise table.error("bases", "addresses 0..65520 are expected")
    if not found.models or any(not 0 < model < 0xFFFF for model in found.models):
        raise table.error("models", "model ids 1..65534 are expected")
    table.done()
    return found


def identity_of(top: Table, rows: Mapping[str, Row]) -> tuple[Identity, ...]:
    """`identity`: the rows that tell what the device is.

    Raises:
        ProfileError: a row is unknown, or its values do not go with its type.
    """
    found = []
    for raw in top.items("identity"):
        table = Table(f"{top.where}: identity", raw)
        quantity = table.need_text("quantity")
        if quantity not in rows or not rows[quantity].readable:
            raise table.error("quantity", f"{quantity!r} is not one of the rows that can be read")
        point = Identity(
            quantity=quantity, values=table.wholes("values"), texts=table.texts("texts")
        )
        is_text = rows[quantity].type.is_text
        if (point.values and is_text) or (point.texts and not is_text):
            raise table.error("values", f"texts go with texts, values with numbers: {quantity}")
        found.append(point)
        table.done()
    return tuple(found)


def watchdog_of(table: Table | None, rows: Mapping[str, Row]) -> Watchdog:
    """`[watchdog]`: what the device does when nobody talks to it.

    Raises:
        ProfileError: a row cannot be written or read back, or the fields contradict each other.
    """
    if table is None:
        return Watchdog()
    watchdog = Watchdog(
        fed_by=table.choice("fed_by", FedBy),
        on_expiry=table.choice("on_expiry", OnExpiry),
        timeout_quantity=table.text("timeout_quantity"),
        timeout_value=table.number("timeout_value"),
        fallback_quantity=table.text("fallback_quantity"),
        fallback_value=table.number("fallback_value"),
        heartbeat_quantity=table.text("heartbeat_quantity"),
        heartbeat_value=table.number("heartbeat_value"),
        heartbeat_s=table.number("heartbeat_s"),
        timeout_s=table.number("timeout_s"),
        note=table.text("note"),
    )
    if (watchdog.fed_by is FedBy.NOTHING) != (watchdog.on_expiry is OnExpiry.NOTHING):
        raise table.error("on_expiry", "a watchdog is fed by something and does something")
    _registers(table, watchdog, rows)
    _heartbeat(table, watchdog, rows)
    table.done()
    return watchdog


def _registers(table: Table, watchdog: Watchdog, rows: Mapping[str, Row]) -> None:
    """Timer and fallback must be writable, and what was written must be seen."""
    pairs = (
        ("timeout", watchdog.timeout_quantity, watchdog.timeout_value),
        ("fallback", watchdog.fallback_quantity, watchdog.fallback_value),
    )
    for what, quantity, value in pairs:
        if quantity is None:
            if value is not None:
                raise table.error(f"{what}_value", f"goes with {what}_quantity")
            continue
        row = rows.get(quantity)
        if row is None or not row.writable:
            raise table.error(f"{what}_quantity", f"{quantity!r} is not a writable row")
        if value is not None and not row.readable and row.readback is None:
            raise table.error(
                f"{what}_quantity",
                f'{quantity!r} cannot be read back; add readback = "<row>" to that row',
            )


def _heartbeat(table: Table, watchdog: Watchdog, rows: Mapping[str, Row]) -> None:
    quantity, beat_s, timeout_s = (
        watchdog.heartbeat_quantity,
        watchdog.heartbeat_s,
        watchdog.timeout_s,
    )
    if watchdog.fed_by is FedBy.HEARTBEAT:
        if quantity is None or quantity not in rows or not rows[quantity].writable:
            raise table.error("heartbeat_quantity", f"{quantity!r} is not a writable row")
        if watchdog.heartbeat_value is None:
            raise table.error("heartbeat_value", "is missing; what to write is expected")
    elif quantity is not None or watchdog.heartbeat_value is not None:
        raise table.error("heartbeat_quantity", 'goes with fed_by = "heartbeat"')
    if beat_s is not None and beat_s <= 0:
        raise table.error("heartbeat_s", "more than 0 is expected")
    if timeout_s is not None and timeout_s <= (beat_s or 0):
        raise table.error("timeout_s", "more than 0 and than heartbeat_s is expected")


def _bit_names(table: Table) -> Mapping[int, str]:
    found = {}
    for key in table.names():
        if not (key.isdigit() and int(key) < _MOST_BITS):
            raise table.error(key, f"bit 0..{_MOST_BITS - 1} = name is expected")
        found[int(key)] = table.need_text(key)
    return found


def _span(table: Table) -> Span:
    first = table.whole("first", 0, 65535)
    span = Span(
        function=Function(table.whole("fc", 1, 4)),
        first=first,
        last=table.whole("last", first, 65535),
    )
    table.done()
    return span
