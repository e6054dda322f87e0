"""`bus stats`: what was counted on the lines since the agent began."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from laddvakt_agent.cli.bus_remote import agent_lines, settings_of
from laddvakt_agent.cli.bus_words import NONE, setup_text, table
from laddvakt_agent.cli.client import Json, JsonObject, socket_path
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.cli.words import objects
from laddvakt_hal.survey_io import meant

_COLUMNS = (
    ("requests", "requests"),
    ("good", "ok"),
    ("silent", "no_reply"),
    ("crc", "crc"),
    ("short", "short"),
    ("unit≠", "wrong_unit"),
    ("other", "wrong_reply"),
    ("echo", "echo"),
)
_TIMES = (
    ("p50", "p50_ms"),
    ("p95", "p95_ms"),
    ("p99", "p99_ms"),
    ("turn", "turnaround_ms"),
)


@click.command()
@click.option("--line", metavar="NAME", help="Only this line.")
@click.option("--socket", "socket_option", metavar="PATH", help="The agent's Unix socket.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def stats(line: str | None, socket_option: str | None, as_json: bool) -> None:
    """List requests, errors and latencies of every device, as the running agent counted them.

    Latencies (ms) are of the last few hundred good replies; `turn` is the device's own thinking
    time. A dash is a figure that nobody has, such as UART errors of a driver that counts none.
    """
    lines = agent_lines(socket_path(socket_option))
    if line is not None:
        names = {str(its.get("name")): its for its in lines}
        if line not in names:
            fail(Exit.CONFIG, f"There is no line {line!r}{meant(line, names)}")
        lines = [names[line]]
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "lines": lines}, ensure_ascii=False))
        return
    for index, its in enumerate(lines):
        for text in ([""] if index else []) + list(_line(its)):
            click.echo(text)


def _line(its: JsonObject) -> Iterator[str]:
    state = "up" if its.get("up") else f"DOWN - {its.get('reason')}"
    share = its.get("utilisation")
    busy = f"{100 * share:.0f} % busy" if isinstance(share, int | float) else f"{NONE} busy"
    uart = its.get("uart")
    counts = uart if isinstance(uart, dict) else {}
    kinds = ("frame", "parity", "overrun")
    uarts = ", ".join(f"{kind} {_cell(counts.get(kind))}" for kind in kinds)
    yield f"{its.get('name')} ({setup_text(settings_of(its))}): {state}, {busy}"
    yield f"  late {_cell(its.get('late'))}; UART errors: {uarts}"
    notes = its.get("notes")
    for note in [*(notes if isinstance(notes, list) else []), its.get("hint")]:
        if note:
            yield f"  {note}"
    units = [*objects(its, "devices"), *objects(its, "others")]
    heads = [head for head, _ in _COLUMNS]
    head = ("device", "unit", *heads, "exceptions", *(h for h, _ in _TIMES), "bytes")
    if units:
        yield from (f"  {text}" for text in table(head, [_row(unit) for unit in units]))


def _row(unit: JsonObject) -> list[str]:
    sent, received = unit.get("bytes_sent"), unit.get("bytes_received")
    both = isinstance(sent, int) and isinstance(received, int)
    return [
        str(unit.get("name", NONE)),
        _cell(unit.get("unit")),
        *(_cell(unit.get(key)) for _, key in _COLUMNS),
        _exceptions(unit.get("exceptions")),
        *(_cell(unit.get(key)) for _, key in _TIMES),
        str(int(str(sent)) + int(str(received))) if both else NONE,
    ]


def _exceptions(value: Json) -> str:
    if not isinstance(value, dict) or not value:
        return "0"
    return " ".join(f"{code}:{count}" for code, count in value.items())


def _cell(value: Json) -> str:
    if value is None:
        return NONE
    return f"{value:.1f}" if isinstance(value, float) else str(value)
