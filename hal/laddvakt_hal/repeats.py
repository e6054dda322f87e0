"""Replies that come twice: what a line without transaction ids can and cannot tell apart.

Nothing in an RTU reply says which request it answers. Two promises are asked of devices and
converters:

1. no reply begins later than the profile's `worst_latency_s` after the end of its request;
2. whoever sends a reply twice does so within `COPY_S` of its end – until it is caught. After that
   a copy may begin as late as a reply may.

What the bus makes of them:

- after a failure the line is silent for the worst latency before it is used again;
- a frame that began before our request had left is no reply to it;
- a request that the last reply of its unit would also fit is not sent within `COPY_S` of it. Only
  the very same request may be: an equal answer is then believed, but may be a copy. The reply
  says how old that can make it (`doubt_s`), and until nothing of the unit can be under way any
  more, no other request it would fit is sent;
- a good frame when none was owed is the mark of a copy: for `CAUTIOUS_S` the unit then rests
  after *every* transaction until nothing old can begin any more.

Not excluded: a device that breaks promise 1; a first copy that breaks promise 2 and begins just
while an equally shaped request to the same unit waits; a copy under another unit's address; a
frame with fewer bytes than its own byte count says, followed by as many stray zeros (its check sum
stays right); and damage the check sum does not show (up to 2 wrong bits, any odd number and any
burst of 16 bits are always shown; of anything worse about one frame in 65 536 is not).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from laddvakt_hal.frame import Found, Function, scan

if TYPE_CHECKING:
    from laddvakt_hal.frame import Request

# A transmitter that starts over does so at once. At 9600 baud what begins in the 8 ms after that
# meets our own request and is lost, or is known to have come too soon.
COPY_S = 0.005
CAUTIOUS_S = 60.0  # whoever sends twice does so again within the minute
_Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """A frame, what it answered, and until when a copy of it may begin."""

    request: Request
    frame: bytes
    until_s: float


class Repeats:
    """What each unit said lately."""

    def __init__(self) -> None:
        self.copies = 0  # good frames that came when none was owed
        self._heard: dict[int, dict[_Shape, _Heard]] = {}
        self._last: dict[int, Request] = {}
        self._doubted: dict[int, dict[_Shape, Request]] = {}
        self._quiet_s: dict[int, float] = {}  # nothing a unit owes begins later
        self._rest_s: dict[int, float] = {}
        self._cautious_until_s: dict[int, float] = {}

    def hold_until_s(self, request: Request, now_s: float) -> float:
        """When the request may be sent; the past when it may be sent now."""
        unit = request.unit
        shape = _shape(request)
        doubted = self._doubted.get(unit)
        if doubted is not None and doubted.get(shape, request) != request:
            self.must_rest(unit)  # the whole unit: others of its requests would put it off for ever
        hold_s = self.rest_until_s(unit, now_s)
        heard = self._heard.get(unit)
        if heard is not None:
            for kind in (shape, _refusal(request)):
                before = heard.get(kind)
                if before is not None and before.request != request:
                    hold_s = max(hold_s, before.until_s)
        return hold_s

    def rest_until_s(self, unit: int, now_s: float) -> float:
        """Until when the unit must not be asked: one reply in doubt, or caught repeating itself."""
        if self.is_caught(unit, now_s) and unit in self._quiet_s:
            self.must_rest(unit)
        return self._rest_s.get(unit, 0.0)

    def is_caught(self, unit: int, now_s: float) -> bool:
        """True while the unit rests after every transaction."""
        return now_s < self._cautious_until_s.get(unit, 0.0)

    def must_rest(self, unit: int) -> None:
        """Leave the unit alone until nothing it owes can begin any more."""
        self._rest_s[unit] = self._quiet_s[unit]

    def asking(self, request: Request, now_s: float) -> None:
        """A request is about to leave."""
        unit = request.unit
        if now_s >= self._quiet_s.get(unit, 0.0):
            self._heard.pop(unit, None)
            self._doubted.pop(unit, None)
        self._last[unit] = request
        if unit in self._doubted:
            self._doubted[unit][_shape(request)] = request

    def sent(self, request: Request, quiet_s: float) -> None:
        """A request has left; nothing it causes begins after `quiet_s`."""
        unit = request.unit
        self._quiet_s[unit] = max(quiet_s, self._quiet_s.get(unit, 0.0))

    def believe(
        self, request: Request, frame: bytes, sent_at_s: float, copies_until_s: float
    ) -> bool:
        """Whether a good frame is surely the reply; False when it may be a copy of an equal one.

        Copies of this one are seen until `copies_until_s`.
        """
        unit = request.unit
        kind = _refusal(request) if frame[1] & 0x80 else _shape(request)
        heard = self._heard.setdefault(unit, {})
        before = heard.get(kind)
        heard[kind] = _Heard(request=request, frame=frame, until_s=copies_until_s)
        if before is not None and before.frame == frame and before.until_s > sent_at_s:
            self._doubted.setdefault(unit, {})[_shape(request)] = request
        return unit not in self._doubted

    def overheard(self, characters: bytes | bytearray, now_s: float) -> None:
        """Look for good frames among characters that nobody was owed."""
        for unit, request in self._last.items():
            if isinstance(scan(characters, request), Found):
                self.copies += 1
                self._cautious_until_s[unit] = now_s + CAUTIOUS_S

    def forget(self) -> None:
        """The line was opened anew, and was silent for longer than anybody promised."""
        for kept in (self._heard, self._last, self._doubted, self._quiet_s, self._rest_s):
            kept.clear()


def _shape(request: Request) -> _Shape:
    """Requests of one unit with equal shapes can be answered by the same frame."""
    match request.function:
        case Function.WRITE_COIL | Function.WRITE_REGISTER:
            return (request.function, request.address, *request.values)
        case Function.WRITE_COILS | Function.WRITE_REGISTERS:
            return (request.function, request.address, request.count)
        case _:
            return (request.function, request.count)


def _refusal(request: Request) -> _Shape:
    """An exception says the function, and nothing else of its request."""
    return (request.function | 0x80,)
