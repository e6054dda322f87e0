"""What the receiver should know against what it has confirmed, object by object.

State is synchronised, not queued: an object has one wanted content, the newest. What came and
went in between is not kept.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import structlog

from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.uplink.alike import same_but_times
from laddvakt_agent.uplink.backoff import Backoff
from laddvakt_agent.uplink.store import Acked
from laddvakt_agent.uplink.text import date_time, next_stamp

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable
    from datetime import datetime

    from laddvakt_agent.uplink.objects import Content
    from laddvakt_agent.uplink.store import AckStore

_log = structlog.get_logger(__name__)


class Kind(enum.Enum):
    """The kinds of objects, in the order in which they are told; values are the store's."""

    LOCATION = "location"
    EVSE = "evse"
    FAULT = "fault"
    SESSION = "session"
    CDR = "cdr"
    TARIFF = "tariff"  # its content {}: it is taken back


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the receiver does not take an object, and what a person can do."""

    reason: str
    remedy: str
    at_s: float  # CLOCK_BOOTTIME


@dataclass(slots=True, kw_only=True)
class Entry:
    """One object. `content` is what the receiver should know, without `last_updated`."""

    kind: Kind
    object_id: str
    content: Content
    changed_at: datetime
    source: object  # the record the content was made of
    follows: str | None = None  # the object of this kind that must be confirmed first
    refusals: Backoff
    acked: Acked | None = None
    told: Content | None = None  # what the receiver confirmed; None: nothing, or in doubt
    sent: Content | None = None  # what was last sent in this run; a Location with its times
    sent_at: datetime | None = None  # the `last_updated` it was sent with
    refusal: Refusal | None = None  # the last one, until it is confirmed
    stumbles: int = 0  # failures since it was last confirmed that may be due to it or not

    @property
    def in_doubt(self) -> bool:
        """Whether something was sent that may or may not have arrived."""
        return self.acked is not None and not self.acked.acknowledged

    @property
    def pending(self) -> bool:
        """Whether the receiver is not known to have the wanted content."""
        if self.kind is Kind.CDR:  # immutable: acknowledged once is acknowledged for ever
            return self.acked is None or not self.acked.acknowledged
        return self.told != self.content

    def body(self, content: Content, last_updated: datetime) -> Content:
        """A content as it goes on the wire."""
        return {**content, "last_updated": date_time(last_updated)}


class Book:
    """Every object by kind and id, with what the store remembers of it."""

    def __init__(
        self, store: AckStore, rng: random.Random, *, retry_min_s: float, retry_max_s: float
    ) -> None:
        self._store = store
        self._rng = rng
        self._retry_min_s = retry_min_s
        self._retry_max_s = retry_max_s
        self._kept: dict[tuple[str, str], Acked] = {}
        self._entries: dict[Kind, dict[str, Entry]] = {kind: {} for kind in Kind}
        self._store_failing = False

    def load(self) -> None:
        """Read what the store remembers; StorageError when it cannot."""
        self._kept = dict(self._store.load())

    def entries(self, kind: Kind) -> list[Entry]:
        """The objects of one kind, oldest first."""
        return list(self._entries[kind].values())

    def find(self, kind: Kind, object_id: str) -> Entry | None:
        """One object, `None` when it is not wanted."""
        return self._entries[kind].get(object_id)

    def behind(self, entry: Entry) -> bool:
        """Whether another object must be confirmed before this one may be told."""
        first = None if entry.follows is None else self.find(entry.kind, entry.follows)
        return first is not None and first.pending

    def body(self, kind: Kind, object_id: str) -> Content | None:
        """What was confirmed, or first sent, of an object; `None` where that is not known."""
        acked = self._kept.get((kind.value, object_id))
        return None if acked is None else decode_body(acked)

    def want(
        self,
        kind: Kind,
        object_id: str,
        content: Content,
        *,
        changed_at: datetime,
        source: object,
        follows: str | None = None,
    ) -> Entry:
        """Set what the receiver should know of one object.

        A session that is over and confirmed is never written again; a fault that is stays as it
        was told, when only its times are known better now.
        """
        entry = self._entries[kind].get(object_id)
        if entry is not None:
            content = _final(kind, entry.told, content)
            if entry.pending:
                entry.changed_at = changed_at  # not told yet: told with its corrected time
            if content != entry.content:
                entry.content, entry.changed_at = content, changed_at
                entry.refusals.succeeded()  # another content may be accepted at once
            entry.source = source
            return entry
        acked = self._kept.get((kind.value, object_id))
        told = _told(acked)
        content = _final(kind, told, content)
        entry = Entry(
            kind=kind,
            object_id=object_id,
            content=content,
            changed_at=changed_at,
            source=source,
            follows=follows,
            refusals=Backoff(self._rng, min_s=self._retry_min_s, max_s=self._retry_max_s),
            acked=acked,
            told=told,
        )
        self._entries[kind][object_id] = entry
        return entry

    def told(self, kind: Kind) -> list[str]:
        """The ids of a kind that the receiver has or may have, also from earlier runs."""
        return [
            object_id
            for (name, object_id), acked in self._kept.items()
            if name == kind.value and _told(acked) != {}
        ]

    def retain(self, kind: Kind, object_ids: Iterable[str]) -> None:
        """Forget the objects that are no longer published; what was acknowledged stays known."""
        wanted = set(object_ids)
        self._entries[kind] = {
            object_id: entry
            for object_id, entry in self._entries[kind].items()
            if object_id in wanted
        }

    def stamp(self, entry: Entry, content: Content, changed_at: datetime) -> datetime:
        """The `last_updated` for a content: the same for the same, otherwise later than any."""
        if entry.sent == content and entry.sent_at is not None:
            return entry.sent_at
        if entry.acked is None:
            return next_stamp(changed_at, None)
        if entry.told == content:
            return entry.acked.last_updated
        return next_stamp(changed_at, entry.acked.last_updated)

    async def sending(self, entry: Entry, content: Content, last_updated: datetime) -> None:
        """Remember before sending: after a crash nobody knows whether it arrived."""
        first_body = msgspec.json.encode(content).decode() if entry.kind is Kind.CDR else ""
        before = entry.acked
        acked = Acked(
            last_updated=last_updated,
            body=first_body if before is None or not before.body else before.body,
            acknowledged=False,
            location_url=None if before is None else before.location_url,
        )
        entry.sent, entry.sent_at, entry.told = content, last_updated, None
        await self._save(entry, acked)

    def unsent(self, entry: Entry, before: Acked | None, told: Content | None) -> None:
        """Take `sending` back: there was no connection, so nothing arrived.

        The store goes on saying "in doubt" and knows the `last_updated` used: both are safe. A
        CDR's body binds only once it may have arrived: until then its times may be corrected.
        """
        entry.told = told
        if entry.acked is None:
            return
        if before is None:
            entry.acked = replace(entry.acked, body="")
        else:
            entry.acked = replace(entry.acked, acknowledged=before.acknowledged, body=before.body)

    async def outrun(self, entry: Entry, last_updated: datetime) -> None:
        """The receiver has a younger object, say from before our memory was lost: go past it."""
        entry.sent = entry.sent_at = None
        if entry.acked is not None and entry.acked.last_updated < last_updated:
            await self._save(entry, replace(entry.acked, last_updated=last_updated))

    async def locate(self, entry: Entry, location_url: str) -> None:
        """Remember where the receiver keeps the object."""
        if entry.acked is not None and entry.acked.location_url != location_url:
            await self._save(entry, replace(entry.acked, location_url=location_url))

    async def confirm(
        self,
        entry: Entry,
        content: Content,
        last_updated: datetime,
        *,
        body: Content | None = None,
        location_url: str | None = None,
    ) -> None:
        """The receiver has this content; `body` is what to remember of it, if not just that."""
        kept = entry.body(content, last_updated) if body is None else body
        acked = Acked(
            last_updated=last_updated,
            body=msgspec.json.encode(kept).decode(),
            acknowledged=True,
            location_url=location_url,
        )
        await self._save(entry, acked)
        entry.told, entry.refusal, entry.stumbles = content, None, 0
        entry.refusals.succeeded()

    async def _save(self, entry: Entry, acked: Acked) -> None:
        """Keep in memory what the disk does not take: telling the receiver goes on.

        What the store has already is not written again: an outage must not wear the disk.
        """
        key = (entry.kind.value, entry.object_id)
        try:
            if self._kept.get(key) != acked:
                await self._store.save(*key, acked)
        except StorageError as error:
            if not self._store_failing:
                _log.error("acknowledgement_not_kept", kind=entry.kind.value, reason=str(error))
            self._store_failing = True
        else:
            self._store_failing = False
        entry.acked = acked
        self._kept[key] = acked


def decode_body(acked: Acked) -> Content | None:
    """The remembered body, `None` when there is none or it is not readable."""
    if not acked.body:
        return None
    try:
        return msgspec.json.decode(acked.body, type=dict)
    except msgspec.DecodeError:
        return None


def _final(kind: Kind, told: Content | None, content: Content) -> Content:
    """What to want of an object, after what the receiver has confirmed of it."""
    if told is None or not over(told):
        return content
    return told if kind is Kind.SESSION or same_but_times(told, content) else content


def over(told: Content) -> bool:
    """Whether this was the last that there is to say of a session or a fault."""
    return told.get("status") in ("COMPLETED", "INVALID") or bool(told.get("cleared_at"))


def _told(acked: Acked | None) -> Content | None:
    """What the receiver confirmed in an earlier run, `None` when that is in doubt."""
    if acked is None or not acked.acknowledged:
        return None
    body = decode_body(acked)
    if body is not None:
        body.pop("last_updated", None)
    return body
