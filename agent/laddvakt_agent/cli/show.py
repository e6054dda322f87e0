"""`status` and `faults`: what is wrong, since when, and what to do."""

from __future__ import annotations

import json

import click

from laddvakt_agent.cli.client import JsonObject, ask, socket_path
from laddvakt_agent.cli.codes import Exit

_SOCKET = click.option("--socket", "socket_option", metavar="PATH", help="The agent's Unix socket.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")


@click.command()
@_SOCKET
@_JSON
def status(socket_option: str | None, as_json: bool) -> None:
    """Say how the charger is: one line per connector, then what stands against it.

    Exits 1 while a fault stands.
    """
    answer = ask(socket_path(socket_option), "GET", "/status")
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        for connector in _objects(answer, "connectors"):
            _print_connector(connector)
        _print_rest(answer)
    raise SystemExit(int(Exit.FAULT if _standing(answer) else Exit.OK))


@click.command()
@_SOCKET
@_JSON
@click.option("--all", "show_all", is_flag=True, help="Also the latest ones that have cleared.")
def faults(socket_option: str | None, as_json: bool, show_all: bool) -> None:
    """List the faults that stand, root cause first.

    Exits 1 while a fault stands.
    """
    answer = ask(socket_path(socket_option), "GET", "/faults")
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        rows = [f for f in _objects(answer, "faults") if show_all or not f.get("cleared_at")]
        for fault in rows:
            _print_fault(fault)
        if not rows:
            click.echo("No fault stands.")
    raise SystemExit(int(Exit.FAULT if _standing(answer) else Exit.OK))


def _objects(answer: JsonObject, key: str) -> list[JsonObject]:
    found = answer.get(key)
    return [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []


def _standing(answer: JsonObject) -> list[JsonObject]:
    return [f for f in _objects(answer, "faults") if not f.get("cleared_at")]


def _print_connector(connector: JsonObject) -> None:
    state, why = connector.get("state"), connector.get("reason")
    click.echo(f"connector {connector.get('id')}: {connector.get('status')} - {state} ({why})")
    limit, current = connector.get("limit_a"), connector.get("current_a")
    power, energy = connector.get("power_w"), connector.get("session_energy_wh")
    click.echo(f"  limit {limit} A, current {current} A, power {power} W, session {energy} Wh")


def _print_rest(answer: JsonObject) -> None:
    for line in _objects(answer, "lines"):
        if not line.get("up"):
            click.echo(f"line {line.get('name')}: DOWN - {line.get('reason')}")
    for fault in _standing(answer):
        _print_fault(fault)
    uplink = answer.get("uplink")
    if isinstance(uplink, dict) and not uplink.get("reachable"):
        click.echo(f"backend: not reachable, {uplink.get('pending')} object(s) waiting")


def _print_fault(fault: JsonObject) -> None:
    ended = f", cleared {fault.get('cleared_at')}" if fault.get("cleared_at") else ""
    click.echo(
        f"{str(fault.get('severity')).upper()} {fault.get('code')} ({fault.get('subject')}) "
        f"since {fault.get('started_at')}{ended}"
    )
    click.echo(f"  {fault.get('title')}: {fault.get('evidence')}")
    if fault.get("cause") != fault.get("code"):
        click.echo(f"  caused by {fault.get('cause')}")
    click.echo(f"  {fault.get('next')}")
