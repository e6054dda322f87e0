"""`uplink`: the platforms that are told of this charger, and what a person may do with them."""

from __future__ import annotations

import click

from laddvakt_agent.cli.lazy import lazy_group

_VERBS = {
    "status": "laddvakt_agent.cli.uplink_show:status",
    "sync": "laddvakt_agent.cli.uplink_show:sync",
    "log": "laddvakt_agent.cli.uplink_show:log",
    "register": "laddvakt_agent.cli.uplink_agree:register",
    "rotate": "laddvakt_agent.cli.uplink_agree:rotate",
    "unregister": "laddvakt_agent.cli.uplink_agree:unregister",
}


@click.group(cls=lazy_group(_VERBS))
def uplink() -> None:
    """Ask the running agent about its OCPI platforms: who they are, what waits, and why.

    \b
    laddvakt uplink status
    laddvakt uplink sync
    laddvakt uplink log --name hub
    laddvakt uplink register --url https://ocpi.example/versions --token-file token.txt

    Without --name: the only platform there is, or all of them.
    """  # noqa: D301 - \b is click's mark for lines to keep
