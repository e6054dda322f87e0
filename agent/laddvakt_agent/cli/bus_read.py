"""`bus read`: one value of a device, or its registers as they are."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import click

from laddvakt_agent.cli.bus_options import Options, factor, line_options
from laddvakt_agent.cli.bus_profiles import profile_named
from laddvakt_agent.cli.bus_where import (
    Known,
    Where,
    no_answer,
    resolve,
    unit_of,
    with_line,
)
from laddvakt_agent.cli.bus_words import point_text, value_text
from laddvakt_agent.cli.client import Json, JsonObject
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_hal.codec import Value, WordOrder, parse_type
from laddvakt_hal.errors import HalError
from laddvakt_hal.frame import Function
from laddvakt_hal.profile_model import Profile
from laddvakt_hal.settings import Timing
from laddvakt_hal.survey_io import (
    Point,
    WrongTarget,
    addresses,
    as_type,
    clearing_row,
    hex_words,
    interpretations,
    read_point,
    read_raw,
    row_named,
)
from laddvakt_hal.survey_line import Channel

DEADLINE_S = 20.0
PATIENT = Timing(timeout_s=0.5, worst_latency_s=0.5)  # one question: nobody waits behind it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raw:
    """How raw registers are wanted."""

    function: Function
    kind: str | None
    order: WordOrder
    scale: float


@click.command()
@click.argument("unit")
@click.argument("target", metavar="QUANTITY|ADDR[..ADDR]")
@line_options
@click.option("--profile", metavar="ID", help="Which profile describes the device.")
@click.option("--fc", type=click.Choice(["1", "2", "3", "4"]), default="3", show_default=True)
@click.option("--type", "kind", metavar="f32", help="Registers as u16 s16 u32 s32 f32 f64 str8 …")
@click.option("--order", type=click.Choice(["big", "little"]), default="big", show_default=True)
@click.option("--scale", type=float, default=1.0, callback=factor, help="Multiplies the register.")
@click.option("--clears", is_flag=True, help="Read it although reading changes it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def read(
    where_options: Options,
    unit: str,
    target: str,
    profile: str | None,
    fc: str,
    kind: str | None,
    order: WordOrder,
    scale: float,
    clears: bool,
    as_json: bool,
) -> None:
    """Read a value of the device at UNIT (a number, or a device's name).

    \b
    laddvakt bus read meter1 voltage_l1
    laddvakt bus read 1 0..5 --fc 4 --type f32 --port /dev/ttyUSB0
    """  # noqa: D301 - \b is click's mark for lines to keep
    where = resolve(where_options)
    number, known = unit_of(where, unit)
    try:
        span = addresses(target)
        if span is None:
            shown = _point(where, number, target, _profile(profile, known, target), clears)
        else:
            raw = _Raw(function=Function(int(fc)), kind=kind, order=order, scale=scale)
            if (profile or known) and not clears:
                _refuse_clearing(_profile(profile, known, target), raw.function, span)
            shown = _registers(where, number, span, raw, clears)
    except WrongTarget as error:
        fail(Exit.CONFIG, f"{error}")
    except (HalError, TimeoutError) as error:
        no_answer(where, number, error)
    if as_json:
        answer = {"schema_version": 1, "line": where.settings.name, "unit": number, **shown[1]}
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        for line in shown[0]:
            click.echo(line)


_Shown = tuple[list[str], JsonObject]  # for a person, for a machine


def _profile(name: str | None, known: Known | None, quantity: str) -> Profile:
    chosen = name or (known.profile if known else None)
    if chosen is None:
        fail(
            Exit.CONFIG,
            f"Which device is that? {quantity!r} is a name in a profile.",
            "Add --profile ID (laddvakt bus identify says which), or read addresses.",
        )
    return profile_named(chosen)


def _point(where: Where, unit: int, quantity: str, profile: Profile, clears: bool) -> _Shown:
    row = row_named(profile, quantity)
    if not clears:
        _refuse_clearing(profile, row.function, (row.addr, row.count))

    async def ask(line: Channel) -> Point:
        return await read_point(line, unit, profile, quantity)

    point = asyncio.run(with_line(where, ask, deadline_s=DEADLINE_S, clears=clears))
    value: Json = point.reading.value
    told: JsonObject = {
        "quantity": quantity,
        "profile": profile.id,
        "value": value,
        "unit_of_value": point.row.unit,
        "quality": point.reading.quality.value,
        "text": point.text,
        "bits": list(point.bits),
    }
    return [point_text(quantity, point)], told


def _refuse_clearing(profile: Profile, function: Function, span: tuple[int, int]) -> None:
    row = clearing_row(profile.rows.values(), function, *span)
    if row is not None:
        fail(
            Exit.USAGE,
            f"Reading {row.quantity} changes it in the device.",
            "Add --clears if that is what you want.",
        )


def _registers(where: Where, unit: int, span: tuple[int, int], raw: _Raw, clears: bool) -> _Shown:
    first, count = span

    async def ask(line: Channel) -> tuple[int, ...]:
        line.set_timing(unit, PATIENT)
        return await read_raw(line, unit, raw.function, first, count)

    size = _size(raw.kind, count)
    words = asyncio.run(with_line(where, ask, deadline_s=DEADLINE_S, clears=clears))
    told: JsonObject = {"function": int(raw.function), "address": first, "raw": list(words)}
    if raw.function in (Function.READ_COILS, Function.READ_INPUTS):
        lines = [f"{first + i:5d}  {'on' if bit else 'off'}" for i, bit in enumerate(words)]
        return lines, told
    if raw.kind is not None:
        values = _typed(words, raw, size)
        told["values"] = [value for _, value in values]
        return [f"{first + at:5d}  {value_text(value)}" for at, value in values], told
    told["could_be"] = dict(interpretations(words))
    return _hex_lines(first, words), told


def _size(kind: str | None, count: int) -> int:
    """Registers per value; refuses before anything is asked."""
    try:
        size = parse_type(kind or "u16").words
    except ValueError as error:
        raise WrongTarget(str(error)) from None
    if not size or count % size:
        raise WrongTarget(f"{kind} takes {size or 'no'} registers, {count} were asked for")
    return size


def _typed(words: tuple[int, ...], raw: _Raw, size: int) -> list[tuple[int, Value | None]]:
    return [
        (at, as_type(words[at : at + size], raw.kind or "u16", raw.order, raw.scale))
        for at in range(0, len(words), size)
    ]


def _hex_lines(first: int, words: tuple[int, ...]) -> list[str]:
    lines = [f"{first + i:5d}  {word:04x}  {word:5d}" for i, word in enumerate(words)]
    if len(words) in (2, 4):
        found = interpretations(words)
        lines += [f"  {name}: {value_text(value)}" for name, value in found.items()]
    else:
        text = interpretations(words).get("text")
        lines += [f"  text: {text}"] if text else []
    return [*lines, f"  {hex_words(words)}"] if len(words) > 1 else lines
