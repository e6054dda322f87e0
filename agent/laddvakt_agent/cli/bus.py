"""`bus …`: look at the lines and the devices on them, with the agent or without it."""

from __future__ import annotations

import click

from laddvakt_agent.cli.lazy import lazy_group

_VERBS = {
    "doctor": "laddvakt_agent.cli.bus_doctor:doctor",
    "stats": "laddvakt_agent.cli.bus_stats:stats",
    "scan": "laddvakt_agent.cli.bus_scan:scan",
    "identify": "laddvakt_agent.cli.bus_identify:identify",
    "read": "laddvakt_agent.cli.bus_read:read",
    "write": "laddvakt_agent.cli.bus_write:write",
    "record": "laddvakt_agent.cli.bus_record:record",
    "replay": "laddvakt_agent.cli.bus_replay:replay",
}


@click.group(cls=lazy_group(_VERBS))
def bus() -> None:
    """Look at the lines and the devices on them.

    \b
    laddvakt bus doctor                          what is wrong, and what to do
    laddvakt bus scan --port /dev/ttyUSB0        who answers, at which speed
    laddvakt bus identify 1 --line line1         what unit 1 is
    laddvakt bus read meter1 voltage_l1          one value, now

    With --line NAME the running agent is asked; safety polling goes first, so that takes its time.
    With --port, --tcp, or --config and a stopped agent the line is used directly.
    """  # noqa: D301 - \b is click's mark for lines to keep
