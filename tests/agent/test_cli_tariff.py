"""`laddvakt tariff price`: totals under their CDR names, every step, and what was wrong where."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner, Result

from laddvakt_agent.cli import laddvakt
from laddvakt_agent.cli.codes import Exit
from laddvakt_agent.pricing.cdrs import told_seconds

BASE: dict[str, object] = {
    "country_code": "SE",
    "party_id": "LAD",
    "id": "T1",
    "currency": "SEK",
    "last_updated": "2026-01-01T00:00:00Z",
}
PARTS = [
    {"type": "FLAT", "price": 2.5, "vat": 15, "step_size": 1},
    {"type": "ENERGY", "price": 0.25, "vat": 10, "step_size": 1},
    {"type": "TIME", "price": 1.2, "step_size": 600},
    {"type": "PARKING_TIME", "price": 6, "vat": 10, "step_size": 300},
]
OLD = {**BASE, "elements": [{"price_components": PARTS}]}
NEW = {**OLD, "tax_included": "NO"}
NIGHT = {
    **BASE,
    "id": "NIGHT",
    "elements": [
        {"price_components": [{"type": "ENERGY", "price": 1, "step_size": 1}],
         "restrictions": {"start_time": "22:00", "end_time": "06:00"}},
    ],
}  # fmt: skip


def period(start: str, tariff_id: str | None = None, **volumes: float) -> dict[str, object]:
    made: dict[str, object] = {
        "start_date_time": f"2026-06-15T{start}:00Z",
        "dimensions": [{"type": name, "volume": volume} for name, volume in volumes.items()],
    }
    return made if tariff_id is None else {**made, "tariff_id": tariff_id}


CDR: dict[str, object] = {
    "start_date_time": "2026-06-15T10:00:00Z",
    "end_date_time": "2026-06-15T11:07:00Z",
    "country": "SWE",
    "charging_periods": [
        period("10:00", ENERGY=20.0, TIME=0.1667),
        period("10:10", ENERGY=0),
        period("11:00", PARKING_TIME=0.1167),
    ],
}
TOTALS = {
    "total_cost": {"excl_vat": 8.7, "incl_vat": 9.675},
    "total_fixed_cost": {"excl_vat": 2.5, "incl_vat": 2.875},
    "total_energy": 20,
    "total_energy_cost": {"excl_vat": 5, "incl_vat": 5.5},
    "total_time": 1.1167,
    "total_time_cost": {"excl_vat": 0.2, "incl_vat": 0.2},
    "total_parking_time": 0.1167,
    "total_parking_cost": {"excl_vat": 1, "incl_vat": 1.1},
    "total_reservation_cost": None,
}


def run(directory: Path, tariff: object, cdr: object, *options: str) -> Result:
    paths = []
    for name, data in (("T.json", tariff), ("C.json", cdr)):
        path = directory / name
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
        paths.append(str(path))
    given = ["tariff", "price", "--tariff", paths[0], "--cdr", paths[1], *options]
    return CliRunner().invoke(laddvakt, given)


def priced(directory: Path, tariff: object, cdr: object, *options: str) -> dict[str, object]:
    result = run(directory, tariff, cdr, "--json", *options)
    assert result.exit_code == 0, result.output
    return cast("dict[str, object]", json.loads(result.stdout))


def test_the_totals_have_their_cdr_names(tmp_path: Path) -> None:
    """A stripped CDR; ten minutes told as 0.1667 h are ten minutes, not a step more."""
    told = priced(tmp_path, OLD, CDR)
    assert {name: told[name] for name in TOTALS} == {**TOTALS, "total_cost": told["total_cost"]}
    assert told["total_cost"] == {"excl_vat": 8.7, "incl_vat": 9.675}
    assert (told["schema_version"], told["ocpi_version"], told["currency"]) == (1, "2.2.1", "SEK")


def test_2_3_0_tells_taxes_apart(tmp_path: Path) -> None:
    """The same tariff in the new form: before_taxes and each tax."""
    told = priced(tmp_path, NEW, CDR)
    assert told["ocpi_version"] == "2.3.0"
    assert told["total_cost"] == {
        "before_taxes": 8.7,
        "taxes": [
            {"name": "VAT", "percentage": 10.0, "amount": 0.6},
            {"name": "VAT", "percentage": 15.0, "amount": 0.375},
        ],
    }


def test_every_step_is_told(tmp_path: Path) -> None:
    """In words and as JSON: what the step sizes add, and what nothing prices."""
    result = run(tmp_path, OLD, CDR)
    assert "period 1, Mon 2026-06-15 12:00:00: fixed price by element 1, 2.5 once" in result.stdout
    assert "energy 20 kWh by element 1, 0.25 per kWh, VAT 10 % = 5" in result.stdout
    assert "parking time 10 min by element 1, 6 per hour, VAT 10 % = 1" in result.stdout
    assert "with 3 min more for the step size of 300 s" in result.stdout
    assert "total_parking_cost      1.00 before taxes, 1.10 after" in result.stdout
    steps = cast("list[dict[str, object]]", priced(tmp_path, OLD, CDR)["steps"])
    assert [(step["part"], step["billed_volume"]) for step in steps] == [
        ("fixed", 1.0), ("energy", 20.0), ("time", 600.0), ("parking", 600.0),
    ]  # fmt: skip
    night = run(tmp_path, NIGHT, CDR)
    assert "energy 20 kWh: no element prices it" in night.stdout


def test_a_limit_is_told(tmp_path: Path) -> None:
    """What it would have cost, and what it costs."""
    limited = {**OLD, "max_price": {"excl_vat": 5, "incl_vat": 5.5}}
    assert "8.70 before taxes" in run(tmp_path, limited, CDR).stdout
    told = priced(tmp_path, limited, CDR)
    assert told["total_cost"] == {"excl_vat": 5, "incl_vat": 5.5}
    assert told["before_limits"] == {"excl_vat": 8.7, "incl_vat": 9.675}


DIFFERENT = [
    pytest.param({"total_energy": 20.0}, None, id="the same"),
    pytest.param({"total_energy": 21}, ("total_energy", False), id="a number"),
    pytest.param({"total_cost": {"excl_vat": 8.71}}, ("total_cost.excl_vat", True), id="rounding"),
    pytest.param({"total_cost": {"incl_vat": 9}}, ("total_cost.incl_vat", False), id="taxes"),
    pytest.param({"total_cost": {"before_taxes": 9}}, ("total_cost.before_taxes", False), id="new"),
    pytest.param({"total_cost": "8"}, None, id="no number"),
]


@pytest.mark.parametrize(("told", "found"), DIFFERENT)
def test_totals_of_the_cdr_are_compared(
    tmp_path: Path, told: dict[str, object], found: tuple[str, bool] | None
) -> None:
    """What it says beside what it comes to."""
    cdr = {**CDR, **told}
    differences = cast("list[dict[str, object]]", priced(tmp_path, OLD, cdr)["differences"])
    expected = [] if found is None else [found]
    assert [(each["field"], each["rounding"]) for each in differences] == expected
    assert ("differs: " in run(tmp_path, OLD, cdr).stdout) is (found is not None)


def at(latitude: str, longitude: str) -> dict[str, str]:
    return {"latitude": latitude, "longitude": longitude}


PLACES = [
    pytest.param({"country": "SWE"}, (), "Europe/Stockholm", id="country"),
    pytest.param({"country": "se"}, (), "Europe/Stockholm", id="alpha-2"),
    pytest.param({"cdr_location": {"country": "GBR"}}, (), "Europe/London", id="location"),
    pytest.param({"country_code": "NL"}, (), "Europe/Amsterdam", id="the CPO's"),
    pytest.param({"country": "SWE", "time_zone": "Asia/Tokyo"}, (), "Asia/Tokyo", id="named"),
    pytest.param(
        {"cdr_location": {"country": "ESP", "coordinates": at("28.1", "-15.4")}},
        (),
        "Atlantic/Canary",
        id="islands",
    ),
    pytest.param(
        {"cdr_location": {"country": "PRT", "coordinates": at("38.7", "-9.1")}},
        (),
        "Europe/Lisbon",
        id="mainland",
    ),
    pytest.param({"country": "ESP"}, (), "Europe/Madrid", id="Spain"),
    pytest.param({"country": "PT"}, (), "Europe/Lisbon", id="Portugal"),
    pytest.param({"country": "USA"}, ("--time-zone", "Asia/Tokyo"), "Asia/Tokyo", id="option"),
]


@pytest.mark.parametrize(("place", "options", "zone"), PLACES)
def test_local_time_comes_from_the_place(
    tmp_path: Path, place: dict[str, object], options: tuple[str, ...], zone: str
) -> None:
    """Or from the option, which wins."""
    bare = {name: value for name, value in CDR.items() if name != "country"}
    assert priced(tmp_path, NIGHT, {**bare, **place}, *options)["time_zone"] == zone


def test_a_tariff_without_local_times_needs_no_place(tmp_path: Path) -> None:
    """UTC is told then."""
    bare = {name: value for name, value in CDR.items() if name != "country"}
    assert priced(tmp_path, OLD, bare)["time_zone"] == "UTC"


SEVERAL = [NIGHT, {**OLD, "id": "DAY"}]


def test_several_tariffs_by_their_ids(tmp_path: Path) -> None:
    """Each period by its own; one without is free where others have one."""
    cdr = {**CDR, "charging_periods": [
        period("10:00", "night", ENERGY=3), period("10:10", ENERGY=4),
        period("11:00", "DAY", ENERGY=5, TIME=0),
    ]}  # fmt: skip
    told = priced(tmp_path, SEVERAL, cdr)
    assert told["tariff_ids"] == ["NIGHT", "DAY"]
    assert told["total_cost"] == {"excl_vat": 3.75, "incl_vat": 4.25}
    notes = cast("list[str]", told["notes"])
    assert notes[0] == "note: no tariff_id in period 2: free of charge, as mod_cdrs has it."


def test_an_expired_reservation(tmp_path: Path) -> None:
    """Periods of reservation alone: nobody came."""
    fee = [{"type": "FLAT", "price": 4, "vat": 20, "step_size": 1}]
    expires = {"price_components": fee, "restrictions": {"reservation": "RESERVATION_EXPIRES"}}
    cdr = {**CDR, "charging_periods": [period("10:00", RESERVATION_TIME=1.1167)]}
    told = priced(tmp_path, {**BASE, "elements": [expires]}, cdr)
    assert told["total_reservation_cost"] == {"excl_vat": 4, "incl_vat": 4.8}


def test_responses_and_tariffs_without_names_are_taken(tmp_path: Path) -> None:
    """The envelope of OCPI is taken off; fields that make no price may be missing."""
    envelope = {"status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"}
    told = priced(tmp_path, {**envelope, "data": [{"elements": OLD["elements"]}]},
                  {**envelope, "data": CDR})  # fmt: skip
    assert told["total_cost"] == {"excl_vat": 8.7, "incl_vat": 9.675}


def test_a_missing_step_size_is_one(tmp_path: Path) -> None:
    parts = [{"type": "FLAT", "price": 1}, {"type": "ENERGY", "price": 0.25, "step_size": None}]
    by = {**BASE, "elements": [{"price_components": parts}]}
    assert priced(tmp_path, by, CDR)["total_cost"] == {"excl_vat": 6.0}


def test_the_total_time_is_the_sessions(tmp_path: Path) -> None:
    """Also where no period tells of its beginning."""
    told = priced(tmp_path, OLD, {**CDR, "start_date_time": "2026-06-15T09:00:00Z"})
    assert (told["total_time"], told["total_cost"]) == (2.1167, TOTALS["total_cost"])


NOTES = [
    pytest.param(
        {"charging_periods": [period("10:00", ENERGY=20)]}, {}, "no time is billed", id="no time"
    ),
    pytest.param(
        {"charging_periods": [period("10:00", "T9", ENERGY=20)]},
        {},
        "priced by T1 as asked",
        id="id",
    ),
    pytest.param({"start_date_time": "2026-06-15T09:00:00Z"}, {}, "before the first", id="a gap"),
    pytest.param({}, {"max_current": 32}, "tells no current", id="no current"),
]


def test_a_tariff_of_another_time_is_noted(tmp_path: Path) -> None:
    over = {**OLD, "end_date_time": "2019-06-30T23:59:59Z"}
    told = priced(tmp_path, over, CDR)
    assert told["notes"] == ["note: tariff T1 did not hold when this began; priced by it as asked."]
    assert told["total_cost"] == TOTALS["total_cost"]


@pytest.mark.parametrize(("changes", "restrictions", "note"), NOTES)
def test_what_a_reader_may_wonder_about_is_noted(
    tmp_path: Path, changes: dict[str, object], restrictions: dict[str, object], note: str
) -> None:
    """Priced all the same."""
    by = {**BASE, "elements": [{"price_components": PARTS, "restrictions": restrictions}]}
    assert note in run(tmp_path, by, {**CDR, **changes}).stdout


BACKWARDS = [period("10:00", ENERGY=1), period("09:00", ENERGY=1)]
TWICE = {"start_date_time": "2026-06-15T10:00:00Z",
         "dimensions": [{"type": "ENERGY", "volume": 1}] * 2}  # fmt: skip
BAD = [
    pytest.param("{", CDR, "T.json: it is not JSON", id="no JSON"),
    pytest.param("NaN", CDR, "NaN is no JSON number", id="NaN"),
    pytest.param([], CDR, "T.json: it holds no tariff", id="no tariff"),
    pytest.param([3], CDR, "T.json: is a number", id="a number"),
    pytest.param([OLD, 3], CDR, "T.json: tariff 2: is a number", id="the second"),
    pytest.param([OLD, OLD], CDR, "two tariffs have the id 'T1'", id="twice"),
    pytest.param({**OLD, "elements": []}, CDR, "T.json: elements is empty", id="no elements"),
    pytest.param(OLD, [], "C.json: it holds a list, not one CDR", id="no CDR"),
    pytest.param(OLD, {}, "C.json: start_date_time is missing", id="an empty one"),
    pytest.param(OLD, {**CDR, "end_date_time": "1.1.2026"}, "C.json: end_date_time", id="a date"),
    pytest.param(OLD, {**CDR, "charging_periods": BACKWARDS}, "is earlier than", id="backwards"),
    pytest.param(OLD, {**CDR, "charging_periods": [TWICE]}, "ENERGY twice", id="a dimension twice"),
    pytest.param(
        OLD, {**CDR, "end_date_time": "2026-06-15T10:30:00Z"}, "end_date_time is earlier", id="end"
    ),
    pytest.param(
        OLD, {**CDR, "start_date_time": "1970-01-01T00:00:00Z"}, "more than a year", id="1970"
    ),
    pytest.param(
        OLD,
        {**CDR, "charging_periods": [period("10:00", PARKING_TIME=-1)]},
        "a PARKING_TIME of less than 0 hours",
        id="time running backwards",
    ),
    pytest.param(SEVERAL, CDR, "no period has a tariff_id", id="which tariff"),
    pytest.param(
        SEVERAL,
        {**CDR, "charging_periods": [period("10:00", "X", ENERGY=1)]},
        "tariff_id 'X' is none of the tariffs (NIGHT, DAY)",
        id="an unknown tariff",
    ),
    pytest.param([NIGHT, {**OLD, "currency": "NOK"}], CDR, "several currencies", id="currencies"),
    pytest.param(NIGHT, {**CDR, "country": "USA"}, "does not say which local time", id="the US"),
]


@pytest.mark.parametrize(("tariff", "cdr", "said"), BAD)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, tariff: object, cdr: object, said: str
) -> None:
    """File, field, and in the last line the remedy; nothing on stdout."""
    result = run(tmp_path, tariff, cdr)
    assert result.exit_code == Exit.FAULT, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") >= 2
    assert result.stdout == ""


USAGE = [
    pytest.param(["--tariff", "/none", "--cdr", "/none"], "no such file", id="no file"),
    pytest.param(["--tariff", "/none"], "Missing option '--cdr'", id="no CDR"),
]


@pytest.mark.parametrize(("options", "said"), USAGE)
def test_wrong_use_exits_2(options: list[str], said: str) -> None:
    """As everywhere."""
    result = CliRunner().invoke(laddvakt, ["tariff", "price", *options])
    assert (result.exit_code, said in result.stderr) == (Exit.USAGE, True)


def test_a_time_zone_nobody_knows(tmp_path: Path) -> None:
    """Named, with one that works."""
    result = run(tmp_path, OLD, CDR, "--time-zone", "Mars/Base")
    assert (result.exit_code, "Mars/Base" in result.stderr) == (Exit.USAGE, True)


TIMES = [
    # told in hours, length of the period in s, taken as
    ("0.1667", "600", "600"),
    ("0.1667", "1800", "600"),
    ("1.973", "7103", "7103"),
    ("0.5", "1801", "1800"),
    ("0.3333", "1199.9", "1199.9"),
    ("0.3333", "1200", "1200"),
    ("0.3333", "3600", "1200"),
    ("0.0003", "5", "1"),
    ("0.0001", "5", "0.36"),
    ("0", "600", "0"),
    ("-0.5", "600", "-1800"),
]


@pytest.mark.parametrize(("told", "length", "taken"), TIMES)
def test_times_are_freed_of_their_rounding(told: str, length: str, taken: str) -> None:
    """10 minutes are not 600.12 s, which would begin another step."""
    assert told_seconds(Decimal(told), Fraction(length)) == Fraction(taken)


@pytest.mark.parametrize("limits", [{}, {"max_price": {"before_taxes": 100}}], ids=["no", "limits"])
def test_a_tariff_without_tax_included_is_taken_by_its_cdr(
    tmp_path: Path, limits: dict[str, object]
) -> None:
    """The specification's CDR of 2.3.0 carries one: taxes come on top, told as 2.3.0 does."""
    cdr = {**CDR, "total_cost": {"before_taxes": 8.7, "taxes": []}}
    told = priced(tmp_path, {**OLD, **limits}, cdr)
    total = cast("dict[str, object]", told["total_cost"])
    assert (told["ocpi_version"], total["before_taxes"]) == ("2.3.0", 8.7)


def test_a_price_that_is_rounded_is_noted(tmp_path: Path) -> None:
    parts = [{"type": "ENERGY", "price": 0.12345, "step_size": 1}]
    told = priced(tmp_path, {**BASE, "elements": [{"price_components": parts}]}, CDR)
    assert told["notes"] == ["note: tariff T1 has a price of more than four decimals; rounded."]
