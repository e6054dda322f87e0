"""What one platform is told, what waits and why: for people; knows neither tokens nor bodies."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol

from laddvakt_agent.uplink.text import date_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_agent.uplink.parties.desk import Overview, UplinkDesk
    from laddvakt_agent.uplink.requestlog import Noted, RequestLog
    from laddvakt_agent.uplink.sync import Synchroniser
    from laddvakt_agent.uplink.waiting import WaitingFor

JsonObject = dict[str, object]


class Platforms(Protocol):
    """What the local API needs of all platforms together; in the agent's loop."""

    @property
    def desk(self) -> UplinkDesk:
        """Registers, rotates, unregisters."""
        ...

    def synchronisers(self) -> Mapping[str, Synchroniser]:
        """Those that are told something now, by name."""
        ...

    def look_again(self, name: str | None) -> None:
        """Look now for the addresses of one, or all, that are not found yet."""
        ...

    def requests(self) -> Mapping[str, RequestLog]:
        """The last requests to each platform of the configuration."""
        ...

    def now_s(self) -> float:
        """CLOCK_BOOTTIME, seconds."""
        ...


def platforms(of: Platforms) -> list[JsonObject]:
    """Every platform of the configuration, with what is told there."""
    told, now_s = of.synchronisers(), of.now_s()
    return [
        {**overview(one), **_addressed(told.get(one.name)), **state(told.get(one.name), now_s)}
        for one in of.desk.overview()
    ]


def overview(one: Overview) -> JsonObject:
    """What was agreed on."""
    return {
        **asdict(one),
        "version": None if one.version is None else one.version.value,
        "parties": list(one.parties),
        "roles": list(one.roles),
        "modules": list(one.modules),
        "since": None if one.since is None else date_time(one.since),
        "renewed": None if one.renewed is None else date_time(one.renewed),
    }


def _addressed(sync: Synchroniser | None) -> JsonObject:
    """What it is told of, where nothing was agreed on but its addresses are configured."""
    if sync is None:
        return {}
    urls = sync.settings.endpoints
    receivers = {
        "locations": urls.locations,
        "sessions": urls.sessions,
        "cdrs": urls.cdrs,
        "tariffs": urls.tariffs,
        "faults": urls.faults,
    }
    return {
        "registered": True,
        "version": sync.settings.version.value,
        "told_of": [name for name, url in receivers.items() if url is not None],
    }


def state(sync: Synchroniser | None, now_s: float) -> JsonObject:
    """How far the platform knows the station; nothing of one that is not told."""
    if sync is None:
        return {"told": False, "waiting": []}
    health = sync.health()
    success_s = health.last_success_s
    return {
        "told": True,
        "reachable": health.reachable,
        "refused": health.refused,
        "untrusted": health.untrusted,
        "waits_for_clock": health.waits_for_clock,
        "last_success_ago_s": None if success_s is None else round(now_s - success_s, 1),
        "pushed": health.pushed,
        "pending": health.pending,
        "waiting": [_waiting(one) for one in sync.waiting()],
    }


def request(name: str, one: Noted) -> JsonObject:
    """One line of the log."""
    return {"platform": name, **asdict(one), "at": date_time(one.at)}


def _waiting(one: WaitingFor) -> JsonObject:
    return {
        "kind": one.kind,
        "id": one.object_id,
        "since": date_time(one.since),
        "again_in_s": None if one.due_s is None else round(one.due_s, 1),
        "reason": one.reason,
        "remedy": one.remedy,
    }
