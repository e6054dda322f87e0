"""Locations as others pull them; mod_locations, Sender Interface."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from laddvakt_agent.ledger.history import to_ms
from laddvakt_agent.ledger.shown import ShownRow
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.server.paging import cut, paged
from laddvakt_agent.uplink.server.stamps import dated_location, objects_in
from laddvakt_agent.uplink.server.view import View, nothing_there, only_get, sound
from laddvakt_agent.uplink.serving import Asked, Caller, Reply, Role
from laddvakt_agent.uplink.text import from_date_time
from laddvakt_agent.uplink.version import Version

_DEEPEST = 3  # location, EVSE, connector


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationsSender:
    """The module as the server serves it: one Location, ours."""

    view: View
    identifier: str = "locations"
    role: Role = Role.SENDER
    versions: frozenset[Version] = frozenset(Version)

    def offered_to(self, caller: Caller) -> bool:
        """To those it is exchanged with, also while they register: they look before they agree."""
        return caller.exchanges(self.identifier)

    async def answer(self, asked: Asked) -> Reply:
        """GET of the list, or of a Location, an EVSE or a Connector.

        Raises:
            Refused: it cannot be read, or is not there.
        """
        only_get(asked, _DEEPEST)
        if asked.segments:
            return Reply(data=_found(await self._location(asked.caller), asked.segments))
        part = cut(asked.query, self.view.page)
        location = await self._location(asked.caller)
        listed = part.holds(from_date_time(str(location["last_updated"])))
        data = [location] if listed and part.offset == 0 else []
        return paged(asked, part, self.view.page, int(listed), data)

    async def _location(self, caller: Caller) -> Content:
        view, settings = self.view, self.view.settings(caller)
        station = view.station()
        statuses = {state.uid: state.status for state in station.evses}
        content = objects.location(settings, statuses, station.faults)
        changed_at = {state.uid: state.changed_at for state in station.evses}
        for report in station.faults:
            for uid in changed_at if report.evse_uid is None else (report.evse_uid,):
                if uid in changed_at and settings.faults_inside:
                    changed_at[uid] = max(changed_at[uid], report.changed_at)
        told = view.told(caller.name)
        pushed = told.location() if told is not None and told.version is caller.version else None
        now = view.wall()

        def dated() -> Content:
            before = _youngest(pushed, self._shown(caller, str(content["id"])))
            location = dated_location(content, before, changed_at, now)
            if location != before:
                view.keep([_row(caller, location)])
            return location

        return sound(settings, "Location", await view.read(dated)) or _broken()

    def _shown(self, caller: Caller, location_id: str) -> Content | None:
        kind = _kind(caller)
        row = self.view.ledger.shown.find(caller.name, kind, (location_id,)).get(location_id)
        return None if row is None else msgspec.json.decode(row.body, type=dict)


def _kind(caller: Caller) -> str:
    """A platform may look at both versions; each has contents of its own."""
    return f"location/{caller.version.value}"


def _row(caller: Caller, location: Content) -> ShownRow:
    return ShownRow(
        party=caller.name,
        kind=_kind(caller),
        object_id=str(location["id"]),
        stamp_ms=to_ms(from_date_time(str(location["last_updated"]))),
        body=msgspec.json.encode(location).decode(),
    )


def _youngest(*locations: Content | None) -> Content | None:
    known = [location for location in locations if location is not None]
    return max(known, key=lambda location: str(location["last_updated"]), default=None)


def _found(location: Content, ids: tuple[str, ...]) -> Content:
    """The object that the ids lead to, without regard to case.

    Raises:
        Refused: there is none.
    """
    named = [location]
    found = location
    for object_id, key, inside in zip(
        ids, ("id", "uid", "id"), ("evses", "connectors", ""), strict=False
    ):
        matches = [one for one in named if str(one[key]).lower() == object_id.lower()]
        if not matches:
            raise nothing_there()
        found = matches[0]
        named = objects_in(found, inside)
    return found


def _broken() -> Content:
    """Our own Location breaks the tables: the configuration is at fault, and says so in the log."""
    raise nothing_there()
