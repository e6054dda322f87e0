"""`connector N start|stop|reset|…` and `test`: ask something of one connector."""

from __future__ import annotations

import json

import click

from laddvakt_agent.cli.client import JsonObject, ask, socket_path
from laddvakt_agent.cli.words import objects

VERBS = ("start", "stop", "reset", "out", "in", "unlock", "maintenance", "normal")
_TESTS = ("open", "pilot", "residual", "lock")


@click.command()
@click.argument("connector_id", metavar="N")
@click.argument("verb", type=click.Choice(VERBS))
@click.option("--token", metavar="UID", help="Who charges; must be listed in the configuration.")
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
    """Make connector N, or all of them, test themselves once they are idle.

    Nothing is energised: the open state, the pilot at idle, the residual monitor, the lock.
    """
    path, body = socket_path(socket_option), JsonObject()
    if only is not None:
        body["only"] = only
    named = [connector_id] if connector_id is not None else None
    connectors = named or [
        str(part["id"]) for part in objects(ask(path, "GET", "/status"), "connectors")
    ]
    answers = [ask(path, "POST", f"/connectors/{name}/test", body) for name in connectors]
    for answer in answers:
        click.echo(json.dumps(answer, ensure_ascii=False) if as_json else str(answer["message"]))
