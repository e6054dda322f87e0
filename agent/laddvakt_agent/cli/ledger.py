"""`ledger`: what the charger must never forget, read without disturbing the agent."""

from __future__ import annotations

import click

from laddvakt_agent.cli.lazy import lazy_group

_VERBS = {
    "show": "laddvakt_agent.cli.ledger_show:show",
    "check": "laddvakt_agent.cli.ledger_check:check",
    "export": "laddvakt_agent.cli.ledger_export:export",
    "credit": "laddvakt_agent.cli.ledger_credit:credit",
}


@click.group(cls=lazy_group(_VERBS))
def ledger() -> None:
    """Look into the ledger: sessions, bills, faults, and all that must survive.

    Works while the agent runs and while it does not, and changes nothing; but `credit` has the
    running agent take a bill back.

    \b
    laddvakt ledger show
    laddvakt ledger show faults --since 7d
    laddvakt ledger check
    laddvakt ledger export --to /media/stick/ledger.db
    laddvakt ledger credit CDR-ID --reason "meter exchanged" --energy-wh 8200
    """  # noqa: D301 - \b is click's mark for lines to keep
