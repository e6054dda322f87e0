"""`tariff price`: a CDR priced by a tariff, step by step. Needs no running agent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.cli.tariff_files import (
    Chosen,
    choose,
    more_decimals,
    read_cdr,
    read_course,
    read_tariffs,
)
from laddvakt_agent.cli.tariff_words import (
    account_lines,
    difference_line,
    differences,
    line_json,
    money_json,
    totals,
)
from laddvakt_agent.core.tariff import Bill, Dimension, Money, Period, Zone
from laddvakt_agent.core.tariff import price as priced
from laddvakt_agent.core.tariff.match import flow_of
from laddvakt_agent.pricing import cdrs
from laddvakt_agent.pricing.errors import ZoneUnknown
from laddvakt_agent.pricing.place import needs_local_time, time_zone_of
from laddvakt_agent.pricing.tariffs import Known
from laddvakt_agent.pricing.zones import zone
from laddvakt_agent.uplink.version import Version

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A priced CDR with everything that is worth saying about it."""

    bill: Bill
    chosen: Chosen
    local: str  # IANA name
    zone: Zone
    notes: tuple[str, ...]


@click.command()
@click.option("--tariff", "tariff_file", type=_FILE, required=True, help="OCPI Tariff, or a list.")
@click.option("--cdr", "cdr_file", type=_FILE, required=True, help="OCPI CDR; may be stripped.")
@click.option("--time-zone", metavar="NAME", help="Where it was charged, like Europe/Stockholm.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def price(tariff_file: Path, cdr_file: Path, time_zone: str | None, as_json: bool) -> None:
    """Price a CDR by its tariff, step by step.

    OCPI 2.2.1 and 2.3.0, told apart by their fields. Of the CDR it needs start_date_time,
    end_date_time and charging_periods; for tariffs with local times also the place: cdr_location,
    country, or --time-zone. With several tariffs each period names its own by tariff_id.

    Amounts are exact; each total is rounded once, half up, to four decimals.
    """
    tariffs = read_tariffs(tariff_file)
    body = read_cdr(cdr_file)
    result = _result(tariffs, body, cdr_file, time_zone)
    if as_json:
        click.echo(json.dumps(_json(result, body), ensure_ascii=False))
        return
    for line in account_lines(result.bill, result.zone, result.chosen.tariffs, result.local):
        click.echo(line)
    for found in differences(result.bill, body):
        click.echo(difference_line(found))
    for note in result.notes:
        click.echo(note)


def _result(
    tariffs: Sequence[Known], body: Mapping[str, object], path: Path, time_zone: str | None
) -> Result:
    course = read_course(body, path)
    chosen = choose(tariffs, course, path)
    local = time_zone or _time_zone(chosen, body, path)
    try:
        place = zone(local, course.started_at, course.ended_at)
    except ZoneUnknown as unknown:
        fail(Exit.USAGE, f"{unknown}.", "Give an IANA name: --time-zone Europe/Stockholm")
    periods = cdrs.periods(course, chosen.by_period)
    bill = priced(periods, place, expired=all(period.only_reserved for period in periods))
    bill = replace(bill, time_s=course.length_s)  # also what no period tells of
    notes = (*chosen.notes, *_remarks(chosen, course, periods))
    return Result(bill=bill, chosen=chosen, local=local, zone=place, notes=notes)


def _time_zone(chosen: Chosen, body: Mapping[str, object], path: Path) -> str:
    """Of the CDR's place; where no price depends on it, any will do."""
    try:
        return time_zone_of(body)
    except ZoneUnknown as unknown:
        if not needs_local_time(each.core for each in chosen.tariffs):
            return "UTC"
        fail(
            Exit.FAULT,
            f"{path}: {unknown}, and this tariff has local times.",
            "Give --time-zone, like --time-zone Europe/Stockholm, or cdr_location.country.",
        )


def _remarks(chosen: Chosen, course: cdrs.Told, periods: Sequence[Period]) -> Iterator[str]:
    """What a reader may wonder about."""
    first = course.periods[0].start_date_time
    if course.started_at < first:
        yield "note: what was before the first period costs nothing."
    for each in chosen.tariffs:
        if not each.valid_at(course.started_at):
            name = each.core.id
            yield f"note: tariff {name} did not hold when this began; priced by it as asked."
        if more_decimals(each.body):
            yield f"note: tariff {each.core.id} has a price of more than four decimals; rounded."
    parts = [e for each in chosen.tariffs for e in each.core.elements]
    kinds = {part.dimension for element in parts for part in element.components}
    timed = any(p.charging_s or p.parking_s or p.reserved_s for p in periods)
    if not timed and kinds & {Dimension.TIME, Dimension.PARKING_TIME}:
        yield "note: no period tells TIME, PARKING_TIME or RESERVATION_TIME: no time is billed."
    if any(p.charged and flow_of(p).least_a is None for p in periods) and any(
        e.restrictions.min_current_a is not None or e.restrictions.max_current_a is not None
        for e in parts
    ):
        yield "note: a period tells no current: elements restricted by current do not apply to it."


def _version(tariffs: Sequence[Known], body: Mapping[str, object]) -> Version:
    """In whose fields the totals are told: the CDR's own, else the tariff's."""
    cost = body.get("total_cost")
    if isinstance(cost, Mapping) and ("before_taxes" in cost or "excl_vat" in cost):
        return Version.V2_3_0 if "before_taxes" in cost else Version.V2_2_1
    return tariffs[0].version if tariffs else Version.V2_2_1


def _json(result: Result, body: Mapping[str, object]) -> dict[str, object]:
    tariffs = result.chosen.tariffs
    version = _version(tariffs, body)
    told = {
        name: money_json(value, version)
        if isinstance(value, Money)
        else (None if value is None else float(value))
        for name, value in totals(result.bill).items()
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "ocpi_version": version.value,
        "currency": tariffs[0].ocpi.currency if tariffs else None,
        "tariff_ids": [each.core.id for each in tariffs],
        "time_zone": result.local,
        **told,
        "before_limits": money_json(result.bill.before_limits, version),
        "steps": [line_json(line) for line in result.bill.lines],
        "differences": list(differences(result.bill, body)),
        "notes": list(result.notes),
    }
