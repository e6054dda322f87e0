"""Reading device profiles: TOML → `Profile`, checked; every complaint names file, row, reason."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from laddvakt_hal.codec import parse_type
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.frame import Function
from laddvakt_hal.profile_model import (
    FedBy,
    Identity,
    Kind,
    Limits,
    OnExpiry,
    Profile,
    Row,
    Span,
    Watchdog,
)
from laddvakt_hal.profile_roles import board_map, meter_map, relay_map, residual_map
from laddvakt_hal.settings import Timing
from laddvakt_hal.toml_table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Profile", "known_profiles", "load_profile", "load_profile_file"]

PROFILES = Path(__file__).with_name("profiles")
SCHEMA = 1
_READS = {1, 2, 3, 4}
_ACCESS = {"r": (True, False), "w": (False, True), "rw": (True, True)}


def known_profiles() -> tuple[str, ...]:
    """Names of the profiles that come with the package."""
    return tuple(sorted(path.stem for path in PROFILES.glob("*.toml")))


def load_profile(name: str) -> Profile:
    """The profile of that name from the package.

    Raises:
        ProfileError: there is none, or it is wrong.
    """
    if name not in known_profiles():
        raise ProfileError(f"profile {name!r} is unknown; known: {', '.join(known_profiles())}")
    return load_profile_file(PROFILES / f"{name}.toml")


def load_profile_file(path: Path) -> Profile:
    """The profile in that file.

    Raises:
        ProfileError: the file cannot be read, or a row is wrong.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: not TOML: {error}") from error
    return _profile(Table(path.name, content))


def _profile(top: Table) -> Profile:
    if top.whole("schema", 0, 99) != SCHEMA:
        raise top.error("schema", f"only {SCHEMA} is understood")
    order = _word_order(top)
    rows = _rows(top.table("rows") or Table(f"{top.where}: rows", {}))
    if not rows:
        raise top.error("rows", "a profile without rows says nothing")
    profile = Profile(
        id=top.need_text("id"),
        kind=top.choice("kind", Kind),
        vendor=top.need_text("vendor"),
        model=top.need_text("model"),
        source=top.need_text("source"),
        assumptions=top.texts("assumptions"),
        word_order=order,
        timing=_timing(top.table("timing")),
        limits=_limits(top.table("limits")),
        not_available=_not_available(top.table("not_available")),
        rows=rows,
        identity=_identity(top, rows),
        watchdog=_watchdog(top.table("watchdog"), rows),
        meter=meter_map(top.table("meter"), rows),
        board=board_map(top.table("board"), rows),
        relay=relay_map(top.table("relay"), rows),
        residual=residual_map(top.table("residual_monitor"), rows),
    )
    profile = _with_links(profile, top.table("rtu"), top.table("tcp"))
    top.done()
    return profile


def _word_order(top: Table) -> Literal["big", "little"]:
    order = top.need_text("word_order")
    if order == "big":
        return "big"
    if order == "little":
        return "little"
    raise top.error("word_order", f"'big' or 'little' is expected, not {order!r}")


def _with_links(profile: Profile, rtu: Table | None, tcp: Table | None) -> Profile:
    if rtu is not None:
        parity = rtu.need_text("parity")
        if parity not in ("N", "E", "O"):
            raise rtu.error("parity", f"N, E or O is expected, not {parity!r}")
        profile = replace(
            profile,
            baud=rtu.whole("baud", 300, 4_000_000),
            parity=parity,
            stop_bits=rtu.whole("stop_bits", 1, 2),
            unit=rtu.whole("unit", 1, 247),
        )
        rtu.done()
    if tcp is not None:
        port, unit = tcp.whole("port", 1, 65535), tcp.whole("unit", 0, 255)
        profile = replace(profile, tcp_port=port, unit=unit if rtu is None else profile.unit)
        tcp.done()
    return profile


def _timing(table: Table | None) -> Timing:
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
    table.done()
    return timing


def _limits(table: Table | None) -> Limits:
    if table is None:
        return Limits(max_read=1)
    most = table.whole("max_read", 1, 125)
    limits = Limits(
        max_read=table.whole("safe_read", 1, most, most),  # what every known unit can do
        holes=table.flag("holes"),
        spans=tuple(_span(Table(f"{table.where}: spans", raw)) for raw in table.items("spans")),
        barriers=frozenset(table.wholes("barriers")),
    )
    table.done()
    return limits


def _span(table: Table) -> Span:
    first = table.whole("first", 0, 65535)
    span = Span(
        function=Function(table.whole("fc", 1, 4)),
        first=first,
        last=table.whole("last", first, 65535),
    )
    table.done()
    return span


def _not_available(table: Table | None) -> Mapping[str, tuple[int, ...]]:
    if table is None:
        return {}
    found = {}
    for name in table.names():
        try:
            parse_type(name)
        except ValueError as error:
            raise table.error(name, str(error)) from None
        found[name] = table.wholes(name)
    return found


def _rows(table: Table) -> Mapping[str, Row]:
    rows = {}
    for quantity, content in table.rest().items():
        row = Table(f"{table.where}: {quantity}", content)
        rows[quantity] = _row(quantity, row)
        row.done()
    return rows


def _row(quantity: str, table: Table) -> Row:
    function = Function(table.whole("fc", 1, 4))
    try:
        kind = parse_type(table.need_text("type"))
    except ValueError as error:
        raise table.error("type", str(error)) from None
    if kind.is_bit != (function in (Function.READ_COILS, Function.READ_INPUTS)):
        raise table.error("type", "bool goes with fc 1 and 2, everything else with 3 and 4")
    access, write = table.text("access", "r"), table.whole("write_fc", 0, 16, 0)
    if access not in _ACCESS:
        raise table.error("access", f"r, w or rw is expected, not {access!r}")
    confidence = table.text("conf", "C")
    if confidence not in ("A", "B", "C"):
        raise table.error("conf", f"A, B or C is expected, not {confidence!r}")
    if write not in (0, 5, 6, 15, 16) or (write in (5, 15)) != (bool(write) and kind.is_bit):
        raise table.error("write_fc", f"5 or 15 for bits, 6 or 16 for registers, not {write}")
    scale, low, high = table.number("scale", 1), table.number("min"), table.number("max")
    if scale == 0 or (low is not None and high is not None and low >= high):
        raise table.error("scale" if scale == 0 else "min", "scale ≠ 0 and min < max are expected")
    default = Function.WRITE_COIL if kind.is_bit else Function.WRITE_REGISTERS
    return Row(
        quantity=quantity,
        function=function,
        addr=table.whole("addr", 0, 0x10000 - max(1, kind.words)),
        type=kind,
        scale=scale,
        unit=table.text("unit"),
        readable=_ACCESS[access][0],
        writable=_ACCESS[access][1],
        write_function=(Function(write) if write else default) if _ACCESS[access][1] else None,
        confidence=confidence,
        minimum=low,
        maximum=high,
        clears=table.flag("clears"),
        alone=table.flag("alone"),
    )


def _identity(top: Table, rows: Mapping[str, Row]) -> tuple[Identity, ...]:
    found = []
    for raw in top.items("identity"):
        table = Table(f"{top.where}: identity", raw)
        quantity = table.need_text("quantity")
        if quantity not in rows:
            raise table.error("quantity", f"{quantity!r} is not one of the rows")
        found.append(Identity(quantity=quantity, values=table.wholes("values")))
        table.done()
    return tuple(found)


def _watchdog(table: Table | None, rows: Mapping[str, Row]) -> Watchdog:
    if table is None:
        return Watchdog()
    watchdog = Watchdog(
        fed_by=table.choice("fed_by", FedBy),
        on_expiry=table.choice("on_expiry", OnExpiry),
        timeout_quantity=table.text("timeout_quantity"),
        timeout_value=table.number("timeout_value"),
        fallback_quantity=table.text("fallback_quantity"),
        fallback_value=table.number("fallback_value"),
    )
    for quantity in (watchdog.timeout_quantity, watchdog.fallback_quantity):
        if quantity is not None and (quantity not in rows or not rows[quantity].writable):
            raise table.error("quantity", f"{quantity!r} is not a writable row")
    if (watchdog.fed_by is FedBy.NOTHING) != (watchdog.on_expiry is OnExpiry.NOTHING):
        raise table.error("on_expiry", "a watchdog is fed by something and does something")
    table.done()
    return watchdog
