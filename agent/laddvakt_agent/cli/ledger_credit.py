"""`ledger credit`: take a bill back, and have another energy billed instead."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from laddvakt_agent.cli.client import Json, JsonObject, ask, socket_path

_LONGEST_S = 30.0  # a disk that is slow


@click.command()
@click.argument("cdr_id", metavar="CDR-ID")
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why; it is kept, and told if billed anew."
)
@click.option(
    "--energy-wh",
    type=click.FloatRange(min=0.0),
    metavar="N",
    help="Bill this energy instead; else nothing.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--socket", "socket_option", metavar="PATH", help="The agent's Unix socket.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
def credit(
    cdr_id: str,
    reason: str,
    energy_wh: float | None,
    yes: bool,
    socket_option: str | None,
    as_json: bool,
) -> None:
    """Take the bill CDR-ID back, through the running agent. Needs root.

    A credit CDR goes to every platform that is told the bill, after that one; then the corrected
    CDR, priced anew by the session's own tariff. The bill itself stays. The same again changes
    nothing.
    """
    if not yes:
        instead = "" if energy_wh is None else f" and bill {energy_wh / 1000:.3f} kWh instead"
        click.confirm(f"Take CDR {cdr_id} back{instead}? It is final.", abort=True, err=True)
    wish: JsonObject = {"cdr": cdr_id, "reason": reason}
    if energy_wh is not None:
        wish["energy_wh"] = energy_wh
    path = socket_path(socket_option)
    answer = ask(path, "POST", "/ledger/credit", wish, timeout_s=_LONGEST_S)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    for line in _lines(answer):
        click.echo(line)


def _lines(answer: JsonObject) -> Iterator[str]:
    done = "is taken back" if answer.get("changed") else "was taken back before; nothing changed"
    yield f"CDR {answer.get('cdr')} {done}."
    yield f"  credit     {_said(answer.get('credit'))}"
    if answer.get("corrected") is not None:
        yield f"  corrected  {_said(answer.get('corrected'))}"
    if answer.get("changed"):
        yield "Told to each platform after the bill itself: laddvakt ledger show cdrs"


def _said(cdr: Json) -> str:
    if not isinstance(cdr, dict):
        return ""
    energy_wh = cdr.get("energy_wh")
    energy = f"{energy_wh / 1000:.3f} kWh" if isinstance(energy_wh, int | float) else ""
    total = cdr.get("total_before_taxes")
    cost = "" if total is None else f", {total} {cdr.get('currency')} before taxes"
    return f"{cdr.get('id')}: {energy}{cost}"
