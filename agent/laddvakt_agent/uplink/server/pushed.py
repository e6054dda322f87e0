"""What was pushed to one platform, out of the book of its synchroniser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from laddvakt_agent.uplink.book import Book, Entry, Kind, decode_body
from laddvakt_agent.uplink.objects import Content, Json
from laddvakt_agent.uplink.server.stamps import Known, digest_of, objects_in
from laddvakt_agent.uplink.stamped import with_state
from laddvakt_agent.uplink.text import from_date_time
from laddvakt_agent.uplink.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A `view.Told`; also what may not have arrived counts as told."""

    book: Book
    version: Version

    def known(self, kind: str, object_id: str) -> Known | None:
        """What was last sent of an object, and with which time."""
        entry = self.book.find(Kind(kind), object_id)
        last = None if entry is None else _last(entry)
        if last is None:
            return None
        content, stamp = last
        return Known(None if content is None else digest_of(content), stamp)

    def location(self) -> Content | None:
        """The Location as last sent, with every EVSE status that was sent after it."""
        entries = self.book.entries(Kind.LOCATION)
        if not entries:
            return None
        entry = entries[0]
        location = entry.sent
        if location is None and entry.acked is not None:
            location = decode_body(entry.acked)
        if location is None or "last_updated" not in location:
            return None
        evses = [self._turned(evse) for evse in objects_in(location, "evses")]
        stamps = [str(location["last_updated"]), *(str(evse["last_updated"]) for evse in evses)]
        return {**location, "evses": list[Json](evses), "last_updated": max(stamps)}

    def _turned(self, evse: Content) -> Content:
        entry = self.book.find(Kind.EVSE, str(evse["uid"]))
        state, stamp = (None, None) if entry is None else (_last(entry) or (None, None))
        if state is None or stamp is None or stamp <= from_date_time(str(evse["last_updated"])):
            return evse
        return with_state(evse, state, stamp)


def _last(entry: Entry) -> tuple[Content | None, datetime] | None:
    """The content last sent, as far as it is known, and its time."""
    if entry.sent is not None and entry.sent_at is not None:
        return entry.sent, entry.sent_at
    if entry.acked is None:
        return None
    return entry.told, entry.acked.last_updated
