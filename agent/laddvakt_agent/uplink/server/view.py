"""What the sender modules know of the station, of its history and of who asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog

from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.shown import ShownRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.published import Station
from laddvakt_agent.uplink import objects, structs
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.server.stamps import Known
from laddvakt_agent.uplink.serving import Asked, Caller, Refused, not_allowed
from laddvakt_agent.uplink.settings import UplinkSettings
from laddvakt_agent.uplink.version import Version

if TYPE_CHECKING:
    from laddvakt_agent.uplink.sync import Synchroniser

T = TypeVar("T")

log = structlog.get_logger()


class Told(Protocol):
    """What has been pushed to one platform."""

    @property
    def version(self) -> Version:
        """In which it was told."""
        ...

    def known(self, kind: str, object_id: str) -> Known | None:
        """What was last sent of an object, whether it arrived or not."""
        ...

    def location(self) -> Content | None:
        """The Location as the platform has it, or may have, with its times."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Made once; `settings` and `told` are asked for each request."""

    settings: Callable[[Caller], UplinkSettings]
    told: Callable[[str], Told | None]  # by the platform's name; `None`: nothing is pushed to it
    station: Callable[[], Station]
    retime: Callable[[Station], Station]  # by what is known of the clock
    wall: Callable[[], datetime]
    hidden_boot: Callable[[], str | None]  # the boot whose bills wait for the clock to be set
    ledger: Ledger
    thread: LedgerThread
    page: int  # objects, at most

    async def read(self, fn: Callable[[], T]) -> T:
        """Do something on the ledger's thread.

        Raises:
            Refused: the disk does not give it.
        """
        try:
            return await self.thread.call(fn)
        except StorageError as error:
            log.error("history_not_read", reason=str(error))
            raise Refused(
                "the history cannot be read now; try again later", status_code=3000
            ) from error

    async def noted(self) -> None:
        """Note the own times of what has ended since somebody last asked, a little at a time."""
        while await self.read(self._note):
            pass

    def keep(self, rows: list[ShownRow]) -> None:
        """On the ledger's thread: write down what is about to be shown.

        A disk that takes nothing is no reason to show nothing.
        """
        try:
            self.ledger.shown.save(rows)
        except StorageError as error:
            log.error("shown_not_kept", reason=str(error))

    def _note(self) -> bool:
        try:
            return self.ledger.history.note_some()
        except StorageError as error:
            log.error("shown_not_kept", reason=str(error))
            return False


def told_by(synchroniser: Synchroniser | None) -> Told | None:
    """What a synchroniser has told; nothing where there is none."""
    return None if synchroniser is None else synchroniser.told


def only_get(asked: Asked, most_segments: int) -> None:
    """What a Sender that only lists allows.

    Raises:
        Refused: another method, or a path that leads nowhere.
    """
    if asked.method != "GET":
        raise not_allowed(asked, "GET", "HEAD")
    if len(asked.segments) > most_segments:
        raise nothing_there()


def nothing_there() -> Refused:
    """HTTP 404 for an object that there is not."""
    return Refused("there is no such object", status_code=2000, http_status=404)


def sound(settings: UplinkSettings, what: str, body: Content) -> Content | None:
    """A body as this platform gets it; one that breaks OCPI's tables is told and left out."""
    try:
        return objects.leaving(settings, what, body)
    except structs.Invalid as error:
        log.error("object_not_shown", what=what, id=body.get("id"), reason=str(error))
        return None
