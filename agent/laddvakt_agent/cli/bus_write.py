"""`bus write`: change one value of a device, on purpose and on the record."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys

import click
import structlog

from laddvakt_agent.cli.bus_options import Options, factor, line_options
from laddvakt_agent.cli.bus_profiles import profile_named
from laddvakt_agent.cli.bus_where import (
    Where,
    no_answer,
    resolve,
    unit_of,
    with_line,
)
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_hal.bus import Reply
from laddvakt_hal.codec import WordOrder
from laddvakt_hal.errors import HalError
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.profile_model import Profile
from laddvakt_hal.settings import Timing
from laddvakt_hal.survey_io import WrongTarget, addresses, write_by_row, write_raw
from laddvakt_hal.survey_line import Channel

DEADLINE_S = 20.0
PATIENT = Timing(timeout_s=0.5, worst_latency_s=0.5)


@click.command(context_settings={"ignore_unknown_options": True})  # -5 is a value
@click.argument("unit")
@click.argument("target", metavar="QUANTITY|ADDR")
@click.argument("value")
@line_options
@click.option("--profile", metavar="ID", help="Which profile describes the device.")
@click.option("--coil", is_flag=True, help="ADDR is a coil; VALUE is on or off.")
@click.option("--type", "kind", metavar="u16", default="u16", show_default=True)
@click.option("--order", type=click.Choice(["big", "little"]), default="big", show_default=True)
@click.option(
    "--scale",
    type=float,
    default=1.0,
    callback=factor,
    help="Divides the value for the register.",
)
@click.option("--yes", is_flag=True, help="Really write.")
def write(
    where_options: Options,
    unit: str,
    target: str,
    value: str,
    profile: str | None,
    coil: bool,
    kind: str,
    order: WordOrder,
    scale: float,
    yes: bool,
) -> None:
    """Write VALUE to a point of the device at UNIT; without --yes only say what would be written.

    The running agent writes for root alone, only what a profile calls writable, and never to a
    board, contactor, emergency stop or residual-current monitor in use: stop the agent for that.
    """
    where = resolve(where_options)
    number, known = unit_of(where, unit)
    if number == 0:
        fail(Exit.USAGE, "Unit 0 is everybody on the line; name one unit.")
    chosen = profile or (known.profile if known else None)
    try:
        span = addresses(target)
        if span is None:
            request = write_by_row(_profile(chosen, target), number, target, value)
        else:
            request = write_raw(
                number, _one(span, target), value, coil=coil, kind=kind, order=order, scale=scale
            )
    except WrongTarget as error:
        fail(Exit.CONFIG, str(error))
    said = f"{where.text}: {_said(request)} ({target} = {value})"
    if not yes:
        fail(Exit.USAGE, f"Would write {said}.", "Nothing was written; add --yes to do it.")
    _carry_out(where, request)
    click.echo(f"Written and confirmed: {said}")


def _one(span: tuple[int, int], target: str) -> int:
    first, count = span
    if count > 1:
        raise WrongTarget(
            f"{target}: one value is written at one address; name the first, and --type u32 or "
            "f32 for a value of several registers"
        )
    return first


def _profile(name: str | None, target: str) -> Profile:
    if name is None:
        fail(
            Exit.CONFIG,
            f"Which device is that? {target!r} is a name in a profile.",
            "Add --profile ID, or write an address.",
        )
    return profile_named(name)


def _carry_out(where: Where, request: Request) -> None:
    async def ask(line: Channel) -> Reply:
        if not where.through_agent:
            line.set_timing(request.unit, PATIENT)
        return await line.transact(request)

    outcome = "confirmed"
    try:
        asyncio.run(with_line(where, ask, deadline_s=DEADLINE_S))
    except (HalError, TimeoutError) as error:
        outcome = str(error) or "timeout"
        no_answer(where, request.unit, error)
    finally:
        if not where.through_agent:  # else the agent has written it into its own log
            _log(where, request, outcome)


def _log(where: Where, request: Request, outcome: str) -> None:
    """One JSON line on stderr: who changed what, and whether it was confirmed."""
    log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )
    log.info(
        "bus_written",
        line=where.text,
        unit=request.unit,
        function=int(request.function),
        address=request.address,
        values=list(request.values),
        uid=os.getuid(),
        user=_user(),
        outcome=outcome,
    )


def _user() -> str:
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a uid without a name
        return ""


def _said(request: Request) -> str:
    what = "coil" if request.function in (Function.WRITE_COIL, Function.WRITE_COILS) else "register"
    values = " ".join(f"{value:04x}" for value in request.values)
    return f"unit {request.unit} {what} {request.address}: {values}"
