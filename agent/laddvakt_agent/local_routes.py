"""What the local API serves beside status, faults and orders: lines, platforms, bills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from aiohttp import web

from laddvakt_agent.assemble import Parts
from laddvakt_agent.clock import Clock
from laddvakt_agent.config import Config
from laddvakt_agent.diagnostics.billing_api import billing_routes
from laddvakt_agent.diagnostics.bus_api import bus_routes
from laddvakt_agent.diagnostics.uplink_api import uplink_routes
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.pricing.costs import Pricer
from laddvakt_agent.rebilling import Rebilling

if TYPE_CHECKING:
    from laddvakt_agent.uplinks import Uplinks


def local_routes(
    config: Config, clock: Clock, parts: Parts, uplink: Callable[[], Uplinks | None]
) -> Sequence[web.AbstractRouteDef]:
    """All of them; `uplink` gives `None` while there is none or it has not begun."""
    return (
        *bus_routes(parts.supervisor),
        *uplink_routes(uplink),
        *billing_routes(rebilling(config, clock, parts, uplink)),
    )


def rebilling(
    config: Config, clock: Clock, parts: Parts, uplink: Callable[[], Uplinks | None]
) -> Rebilling:
    """Who takes bills back."""
    journal = parts.journal

    def now() -> datetime | None:
        return journal.wall.at(clock.now_s()) if clock.seen().known else None

    def remember(acks: tuple[AckRow, ...]) -> None:
        if (told := uplink()) is not None:
            told.recall(acks)

    return Rebilling(
        ledger=journal.ledger,
        thread=journal.thread,
        now=now,
        pricer=Pricer(time_zone=config.station.time_zone),
        notes=parts.supervisor.notes,
        publish=journal.publish_cdr,
        remember=remember,
    )
