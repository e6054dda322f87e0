"""`connector N start|stop|reset|…` and `test`: ask something of one connector."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from laddvakt_agent.cli.client import JsonObject, ask, socket_path
from laddvakt_agent.cli.codes import Exit
from laddvakt_agent.cli.words import objects, test_line

VERBS = ("start", "stop", "reset", "out", "in", "unlock", "maintenance", "normal")
TEST_WAIT_S = 180.0  # two tests that take their minute, and some
LOOK_S = 0.5
_TESTS = ("open", "pilot", "residual", "lock")


@click.command()
@click.argument("connector_id", metavar="N")
@click.argument("verb", type=click.Choice(VERBS))
@click.option("--token", metavar="UID", help="Who charges: of the list, or let in by a platform.")
@click.option("--local", is_flag=True, help="reset: you stand at the charger and have looked.")
@click.option("--service", is_flag=True, help="reset: repaired and tested; needs root.")
@click.option("--socket", "socket_option", metavar="PATH", help="The agent's Unix socket.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def connector(
    connector_id: str,
    verb: str,
    token: str | None,
    local: bool,
    service: bool,
    socket_option: str | None,
    as_json: bool,
) -> None:
    """Start, stop or reset connector N, take it out of service and back in, or unlock its plug.

    With `maintenance` an open door is no fault, until `normal`.

    \b
    laddvakt connector 1 start --token 04A1B2C3
    laddvakt connector 1 stop
    laddvakt connector 2 reset --service
    """  # noqa: D301 - \b is click's mark for lines to keep
    if verb != "start" and token:
        raise click.UsageError("--token goes with start")
    if verb != "reset" and (local or service):
        raise click.UsageError("--local and --service go with reset")
    if local and service:
        raise click.UsageError("give --local or --service: a service reset includes a local one")
    body: JsonObject = {}
    if token:
        body["token"] = token
    if verb == "reset":
        body["by"] = "service" if service else "local" if local else "manual"
    answer = ask(socket_path(socket_option), "POST", f"/connectors/{connector_id}/{verb}", body)
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else str(answer.get("message")))


@click.command()
@click.argument("connector_id", metavar="[N]", required=False)
@click.option("--only", type=click.Choice(_TESTS), help="One test; else all that are fitted.")
@click.option("--socket", "socket_option", metavar="PATH", help="The agent's Unix socket.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def test(
    connector_id: str | None, only: str | None, socket_option: str | None, as_json: bool
) -> None:
    """Make connector N, or all of them, test themselves, and say how it ended.

    Nothing is energised: the open state, the pilot at idle, the residual monitor, the lock. Where a
    vehicle is plugged in they wait until it has left; `laddvakt status` then tells what failed.
    Exits 1 when a test failed.
    """
    path, body = socket_path(socket_option), JsonObject()
    if only is not None:
        body["only"] = only
    before = _told(path)
    failed = False
    for name in [connector_id] if connector_id is not None else list(before):
        answer = ask(path, "POST", f"/connectors/{name}/test", body)
        if not as_json:
            click.echo(str(answer["message"]))
        ended = _ended(path, name, objects(before.get(name, {}), "tests"))
        failed = failed or not all(part.get("passed") for part in ended)
        if as_json:
            click.echo(json.dumps({**answer, "tests": ended}, ensure_ascii=False))
        else:
            for part in ended:
                click.echo(f"  {test_line(part)}")
    raise SystemExit(int(Exit.FAULT if failed else Exit.OK))


def _told(path: Path) -> dict[str, JsonObject]:
    """Each connector's status by its name."""
    return {str(part["id"]): part for part in objects(ask(path, "GET", "/status"), "connectors")}


def _ended(path: Path, name: str, before: list[JsonObject]) -> list[JsonObject]:
    """The tests that have ended since; waits for them where nothing is in their way."""
    until_s = time.monotonic() + TEST_WAIT_S
    while True:
        told = _told(path).get(name, {})
        waits = told.get("testing") and told.get("state") == "available"
        if not waits or time.monotonic() > until_s:
            return [part for part in objects(told, "tests") if part not in before]
        time.sleep(LOOK_S)
