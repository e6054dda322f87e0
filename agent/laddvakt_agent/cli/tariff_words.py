"""A bill in words and as JSON, under the names that a CDR's fields have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from laddvakt_agent.core.tariff import Bill, Dimension, Line, Money, Part, Zone
from laddvakt_agent.core.tariff.money import rounded
from laddvakt_agent.pricing.tariffs import Known
from laddvakt_agent.pricing.zones import moment
from laddvakt_agent.uplink.version import Version

COSTS = {
    "total_fixed_cost": Part.FIXED,
    "total_energy_cost": Part.ENERGY,
    "total_time_cost": Part.TIME,
    "total_parking_cost": Part.PARKING,
    "total_reservation_cost": Part.RESERVATION,
}
_FIELDS = (
    "total_cost",
    "total_fixed_cost",
    "total_energy",
    "total_energy_cost",
    "total_time",
    "total_time_cost",
    "total_parking_time",
    "total_parking_cost",
    "total_reservation_cost",
)
_WORDS = {
    Dimension.FLAT: "fixed price",
    Dimension.ENERGY: "energy",
    Dimension.TIME: "charging time",
    Dimension.PARKING_TIME: "parking time",
}
_NEAR = Decimal("0.01")
_HOUR_S = 3600


def totals(bill: Bill) -> dict[str, Money | Decimal | None]:
    """The bill by the CDR's names, in the CDR's order; energy in kWh, times in hours."""
    values: dict[str, Money | Decimal | None] = {
        "total_cost": bill.total,
        "total_energy": rounded(bill.energy_kwh),
        "total_time": rounded(bill.time_s / _HOUR_S),
        "total_parking_time": rounded(bill.parking_s / _HOUR_S),
    }
    values |= {name: bill.parts.get(part) for name, part in COSTS.items()}
    return {name: values[name] for name in _FIELDS}


def money_json(money: Money, version: Version) -> dict[str, object]:
    """A Price in the form of a version."""
    if version is Version.V2_2_1:
        told: dict[str, object] = {"excl_vat": float(money.before_taxes)}
        return told | ({} if money.after_taxes is None else {"incl_vat": float(money.after_taxes)})
    taxes = [
        {"name": "VAT"}
        | ({} if tax.percent is None else {"percentage": float(tax.percent)})
        | {"amount": float(tax.amount)}
        for tax in money.taxes
    ]
    return {"before_taxes": float(money.before_taxes), "taxes": taxes}


def account_lines(bill: Bill, zone: Zone, tariffs: Sequence[Known], local: str) -> Iterator[str]:
    """The calculation, step by step, and the totals."""
    named = ", ".join(f"{each.core.id} (OCPI {each.version.value})" for each in tariffs)
    currency = tariffs[0].ocpi.currency if tariffs else "XXX"
    yield f"tariff {named or 'none'}, prices in {currency}, times of {local}"
    if not bill.lines:
        yield "  nothing is priced"
    for place, line in enumerate(bill.lines, 1):
        yield f"{place:3}. {_line(line, zone, several=len(tariffs) > 1)}"
        if line.billed != line.volume and line.component is not None:
            unit = "Wh" if line.dimension is Dimension.ENERGY else "s"
            more = _volume(line.dimension, line.billed - line.volume)
            yield f"     with {more} more for the step size of {line.component.step_size} {unit}"
    if bill.total != bill.before_limits:
        sums = f"{_money(bill.before_limits)} becomes {_money(bill.total)}"
        yield f"     {sums}: the tariff's lowest or highest price"
    for name, value in totals(bill).items():
        yield f"{name:<24}{_value(name, value)}"


def differences(bill: Bill, body: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Where the CDR says something else; up to 0.01 it is called rounding."""
    for name, value in totals(bill).items():
        for field, mine in _figures(value):
            theirs = _told(body.get(name), field)
            if theirs is None or mine is None or theirs == mine:
                continue
            yield {
                "field": f"{name}.{field}" if field else name,
                "cdr": float(theirs),
                "computed": float(mine),
                "rounding": abs(theirs - mine) <= _NEAR,
            }


def difference_line(found: Mapping[str, object]) -> str:
    """One difference in words."""
    why = " (rounding)" if found["rounding"] else ""
    return f"differs: {found['field']} is {found['cdr']} in the CDR, not {found['computed']}{why}"


def line_json(line: Line) -> dict[str, object]:
    """One step; energies in kWh, times in seconds, the element counted from 0."""
    amount = line.amount
    return {
        "period": line.period,
        "start_date_time": f"{moment(line.start_us).replace(tzinfo=None).isoformat()}Z",
        "end_date_time": f"{moment(line.end_us).replace(tzinfo=None).isoformat()}Z",
        "tariff_id": line.tariff,
        "element": line.element,
        "type": line.dimension.value,
        "part": line.part.value,
        "volume": float(line.volume),
        "billed_volume": float(line.billed),
        "step_size": None if line.component is None else line.component.step_size,
        "price": None if line.price is None else float(line.price),
        "vat": None if line.vat is None else float(line.vat),
        "amount": None if amount is None else float(amount.stated),
    }


def _line(line: Line, zone: Zone, *, several: bool) -> str:
    start = moment(line.start_us + zone.ahead_at(line.start_us))
    end = moment(line.end_us + zone.ahead_at(line.end_us))
    until = "" if line.dimension is Dimension.FLAT else f" to {end:%H:%M:%S}"
    when = f"period {line.period + 1}, {start:%a %Y-%m-%d %H:%M:%S}{until}"
    what = "reserved " if line.part is Part.RESERVATION else ""
    what += "time" if what and line.dimension is Dimension.TIME else _WORDS[line.dimension]
    amount = line.amount
    if line.component is None or amount is None:
        return f"{when}: {what} {_volume(line.dimension, line.volume)}: no element prices it"
    units = {Dimension.FLAT: "once", Dimension.ENERGY: "per kWh"}
    unit = units.get(line.dimension, "per hour")
    volume = "" if line.dimension is Dimension.FLAT else f" {_volume(line.dimension, line.billed)}"
    of = f"tariff {line.tariff} " if several else ""
    tax = "" if line.vat is None else f", VAT {_plain(line.vat)} %"
    by = f"{of}element {(line.element or 0) + 1}"
    told = f"{_plain(line.component.price)} {unit}{tax} = {_plain(rounded(amount.stated))}"
    return f"{when}: {what}{volume} by {by}, {told}"


def _volume(dimension: Dimension, volume: Fraction) -> str:
    if dimension is Dimension.ENERGY:
        return f"{_plain(rounded(volume))} kWh"
    seconds = rounded(volume)
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{_plain(n)} {unit}" for n, unit in parts if n) or "0 s"


def _value(name: str, value: Money | Decimal | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, Money):
        return _money(value)
    return f"{_plain(value)} {'kWh' if name == 'total_energy' else 'h'}"


def _money(money: Money) -> str:
    before = f"{_cents(money.before_taxes)} before taxes"
    if money.after_taxes is None:
        return before
    taxes = ", ".join(
        f"{_cents(tax.amount)} at {_plain(tax.percent)} %" for tax in money.taxes if tax.percent
    )
    return f"{before}, {_cents(money.after_taxes)} after" + (f" ({taxes})" if taxes else "")


def _cents(value: Decimal) -> str:
    """Two decimals, or as many more as it has."""
    short = value.quantize(Decimal("0.01"))
    return f"{short}" if short == value else _plain(value)


def _plain(value: Decimal | None) -> str:
    if value is None:
        return "-"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _figures(value: Money | Decimal | None) -> Iterator[tuple[str, Decimal | None]]:
    if isinstance(value, Money):
        yield from (("excl_vat", value.before_taxes), ("before_taxes", value.before_taxes))
        yield "incl_vat", value.after_taxes
    else:
        yield "", value


def _told(value: object, field: str) -> Decimal | None:
    found = value.get(field) if field and isinstance(value, Mapping) else value
    if isinstance(found, bool) or not isinstance(found, int | Decimal):
        return None
    return Decimal(found)
