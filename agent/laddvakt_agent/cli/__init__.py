"""The command line: one module per group of verbs, each loaded only when it is called."""

from __future__ import annotations

from collections.abc import Sequence

import click

from laddvakt_agent import __version__
from laddvakt_agent.cli.lazy import lazy_group

_VERBS = {
    "run": "laddvakt_agent.cli.run:run",
    "status": "laddvakt_agent.cli.show:status",
    "faults": "laddvakt_agent.cli.show:faults",
    "explain": "laddvakt_agent.cli.explain:explain",
    "connector": "laddvakt_agent.cli.connector:connector",
    "test": "laddvakt_agent.cli.connector:test",
    "bus": "laddvakt_agent.cli.bus:bus",
    "ledger": "laddvakt_agent.cli.ledger:ledger",
    "tariff": "laddvakt_agent.cli.tariff:tariff",
    "uplink": "laddvakt_agent.cli.uplink:uplink",
    "demo": "laddvakt_agent.cli.demo:demo",
}


@click.group(cls=lazy_group(_VERBS), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="laddvakt")
def laddvakt() -> None:
    """Guard a charger: run the agent, or ask the running one.

    \b
    laddvakt run --config /etc/laddvakt/laddvakt.toml
    laddvakt status
    laddvakt explain
    laddvakt faults catalog CODE
    laddvakt connector 1 start --token 04A1B2C3
    laddvakt bus doctor
    laddvakt ledger check
    laddvakt tariff price --tariff T.json --cdr C.json
    laddvakt demo

    Exit codes: 0 ok, 1 a fault stands, the ledger cannot be written or a check failed, 2 usage,
    3 the agent is not running, 4 no permission, 5 does not apply now, 75 try again,
    78 configuration.
    """  # noqa: D301 - \b is click's mark for lines to keep


def main(args: Sequence[str] | None = None) -> None:
    """Entry point of the `laddvakt` script."""
    laddvakt.main(args=list(args) if args is not None else None, prog_name="laddvakt")
