"""`bus doctor`: what is wrong with the lines, why, and what to do."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import click

from laddvakt_agent.cli.bus_evidence import evidence
from laddvakt_agent.cli.bus_options import Options, line_options
from laddvakt_agent.cli.bus_remote import agent_lines, answers, settings_of
from laddvakt_agent.cli.bus_where import Where, resolve, socket_of
from laddvakt_agent.cli.bus_words import setup_text
from laddvakt_agent.cli.client import JsonObject
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_hal.settings import SerialSettings
from laddvakt_hal.survey_line import Trouble, latency_timer_ms
from laddvakt_hal.verdict import Level, LineEvidence, Verdict, judge, worst
from laddvakt_hal.verdict_texts import text_of

DEADLINE_S = 180.0
_MARKS = {Level.FINE: "ok", Level.HINT: "hint", Level.TROUBLE: "TROUBLE"}
_CODES = {
    Trouble.IN_USE: Exit.PERMISSION,
    Trouble.NO_PERMISSION: Exit.PERMISSION,
}


@click.command()
@line_options
@click.option(
    "--seconds",
    type=click.FloatRange(1, 600),
    default=5.0,
    show_default=True,
    help="Through the agent: how long to watch its own polling.",
)
@click.option("--since-start", is_flag=True, help="Through the agent: judge all since its start.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def doctor(where_options: Options, seconds: float, since_start: bool, as_json: bool) -> None:
    """Say whether the lines are well; if not, what is wrong, why, and what to try first.

    Through the agent its own polling is watched: nothing more is put on the lines. A line that is
    used directly is asked, and if nobody answers at other speeds, too.

    Exits 0 when all is well or only hints remain, 1 with trouble, 4 when a port may not be used.
    """
    direct = where_options.port or where_options.tcp
    if not direct and _asks_agent(where_options):
        lines = _watched(where_options, seconds, since_start)
    else:
        lines = [_checked(resolve(where_options))]
    judged = [(line, judge(line)) for line in lines]
    if as_json:
        click.echo(json.dumps(_json(judged), ensure_ascii=False))
    else:
        for line, verdicts in judged:
            for text in _lines(line, verdicts):
                click.echo(text)
    raise SystemExit(int(_code(judged)))


_Judged = list[tuple[LineEvidence, tuple[Verdict, ...]]]


def _asks_agent(options: Options) -> bool:
    return options.config is None or answers(socket_of(options))


def _watched(options: Options, seconds: float, since_start: bool) -> list[LineEvidence]:
    socket = socket_of(options)
    if options.line is not None:
        resolve(options)  # says so when there is no such line
    before: dict[str, JsonObject] = {}
    if not since_start:
        before = {str(line.get("name")): line for line in agent_lines(socket)}
        if sys.stderr.isatty():
            click.echo(f"Watching for {seconds:g} s …", err=True)
        time.sleep(seconds)
    lines = [line for line in agent_lines(socket) if options.line in (None, str(line.get("name")))]
    return [_seen(line, before.get(str(line.get("name")))) for line in lines]


def _seen(line: JsonObject, before: JsonObject | None) -> LineEvidence:
    settings = settings_of(line)
    serial = isinstance(settings, SerialSettings)
    found = evidence(line, before, _place(line), tcp=not serial)
    if not line.get("up"):
        reason = str(line.get("reason"))
        return replace(found, trouble=Trouble.DOWN, trouble_text=reason)
    if isinstance(settings, SerialSettings):
        found = replace(found, latency_timer_ms=latency_timer_ms(settings.port))
    return found


def _place(line: JsonObject) -> str:
    settings = settings_of(line)
    at = setup_text(settings)
    return f"{settings.port} {at}" if isinstance(settings, SerialSettings) else at


def _checked(where: Where) -> LineEvidence:
    from laddvakt_agent.cli.bus_checkup import checkup  # noqa: PLC0415 - not for the agent's way
    from laddvakt_agent.cli.bus_profiles import all_profiles  # noqa: PLC0415

    async def go() -> LineEvidence:
        async with asyncio.timeout(DEADLINE_S):
            return await checkup(where, all_profiles())

    try:
        return asyncio.run(go())
    except TimeoutError:
        fail(Exit.TEMPORARY, f"{where.text}: no end after {DEADLINE_S:.0f} s; given up.")


def _lines(line: LineEvidence, verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    yield line.setup if line.setup.startswith(line.name) else f"{line.name} ({line.setup})"
    for verdict in verdicts:
        text = text_of(verdict)
        where = "" if verdict.subject == line.name else f"{verdict.subject}: "
        yield f"  {_MARKS[verdict.level]}: {where}{text.says}"
        yield f"    seen: {verdict.because}"
        for number, remedy in enumerate(text.remedies, 1):
            yield f"    {number}. {remedy}"


def _json(judged: _Judged) -> JsonObject:
    return {
        "schema_version": 1,
        "ok": all(worst(verdicts) is not Level.TROUBLE for _, verdicts in judged),
        "lines": [
            {
                "name": line.name,
                "setup": line.setup,
                "verdicts": [_verdict(verdict) for verdict in verdicts],
            }
            for line, verdicts in judged
        ],
    }


def _verdict(verdict: Verdict) -> JsonObject:
    text = text_of(verdict)
    return {
        "code": verdict.code,
        "level": verdict.level.name.lower(),
        "subject": verdict.subject,
        "because": verdict.because,
        "says": text.says,
        "remedies": list(text.remedies),
    }


def _code(judged: _Judged) -> Exit:
    troubles = [line.trouble for line, _ in judged if line.trouble is not None]
    for trouble in troubles:
        if trouble in _CODES:
            return _CODES[trouble]
    well = all(worst(verdicts) is not Level.TROUBLE for _, verdicts in judged)
    return Exit.OK if well else Exit.FAULT
