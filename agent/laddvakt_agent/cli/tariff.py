"""`laddvakt tariff`: what sessions cost by OCPI tariffs."""

from __future__ import annotations

import click

from laddvakt_agent.cli.lazy import lazy_group

_VERBS = {"price": "laddvakt_agent.cli.tariff_price:price"}


@click.group(cls=lazy_group(_VERBS))
def tariff() -> None:
    """Work out what a session costs.

    \b
    laddvakt tariff price --tariff T.json --cdr C.json
    """  # noqa: D301 - \b is click's mark for lines to keep
