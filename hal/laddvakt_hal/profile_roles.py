"""The role tables of a profile file: which rows make a meter, a board, a relay, a monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.profile_model import BoardMap, FineLimit, MeterMap, RelayMap, ResidualMap

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
    unit = rows[energy].unit or ""
    if unit not in _WH_PER:
        raise table.error("energy", f"row {energy} must be in Wh or kWh, not {unit!r}")
    if len(voltage) not in (1, 3) or len(current) not in (1, 3) or not power:
        raise table.error("voltage", "one or three voltages and currents and a power are expected")
    side = table.need_text("voltage_side")
    if side not in ("line", "load"):
        raise table.error("voltage_side", f"line or load is expected, not {side!r}")
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
        load_side=side == "load",
        three_wire=table.flag("three_wire"),
    )
    table.done()
    return found


def board_map(table: Table | None, rows: Mapping[str, Row]) -> BoardMap | None:
    """The board role, `None` without its table.

    Raises:
        ProfileError: a row is missing or a value wrong.
    """
    if table is None:
        return None
    states = _states(table)
    relay = table.table("relay")
    relay_bit = None
    if relay is not None:
        relay_bit = (relay.need_text("quantity"), relay.whole("bit", 0, 31))
        relay.done()
    found = BoardMap(
        pilot=table.need_text("pilot"),
        pilot_states=states,
        pwm=table.need_text("pwm"),
        pwm_on=frozenset(table.texts("pwm_on")),
        limit=table.need_text("limit"),
        limit_with=_settings(table, "limit_with", rows),
        fine_limit=_fine_limit(table.table("fine_limit"), rows),
        resolution_a=table.need_number("resolution_a"),
        apply_s=table.need_number("apply_s"),
        errors=table.need_text("errors"),
        error_bits=_bits(table.table("error_bits")),
        not_errors=frozenset(table.wholes("not_errors")),
        relay_bit=relay_bit,
        autoreclose=table.text("autoreclose"),
        autoreclose_bits=table.wholes("autoreclose_bits"),
        set_at_start=tuple((q, float(v)) for q, v in _settings(table, "set_at_start", rows)),
        release=table.text("release"),
    )
    optional = [found.autoreclose, found.release, relay_bit[0] if relay_bit else None]
    needed = [found.pilot, found.pwm, found.limit, found.errors]
    _known(table, rows, [*needed, *(name for name in optional if name is not None)])
    if not rows[found.limit].writable:
        raise table.error("limit", f"row {found.limit} must be writable")
    table.done()
    return found


def relay_map(table: Table | None, rows: Mapping[str, Row]) -> RelayMap | None:
    """The relay role, `None` without its table.

    Raises:
        ProfileError: a row is missing or a value wrong.
    """
    if table is None:
        return None
    found = RelayMap(
        coil=table.need_text("coil"),
        contact=table.need_text("contact"),
        flash_on_base=table.whole("flash_on_base", 0, 65535)
        if table.has("flash_on_base")
        else None,
        flash_step_s=table.number("flash_step_ms", 100) / 1000,
    )
    _known(table, rows, [f"{found.coil}1", f"{found.contact}1"])
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
        status=table.need_text("status"),
        trip_bits=table.wholes("trip_bits"),
        failure_bits=table.wholes("failure_bits"),
    )
    _known(table, rows, [found.dc, found.status])
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
