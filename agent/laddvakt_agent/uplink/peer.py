"""The backend's time, for a clock that nobody has synchronised, and what waits for it.

Every answer says when it was written: the `Date` header to the second, or the OCPI envelope. It
counts from a backend that has proved who it is, by TLS or by being on this machine. So boot second
0 lies between two wall times that are as far apart as the request took.

While the wall clock is certainly wrong nothing is told to anybody: one harmless GET asks for the
time first. A plausible clock is asked about too before anything is told, but not waited for: only
where nobody can be reached, and so nothing could be told anyway, it is asked about again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import msgspec
import structlog

from laddvakt_agent.clock import BUILT, ClockState
from laddvakt_agent.uplink.errors import Unreachable, UplinkError
from laddvakt_agent.uplink.text import from_date_time
from laddvakt_agent.wall import CORRECTION_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_agent.clock import Seen
    from laddvakt_agent.uplink.backoff import Backoff
    from laddvakt_agent.uplink.lane import Link

LOOK_S = 1.0
_SECOND = timedelta(seconds=1)  # what an HTTP date and most envelopes leave out
_LATEST = BUILT + timedelta(days=36_525)  # nobody's clock; later ones would leave the calendar
NOT_TOLD = (
    "let NTP (systemd-timesyncd, chrony) set this controller's clock, or give the backend an "
    "https address: its answers then tell the time"
)

_log = structlog.get_logger(__name__)


class PeerClock(Protocol):
    """What is needed of the agent's clock."""

    def now_s(self) -> float:
        """CLOCK_BOOTTIME, seconds."""
        ...

    def seen(self) -> Seen:
        """What the wall clock says, and what that is worth."""
        ...

    def told_by_peer(self, low: datetime, high: datetime) -> bool:
        """Boot second 0 was between these; True when the agent's times move by it."""
        ...


class Asker(Protocol):
    """What is needed of the client."""

    async def ask(self) -> None:
        """One harmless request; UplinkError when nobody answers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One answer, as far as it says what time it was."""

    url: str
    headers: Mapping[str, str]
    content: bytes
    sent_s: float  # CLOCK_BOOTTIME when the request began
    got_s: float  # … and when the answer did


class PeerTime:
    """Listens to the answers, and asks when nothing else would be told."""

    def __init__(self, clock: PeerClock, backoff: Backoff, only: Link | None = None) -> None:
        """`only`: the way to everybody there is; `None` where there are several."""
        self._clock = clock
        self._backoff = backoff
        self._only = only
        self._asked = False
        self._warned = False

    @property
    def held(self) -> bool:
        """Whether nothing may be told yet."""
        seen = self._clock.seen()
        if seen.state is ClockState.SYNCED or seen.known:
            return False
        return seen.state is ClockState.UNSET or not self._asked

    def outdated(self, zero: datetime | None) -> bool:
        """Whether more is known of the clock than when times with this second 0 were made."""
        if zero is None:
            return False
        return abs((self._clock.seen().best - zero).total_seconds()) > CORRECTION_S

    @property
    def unset(self) -> bool:
        """Whether the kernel's wall clock is certainly wrong, whatever is known besides."""
        return self._clock.seen().state is ClockState.UNSET

    def now_s(self) -> float:
        """CLOCK_BOOTTIME, seconds."""
        return self._clock.now_s()

    def believed(self) -> datetime | None:
        """The wall time now, `None` while there is nothing to believe."""
        if self.held:
            return None
        return self._clock.seen().best + timedelta(seconds=self._clock.now_s())

    def heard(self, answer: Heard) -> None:
        """Take the time from an answer, where it is needed and can be trusted."""
        if self._clock.seen().state is ClockState.SYNCED or not proven(answer.url):
            return
        told = told_at(answer.headers, answer.content)
        if told is None or not BUILT <= told <= _LATEST:
            return
        low = told - timedelta(seconds=answer.got_s)
        high = told + _SECOND - timedelta(seconds=answer.sent_s)
        if self._clock.told_by_peer(low, high):
            _log.warning(
                "clock_told_by_backend",
                wall=told.isoformat(),
                within_s=round((high - low).total_seconds() / 2, 1),
                effect="times sent are corrected; the controller's own clock is left alone",
            )

    async def run(self, client: Asker) -> None:
        """Ask as long as the time is not known, less and less often, for ever."""
        while True:
            if self._wanted and not self._backoff.remaining_s(self._clock.now_s()):
                await self._ask(client)
                self._backoff.failed(self._clock.now_s())
            if not self._wanted:
                self._backoff.succeeded()
            await asyncio.sleep(LOOK_S)

    async def _ask(self, client: Asker) -> None:
        reason = "the answer does not say what time it is, or anybody may have given it"
        try:
            await client.ask()
        except Unreachable as error:
            if self._only is not None:
                self._only.lost(error, self._clock.now_s())
                return
            reason = str(error)
        except UplinkError as error:  # an answer all the same; the pushes tell what is wrong
            reason = str(error)
        if self._only is not None:
            if self._only.backoff.failing:
                _log.info("uplink_restored", endpoint="locations")
            self._only.found()
        self._asked = True
        if self.held and not self._warned:
            self._warned = True
            _log.warning("uplink_waits_for_clock", reason=reason, remedy=NOT_TOLD)

    @property
    def _wanted(self) -> bool:
        seen = self._clock.seen()
        return seen.state is not ClockState.SYNCED and not seen.known


def proven(url: str) -> bool:
    """Whether an answer from there is from whom it says."""
    parts = urlsplit(url)
    return parts.scheme == "https" or on_this_machine(parts.hostname or "")


def on_this_machine(host: str) -> bool:
    """Whether a host is this one."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def told_at(headers: Mapping[str, str], content: bytes) -> datetime | None:
    """When an answer was written, rounded down to the second; `None` when it does not say."""
    by_name = {name.lower(): value for name, value in headers.items()}
    if "age" in by_name:  # from a cache
        return None
    try:
        date = parsedate_to_datetime(by_name["date"])
    except (KeyError, ValueError):
        return _envelope_time(content)
    try:
        return date.astimezone(UTC) if date.tzinfo is not None else None
    except OverflowError:
        return None


class _Envelope(msgspec.Struct):
    timestamp: str


def _envelope_time(content: bytes) -> datetime | None:
    try:
        return from_date_time(msgspec.json.decode(content, type=_Envelope).timestamp)
    except (msgspec.DecodeError, ValueError, OverflowError):
        return None
