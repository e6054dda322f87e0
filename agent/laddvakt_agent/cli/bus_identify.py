"""`bus identify`: what the device at a unit is."""

from __future__ import annotations

import asyncio
import json
import sys

import click

from laddvakt_agent.cli.bus_options import Options, line_options
from laddvakt_agent.cli.bus_profiles import all_profiles
from laddvakt_agent.cli.bus_where import (
    Where,
    give_up,
    open_where,
    resolve,
    unit_of,
)
from laddvakt_agent.cli.bus_words import identified_lines
from laddvakt_agent.cli.client import JsonObject
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_hal.errors import HalError
from laddvakt_hal.identify import Identified, Match
from laddvakt_hal.identify import identify as find_out
from laddvakt_hal.survey_line import LineTrouble, NotAllowed

DEADLINE_S = 180.0


@click.command()
@click.argument("unit")
@line_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def identify(where_options: Options, unit: str, as_json: bool) -> None:
    """Say what the device at UNIT (a number, or a device's name) is.

    Reads the registers by which the known profiles tell their devices; writes nothing, and reads
    nothing that a read would change. Exits 1 when nothing fits or nobody answers.
    """
    where = resolve(where_options)
    number, _ = unit_of(where, unit)
    try:
        found = asyncio.run(_identify(where, number))
    except LineTrouble as error:
        give_up(error)
    except NotAllowed as error:
        fail(Exit.NOT_APPLICABLE, str(error), error.remedy)
    except HalError as error:
        fail(Exit.TEMPORARY, f"{where.text}: {error}")
    except TimeoutError:
        fail(Exit.TEMPORARY, f"{where.text}: no end after {DEADLINE_S:.0f} s; given up.")
    if found.silent:
        fail(
            Exit.FAULT,
            f"{where.text}: unit {number} does not answer.",
            "Look for it: laddvakt bus scan.",
        )
    if as_json:
        click.echo(json.dumps(_json(where, found), ensure_ascii=False))
    else:
        for line in identified_lines(found):
            click.echo(line)
    raise SystemExit(int(Exit.OK if found.matches else Exit.FAULT))


async def _identify(where: Where, unit: int) -> Identified:
    def show(profile: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{profile}", nl=False, err=True)

    try:
        async with asyncio.timeout(DEADLINE_S), open_where(where) as line:
            return await find_out(line, unit, all_profiles(), show)
    finally:
        if sys.stderr.isatty():
            click.echo("\r\033[K", nl=False, err=True)


def _json(where: Where, found: Identified) -> JsonObject:
    return {
        "schema_version": 1,
        "line": where.settings.name,
        "unit": found.unit,
        "reads": found.reads,
        "matches": [_match(match) for match in found.matches],
    }


def _match(match: Match) -> JsonObject:
    return {
        "profile": match.profile.id,
        "vendor": match.profile.vendor,
        "model": match.profile.model,
        "confidence": match.confidence.name.lower(),
        "evidence": list(match.evidence),
        "at_factory_settings": match.at_factory_settings,
    }
