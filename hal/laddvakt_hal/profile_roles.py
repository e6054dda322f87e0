"""The role tables of a profile file: which rows make a meter, a board, a relay, a monitor."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from laddvakt_hal.frame import Function
from laddvakt_hal.profile_maps import (
    COIL_ON,
    BoardMap,
    FineLimit,
    MeterMap,
    RelayMap,
    ResidualMap,
    SelfTestMap,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from laddvakt_hal.profile_model import Row
    from laddvakt_hal.toml_table import Table

_PILOTS = {"A", "B", "C", "D", "E", "F", "invalid"}
_WH_PER = {"Wh": 1.0, "kWh": 1000.0}


def meter_map(table: Table | None, rows: Mapping[str, Row]) -> MeterMap | None:
    """The meter role, `None` without its table.

    Raises:
        ProfileError: a row is missing or a value wrong.
    """
    if table is None:
        return None
    energy = table.need_text("energy")
    serial = table.text("serial")
    voltage, current = table.texts("voltage"), table.texts("current")
    power = table.texts("power")
    _known(table, rows, (energy, *voltage, *current, *power, *([serial] if serial else [])))
    _numbers(table, rows, (energy, *voltage, *current, *power))
    unit = rows[energy].unit or ""
    if unit not in _WH_PER:
        raise table.error("energy", f"row {energy} must be in Wh or kWh, not {unit!r}")
    if len(voltage) not in (1, 3) or len(current) not in (1, 3) or not power:
        raise table.error("voltage", "one or three voltages and currents and a power are expected")
    found = MeterMap(
        voltage=voltage,
        current=current,
        power=power,
        energy=energy,
        energy_wh_per_unit=_WH_PER[unit],
        serial=serial,
        resolution_wh=table.need_number("resolution_wh"),
        rollover_wh=table.number("rollover_wh"),
        update_s=table.need_number("update_ms") / 1000,
        latency_s=table.need_number("latency_ms") / 1000,
        load_side=_load_side(table),
        three_wire=table.flag("three_wire"),
        measures_neutral=table.flag("measures_neutral"),
    )
    if found.resolution_wh <= 0 or min(found.update_s, found.latency_s) < 0:
        raise table.error("resolution_wh", "more than 0 is expected, and no time below 0")
    table.done()
    return found


def board_map(table: Table | None, rows: Mapping[str, Row]) -> BoardMap | None:
    """The board role, `None` without its table.

    Raises:
        ProfileError: a row is missing or a value wrong.
    """
    if table is None:
        return None
    found = BoardMap(
        pilot=table.need_text("pilot"),
        pilot_states=_states(table),
        pwm=table.text("pwm"),
        pwm_on=frozenset(table.texts("pwm_on")),
        limit=table.need_text("limit"),
        limit_with=_settings(table, "limit_with", rows),
        fine_limit=_fine_limit(table.table("fine_limit"), rows),
        resolution_a=table.need_number("resolution_a"),
        apply_s=table.need_number("apply_s"),
        errors=table.text_or_texts("errors"),
        error_bits=_bits(table.table("error_bits")),
        not_errors=frozenset(table.wholes("not_errors")),
        relay_bit=_relay_bit(table.table("relay")),
        autoreclose=table.text("autoreclose"),
        autoreclose_bits=table.wholes("autoreclose_bits"),
        set_at_start=tuple((q, float(v)) for q, v in _settings(table, "set_at_start", rows)),
        release=table.text("release"),
        residual_test=_self_test(table.table("residual_test"), rows),
    )
    _check_board(table, found, rows)
    table.done()
    return found


def _check_board(table: Table, board: BoardMap, rows: Mapping[str, Row]) -> None:
    relay = board.relay_bit[0] if board.relay_bit else None
    optional = [board.pwm, board.autoreclose, board.release, relay]
    _known(table, rows, [board.pilot, *board.errors, *(n for n in optional if n is not None)])
    bit_rows = [*board.errors, *(n for n in (board.autoreclose, relay) if n is not None)]
    _numbers(table, rows, bit_rows, whole=True)
    if board.limit not in rows or not rows[board.limit].writable:
        raise table.error("limit", f"row {board.limit} must be writable")
    if (board.pwm is None) != (not board.pwm_on):
        raise table.error("pwm_on", "goes with pwm: the row and the values that mean a current")
    if board.error_bits and len(board.errors) != 1:
        raise table.error("error_bits", "go with one errors row; give each row its bits instead")
    if board.release is not None and not rows[board.release].writable:
        raise table.error("release", f"row {board.release} must be writable")
    if board.resolution_a <= 0 or board.apply_s < 0:
        raise table.error("resolution_a", "more than 0 is expected, and apply_s not below 0")
    together = [*(rows[name] for name, _ in board.limit_with), rows[board.limit]]
    for before, after in itertools.pairwise(together):
        same = before.write_function is after.write_function is Function.WRITE_REGISTERS
        if before.end != after.addr or not same:
            raise table.error(
                "limit_with", f"{before.quantity} does not stand just before {after.quantity}"
            )


def _load_side(table: Table) -> bool:
    side = table.need_text("voltage_side")
    if side not in ("line", "load"):
        raise table.error("voltage_side", f"line or load is expected, not {side!r}")
    return side == "load"


def _relay_bit(table: Table | None) -> tuple[str, int] | None:
    if table is None:
        return None
    found = (table.need_text("quantity"), table.whole("bit", 0, 31))
    table.done()
    return found


def _self_test(table: Table | None, rows: Mapping[str, Row]) -> SelfTestMap | None:
    if table is None:
        return None
    found = SelfTestMap(
        quantity=table.need_text("quantity"),
        bit=table.whole("bit", 0, 15),
        seconds=table.need_number("seconds"),
        errors=frozenset(table.texts("errors")),
    )
    if found.quantity not in rows or not rows[found.quantity].writable:
        raise table.error("quantity", f"row {found.quantity} must be writable")
    if found.seconds <= 0 or not found.errors:
        raise table.error("errors", "the names that say it failed, and more than 0 seconds")
    table.done()
    return found


def relay_map(table: Table | None, rows: Mapping[str, Row]) -> RelayMap | None:
    """The relay role, `None` without its table.

    Raises:
        ProfileError: a row is missing or a value wrong.
    """
    if table is None:
        return None
    coil, contact = table.need_text("coil"), table.text("contact")
    _known(table, rows, [f"{coil}1", *([f"{contact}1"] if contact else [])])
    output = rows[f"{coil}1"]
    if not output.writable:
        raise table.error("coil", f"row {coil}1 must be writable")
    register = not output.type.is_bit
    if register and not (table.has("on_value") and table.has("off_value")):
        raise table.error("on_value", "a register relay needs on_value and off_value")
    on_value = table.whole("on_value", 0, 65535, COIL_ON)
    found = RelayMap(
        coil=coil,
        contact=contact,
        flash_on_base=table.whole_or_none("flash_on_base", 0, 65535),
        flash_step_s=table.number("flash_step_ms", 100) / 1000,
        on_value=on_value,
        off_value=table.whole("off_value", 0, 65535, 0),
        closed_value=table.whole("closed_value", 0, 65535, on_value if register else 1),
        timed_base=table.whole_or_none("timed_base", 0, 65535),
        timed_most=table.whole("timed_most", 1, 32767, 255),
    )
    if found.on_value == found.off_value or found.flash_step_s <= 0:
        raise table.error("on_value", "must differ from off_value, and flash_step_ms be above 0")
    if found.timed_base is not None and not register:
        raise table.error("timed_base", "goes with register relays; coils have flash_on_base")
    table.done()
    return found


def residual_map(table: Table | None, rows: Mapping[str, Row]) -> ResidualMap | None:
    """The residual-monitor role, `None` without its table.

    Raises:
        ProfileError: a row is missing or a value wrong.
    """
    if table is None:
        return None
    found = ResidualMap(
        dc=table.need_text("dc"),
        ac=table.text("ac"),
        status=table.need_text("status"),
        trip_bits=table.wholes("trip_bits"),
        failure_bits=table.wholes("failure_bits"),
    )
    _known(table, rows, [found.dc, found.status, *([found.ac] if found.ac else [])])
    _numbers(table, rows, [found.dc, *([found.ac] if found.ac else [])])
    _numbers(table, rows, [found.status], whole=True)
    if not found.trip_bits:
        raise table.error("trip_bits", "at least one bit is expected")
    table.done()
    return found


def _known(table: Table, rows: Mapping[str, Row], names: Iterable[str]) -> None:
    for name in names:
        if name not in rows:
            raise table.error(name, "is not one of the rows")
        if not rows[name].readable:
            raise table.error(name, "cannot be read")


def _numbers(
    table: Table, rows: Mapping[str, Row], names: Iterable[str], *, whole: bool = False
) -> None:
    for name in names:
        kind = rows[name].type
        if not (kind.is_whole if whole else kind.is_number):
            what = "a whole number" if whole else "a number"
            raise table.error(name, f"must be {what}, not {kind.name}")


def _states(table: Table) -> Mapping[str, str]:
    states = table.table("pilot_states")
    if states is None:
        raise table.error("pilot_states", "is missing; raw value = A..F or invalid is expected")
    found = {}
    for raw, state in states.rest().items():
        if state not in _PILOTS:
            raise states.error(raw, f"A..F or invalid is expected, not {state!r}")
        found[raw] = str(state)
    return found


def _bits(table: Table | None) -> Mapping[int, str]:
    found: dict[int, str] = {}
    for bit, name in (table.rest() if table else {}).items():
        if table is not None and not (bit.isdigit() and int(bit) < 32 and isinstance(name, str)):
            raise table.error(bit, "bit 0..31 = name is expected")
        found[int(bit)] = str(name)
    return found


def _settings(table: Table, key: str, rows: Mapping[str, Row]) -> tuple[tuple[str, int], ...]:
    inner = table.table(key)
    if inner is None:
        return ()
    found = []
    for quantity in inner.names():
        if quantity not in rows or not rows[quantity].writable:
            raise inner.error(quantity, "is not a writable row")
        found.append((quantity, inner.whole(quantity, 0, 65535)))
    return tuple(found)


def _fine_limit(table: Table | None, rows: Mapping[str, Row]) -> FineLimit | None:
    if table is None:
        return None
    found = FineLimit(
        config=table.need_text("config"),
        bit=table.whole("bit", 0, 15),
        firmware=table.need_text("firmware"),
        min_firmware=table.whole("min_firmware", 0, 65535),
        scale=table.need_number("scale"),
    )
    _known(table, rows, [found.config, found.firmware])
    table.done()
    return found
