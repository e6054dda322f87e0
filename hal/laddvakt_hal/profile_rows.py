"""The rows of a profile file: one register or bit each, and what they are on other firmware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.codec import parse_type
from laddvakt_hal.frame import Function
from laddvakt_hal.profile_model import Row
from laddvakt_hal.profile_variants import Condition, Variant
from laddvakt_hal.toml_table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.codec import Type
    from laddvakt_hal.toml_table import Raw

_ACCESS = {"r": (True, False), "w": (False, True), "rw": (True, True)}
_BIT_READS = (Function.READ_COILS, Function.READ_INPUTS)


def rows_of(table: Table, *, one_row: bool) -> Mapping[str, Row]:
    """Every row of `[rows]`; with `one_row` each is alone in its request.

    Raises:
        ProfileError: a row is wrong in itself.
    """
    return {name: _row(table.where, name, raw, one_row) for name, raw in table.rest().items()}


def variants_of(top: Table, raw_rows: Raw, rows: Mapping[str, Row]) -> tuple[Variant, ...]:
    """The `[[variant]]` tables: rows as in `[rows]` with some fields replaced.

    Raises:
        ProfileError: a condition or a replaced field is wrong, or names an unknown row.
    """
    return tuple(_variant(top, raw, raw_rows, rows) for raw in top.items("variant"))


def _variant(top: Table, raw: Raw, raw_rows: Raw, rows: Mapping[str, Row]) -> Variant:
    table = Table(f"{top.where}: variant", raw)
    name = table.need_text("name")
    where = f"{top.where}: variant {name}"
    when = _condition(Table(f"{where}: when", table.take("when")), rows)
    changes = Table(f"{where}: rows", table.take("rows")).rest()
    if not changes:
        raise table.error("rows", "is empty; name the rows that differ")
    changed = {}
    for quantity, change in changes.items():
        if quantity not in rows or not isinstance(raw_rows, dict):
            raise table.error(f"{name}: rows: {quantity}", "is not one of the rows")
        if quantity == when.quantity:
            raise table.error(f"{name}: rows: {quantity}", "cannot depend on itself")
        fields = {**raw_rows[quantity], **Table(f"{where}: {quantity}", change).rest()}
        changed[quantity] = _row(f"{where}: rows", quantity, fields, rows[quantity].alone)
    table.done()
    return Variant(name=name, when=when, rows=changed)


def _condition(table: Table, rows: Mapping[str, Row]) -> Condition:
    quantity = table.need_text("quantity")
    row = rows.get(quantity)
    if row is None or not row.readable:
        raise table.error("quantity", f"{quantity!r} is not one of the rows that can be read")
    is_text = row.type.is_text
    found = Condition(
        quantity=quantity,
        minimum=table.text("min") if is_text else table.number("min"),
        maximum=table.text("max") if is_text else table.number("max"),
        values=table.wholes("values"),
        texts=table.texts("texts"),
    )
    if found == Condition(quantity=quantity):
        raise table.error("quantity", "min, max, values or texts is expected too")
    if (is_text and found.values) or (found.texts and not is_text):
        raise table.error("texts", f"go with text rows, values with numbers; {quantity} is neither")
    table.done()
    return found


def _row(where: str, quantity: str, raw: Raw, alone: bool) -> Row:
    table = Table(f"{where}: {quantity}", raw)
    function = Function(table.whole("fc", 1, 4))
    kind = _type(table, function)
    readable, writable, write = _access(table, kind)
    scale, low, high = table.number("scale", 1), table.number("min"), table.number("max")
    if scale == 0 or (low is not None and high is not None and low >= high):
        raise table.error("scale" if scale == 0 else "min", "scale ≠ 0 and min < max are expected")
    confidence = table.text("conf", "C")
    if confidence not in ("A", "B", "C"):
        raise table.error("conf", f"A, B or C is expected, not {confidence!r}")
    row = Row(
        quantity=quantity,
        function=function,
        addr=table.whole("addr", 0, 0x10000 - max(1, kind.words)),
        type=kind,
        scale=scale,
        unit=table.text("unit"),
        readable=readable,
        writable=writable,
        write_function=write,
        confidence=confidence,
        minimum=low,
        maximum=high,
        clears=table.flag("clears"),
        alone=table.flag("alone") or alone,
        scale_from=table.text("scale_from"),
        enum=table.text("enum"),
        bits=table.text("bits"),
        overlap=table.flag("overlap"),
        mask=table.whole("mask", 1, 2 ** (16 * kind.words) - 1) if table.has("mask") else None,
        shift=table.whole("shift", 0, 63, 0),
        readback=table.text("readback"),
        absent=table.flag("absent"),
        block=table.whole_or_none("model", 1, 0xFFFE),
        note=table.text("note"),
    )
    _fits_together(table, row)
    table.done()
    return row


def _type(table: Table, function: Function) -> Type:
    try:
        kind = parse_type(table.need_text("type"))
    except ValueError as error:
        raise table.error("type", str(error)) from None
    if kind.is_bit != (function in _BIT_READS):
        raise table.error("type", "bool goes with fc 1 and 2, everything else with 3 and 4")
    return kind


def _access(table: Table, kind: Type) -> tuple[bool, bool, Function | None]:
    """Whether the row can be read and written, and with which function."""
    access, write = table.text("access", "r"), table.whole("write_fc", 0, 16, 0)
    if access not in _ACCESS:
        raise table.error("access", f"r, w or rw is expected, not {access!r}")
    if write not in (0, 5, 6, 15, 16) or (write in (5, 15)) != (bool(write) and kind.is_bit):
        raise table.error("write_fc", f"5 or 15 for bits, 6 or 16 for registers, not {write}")
    if write == Function.WRITE_REGISTER and kind.words != 1:
        raise table.error(
            "write_fc", f"6 writes one register, {kind.name} has {kind.words}; use 16"
        )
    readable, writable = _ACCESS[access]
    if write and not writable:
        raise table.error("write_fc", "goes with access w or rw")
    default = Function.WRITE_COIL if kind.is_bit else Function.WRITE_REGISTERS
    return readable, writable, (Function(write) if write else default) if writable else None


def _fits_together(table: Table, row: Row) -> None:
    """Complain about fields that contradict each other or the type."""
    if not row.type.is_number and (row.scale != 1 or row.scale_from is not None):
        raise table.error("scale", f"{row.type.name} is no number: it cannot be scaled")
    if row.enum is not None and row.bits is not None:
        raise table.error("enum", "a row has an enum or bits, not both")
    if row.bits is not None and not row.type.is_unsigned:
        raise table.error("bits", f"{row.type.name} has no bits; an unsigned type has")
    if row.readback is not None and (row.readable or not row.writable):
        raise table.error("readback", 'goes with access "w": other rows read back themselves')
    _masked(table, row)


def _masked(table: Table, row: Row) -> None:
    if row.mask is None:
        if row.shift:
            raise table.error("shift", "goes with a mask")
        return
    if not row.type.is_unsigned or row.writable:
        raise table.error("mask", "goes with unsigned types that are only read")
    if not row.mask >> row.shift:
        raise table.error("shift", f"{row.shift} moves the whole mask {row.mask:#x} away")
