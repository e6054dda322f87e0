"""The sender modules, hung on the agent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from laddvakt_agent.config import Config, UplinkConfig
from laddvakt_agent.uplink.server.cdrs import CdrsSender
from laddvakt_agent.uplink.server.limits import Limits
from laddvakt_agent.uplink.server.listening import Place
from laddvakt_agent.uplink.server.locations import LocationsSender
from laddvakt_agent.uplink.server.senders import FaultsSender, SessionsSender
from laddvakt_agent.uplink.server.tariffs import TariffsSender
from laddvakt_agent.uplink.server.view import View
from laddvakt_agent.uplink.serving import Caller, Module
from laddvakt_agent.uplink.settings import Endpoints, UplinkSettings

if TYPE_CHECKING:
    from laddvakt_agent.uplink_parts import Context


def sender_modules(context: Context) -> tuple[Module, ...]:
    """Locations, Sessions, CDRs, Tariffs and faults."""
    clock, config = context.clock, context.config

    def hidden_boot() -> str | None:
        return None if clock.seen().known else clock.boot_id

    view = View(
        settings=lambda caller: settings_for(config, caller),
        told=context.told,
        station=context.publisher.station,
        retime=context.publisher.retime,
        wall=lambda: clock.wall_at(clock.now_s()),
        hidden_boot=hidden_boot,
        ledger=context.ledger,
        thread=context.thread,
        page=50 if config.server is None else config.server.page_size,
    )
    station = config.station
    faults = FaultsSender(
        view=view,
        identifier=f"{station.country_code}{station.party_id}-faults".lower(),
        evse_uids={part.id: part.evse_uid for part in config.connector},
    )
    return (
        LocationsSender(view=view),
        SessionsSender(view=view),
        CdrsSender(view=view),
        TariffsSender(
            view=view,
            configured=lambda: bool(context.publisher.tariffs.places),
            tariffs=context.publisher.tariffs.tariffs_for,
        ),
        faults,
    )


def place_of(config: Config) -> Place | None:
    """Where we listen; `None`: nowhere."""
    server = config.server
    if server is None:
        return None
    rate_per_s = server.max_requests_per_s
    return Place(
        url=server.url,
        host=server.host,
        port=server.port,
        certificate=None if server.certificate is None else Path(server.certificate),
        key=None if server.key is None else Path(server.key),
        limits=Limits(
            connections=server.max_connections,
            rate_per_s=rate_per_s,
            burst=int(3 * rate_per_s),
            total_per_s=3 * rate_per_s,
            body_bytes=server.max_body_bytes,
        ),
    )


def settings_for(config: Config, caller: Caller) -> UplinkSettings:
    """What this caller's objects are made with: as those that are pushed to it."""
    from laddvakt_agent.uplink_link import settings_from  # noqa: PLC0415 - it starts the parts

    named = next((uplink for uplink in config.uplink if uplink.name == caller.name), None)
    uplink = named or UplinkConfig(mode="platform", name=caller.name)
    # Only whether there is such a module counts here: it decides what an EVSE carries.
    endpoints = Endpoints(faults="agreed" if caller.sees_faults else None)
    return settings_from(config, uplink, "", endpoints=endpoints, version=caller.version)
