"""`bus scan`: who answers, and at which speed."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace

import click

from laddvakt_agent.cli.bus_options import Options, line_options
from laddvakt_agent.cli.bus_profiles import all_profiles
from laddvakt_agent.cli.bus_where import (
    Where,
    give_up,
    open_where,
    resolve,
)
from laddvakt_agent.cli.bus_words import found_lines, setup_text, span_text
from laddvakt_agent.cli.client import JsonObject
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_hal.profile_model import Profile
from laddvakt_hal.settings import LineSettings, SerialSettings, TcpSettings, Timing
from laddvakt_hal.survey import (
    BAUDS,
    FORMATS,
    LAST_UNIT,
    Found,
    Progress,
    Step,
    Stop,
    Sweep,
    estimate_s,
    settings_in_order,
    steps,
    sweep,
)
from laddvakt_hal.survey_line import PROBE, LineTrouble, probe_timing_on

SLACK = 2.0  # a sweep that takes so many times its estimate hangs
USUAL_UNITS = "1-32"  # through the agent or a gateway each silent unit takes a second or more


@click.command()
@line_options
@click.option("--units", metavar="1-32,100", help="Unit ids to ask; directly 1-247.")
@click.option("--bauds", metavar="9600,19200", help="Speeds to try, directly only.")
@click.option("--formats", metavar="8N1,8E1", help="Formats to try, directly only.")
@click.option("--one-speed", is_flag=True, help="Only the speed and format given.")
@click.option(
    "--stop",
    type=click.Choice([stop.value for stop in Stop]),
    default=Stop.LINE.value,
    show_default=True,
    help="End with the first answer, the first speed that answers, or never early.",
)
@click.option(
    "--timeout-ms",
    type=click.IntRange(20, 2000),
    help="How long to wait for each unit; 150, behind a gateway 1500; through the agent the line's "
    "plan decides.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def scan(
    where_options: Options,
    units: str | None,
    bauds: str | None,
    formats: str | None,
    one_speed: bool,
    stop: str,
    timeout_ms: int | None,
    as_json: bool,
) -> None:
    """Ask every unit id, at every likely speed, and list who answers.

    Nothing is written. Speeds and units of the devices this agent knows come first. Through the
    agent only the line's own speed is asked, slowly: safety polling goes first; on a TCP line only
    configured units, for a gateway lets everybody wait while it looks for an absent one.

    Exits 1 when nobody answers.
    """
    where = resolve(where_options)
    one_speed = one_speed or where.through_agent or not isinstance(where.settings, SerialSettings)
    if one_speed and (bauds or formats):
        raise click.UsageError("--bauds and --formats are for a port that is used directly")
    profiles = all_profiles()
    wanted = _units(units or _usual(where), profiles, _last(where))
    plan = _plan(where, profiles, wanted, bauds, formats, one_speed)
    timing = _timing(where, timeout_ms)
    worst_s = _worst_s(where, plan, timing.timeout_s)
    asked = sum(len(step.units) for step in plan)
    click.echo(f"{where.text}: {asked} questions, at most {span_text(worst_s)}.", err=True)
    result = _sweep(where, plan, Stop(stop), timing.timeout_s, worst_s)
    if as_json:
        click.echo(json.dumps(_json(where, result)))
    else:
        for line in found_lines(result, tcp=isinstance(where.settings, TcpSettings)):
            click.echo(line)
    raise SystemExit(int(Exit.OK if result.clear else Exit.FAULT))


def _plan(
    where: Where,
    profiles: Sequence[Profile],
    units: Sequence[int],
    bauds: str | None,
    formats: str | None,
    one_speed: bool,
) -> tuple[Step, ...]:
    settings: Sequence[LineSettings] = (where.settings,)
    if not one_speed and isinstance(where.settings, SerialSettings):
        speeds = [_speed(text) for text in bauds.split(",")] if bauds else BAUDS
        forms = [_form(text) for text in formats.split(",")] if formats else FORMATS
        settings = settings_in_order(where.settings, profiles, speeds, forms)
    return steps(settings, units, profiles)


def _sweep(
    where: Where, plan: Sequence[Step], stop: Stop, timeout_s: float, worst_s: float
) -> Sweep:
    timing = replace(PROBE, timeout_s=timeout_s, worst_latency_s=timeout_s)
    show = _show if sys.stderr.isatty() else _quiet

    async def go() -> Sweep:
        async with asyncio.timeout(SLACK * worst_s + 10):
            return await sweep(
                plan,
                lambda settings: open_where(where, settings),
                stop=stop,
                timing=timing,
                on_progress=show,
            )

    try:
        return asyncio.run(go())
    except LineTrouble as error:
        give_up(error)
    except TimeoutError:
        fail(
            Exit.TEMPORARY,
            f"{where.text}: the scan took twice its time and was ended.",
            "Name fewer units with --units, or look at the line: laddvakt bus doctor.",
        )
    finally:
        if sys.stderr.isatty():
            click.echo("\r\033[K", nl=False, err=True)


def _worst_s(where: Where, plan: Sequence[Step], timeout_s: float) -> float:
    if not where.through_agent:
        return estimate_s(plan, replace(PROBE, timeout_s=timeout_s))
    silent_ms, share = where.told.get("silent_ms"), where.told.get("share")
    if not isinstance(silent_ms, int | float) or not isinstance(share, int | float):
        return estimate_s(plan)
    return sum(len(step.units) for step in plan) * silent_ms / 1000 / share


def _usual(where: Where) -> str:
    if where.through_agent and isinstance(where.settings, TcpSettings):
        return ",".join(str(device.unit) for device in where.devices) or "1"
    few = where.through_agent or isinstance(where.settings, TcpSettings)
    return USUAL_UNITS if few else f"1-{LAST_UNIT}"


def _last(where: Where) -> int:
    return 255 if isinstance(where.settings, TcpSettings) else LAST_UNIT


def _timing(where: Where, timeout_ms: int | None) -> Timing:
    if timeout_ms is None:
        return probe_timing_on(where.settings)
    return replace(PROBE, timeout_s=timeout_ms / 1000, worst_latency_s=timeout_ms / 1000)


def _units(text: str, profiles: Sequence[Profile], last: int) -> list[int]:
    found: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", part.strip())
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not 0 <= low <= high <= last:
            raise click.UsageError(f"--units {text}: numbers up to {last}, as in 1-32,100")
        found |= dict.fromkeys(range(low, high + 1))
    if text == USUAL_UNITS:
        found |= {p.unit: None for p in profiles if p.unit is not None and p.unit <= last}
    return list(found)


def _speed(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 50:
        raise click.UsageError(f"--bauds: {text!r} is no speed")
    return int(text)


def _form(text: str) -> str:
    form = text.strip().upper()
    if not re.fullmatch(r"8[NEO][12]", form):
        raise click.UsageError(f"--formats: {text!r} is none; 8N1, 8E1, 8O1 and 8N2 are usual")
    return form


def _show(now: Progress) -> None:
    percent = 100 * now.done // max(now.total, 1)
    text = f"{percent:3d} %  {setup_text(now.settings)}  unit {now.unit}  found {now.found}"
    click.echo(f"\r\033[K{text}", nl=False, err=True)


def _quiet(now: Progress) -> None:
    del now


def _json(where: Where, result: Sweep) -> JsonObject:
    return {
        "schema_version": 1,
        "line": where.settings.name,
        "asked": result.asked,
        "complete": result.complete,
        "found": [_found(found) for found in result.found],
        "not_asked": [{"unit": unit, "reason": why} for unit, why in result.refused],
        "skipped": [{"setup": setup_text(its), "reason": why} for its, why in result.skipped],
    }


def _found(found: Found) -> JsonObject:
    its = found.settings
    setup = (its.baud, its.format) if isinstance(its, SerialSettings) else (None, None)
    return {
        "unit": found.unit,
        "baud": setup[0],
        "format": setup[1],
        "latency_ms": None if found.latency_s is None else round(found.latency_s * 1000, 1),
        "exception": found.exception,
        "garbled": found.garbled or None,
    }
