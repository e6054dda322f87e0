"""A recording as a device: what answered a request once answers it again, as late as then.

Each time a request comes again its next recorded reply is given, from the first again after the
last. A unit that answered in the recording refuses other requests with exception 2; one that did
not stays silent. `replay_server.py` puts this on a pty or a TCP port.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal.bus import Reply, SerialSettings
from laddvakt_hal.clock import boottime
from laddvakt_hal.errors import Garbled, NoReply
from laddvakt_hal.frame import Found, crc16, describe, encode_rtu, judge, parse_pdu, scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.frame import Request
    from laddvakt_hal.recording import Framing, Recording
    from laddvakt_hal.settings import LineSettings, Timing
    from laddvakt_hal.tap import Frame
    from laddvakt_hal.turns import Priority

ILLEGAL_ADDRESS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply as RTU characters, and the time from the request's end to its first character."""

    delay_s: float
    raw: bytes


class Replay:
    """Answers requests from a recording; `given` counts the answers."""

    def __init__(self, recording: Recording) -> None:
        self.given = 0
        replies = (frame for frame in recording.frames if frame.direction == "reply")
        self.units = frozenset(frame.unit for frame in replies)
        self._answers: dict[bytes, list[Answer | None]] = defaultdict(list)
        self._turn: dict[bytes, int] = defaultdict(int)
        for request, reply in _pairs(recording.frames):
            self._answers[_as_rtu(request.raw, recording.framing)].append(
                _answer(request, reply, recording.framing)
            )

    def answer(self, request: bytes) -> Answer | None:
        """What came to these RTU characters (unit to check sum) then; `None`: nothing."""
        known = self._answers.get(request)
        if known is not None:
            turn = self._turn[request]
            self._turn[request] += 1
            answer = known[turn % len(known)]
        elif len(request) >= 4 and request[0] in self.units:
            body = bytes((request[0], request[1] | 0x80, ILLEGAL_ADDRESS))
            answer = Answer(delay_s=0.0, raw=_with_crc(body))
        else:
            answer = None
        self.given += answer is not None
        return answer


class ReplayBus:
    """A recording in place of a `Bus`, for tests without a wire: no time passes here."""

    def __init__(
        self, replay: Replay, name: str = "replay", clock: Callable[[], float] = boottime
    ) -> None:
        self.name = name
        self.settings: LineSettings = SerialSettings(name=name, port="/dev/null")
        self.up = True
        self.requests: list[Request] = []
        self._replay = replay
        self._clock = clock

    def set_timing(self, unit: int, timing: Timing) -> None:
        """Taken and forgotten: a recording has its own times."""

    async def transact(self, request: Request, priority: Priority | None = None) -> Reply:
        """The recorded reply, verified like one from a wire.

        Raises:
            HalError: NoReply, Garbled or Refused, as it was then.
        """
        del priority
        self.requests.append(request)
        sent_at_s = self._clock()
        answer = self._replay.answer(encode_rtu(request))
        if answer is None:
            raise NoReply(f"{describe(request)}: not answered in the recording")
        found = scan(answer.raw, request)
        if not isinstance(found, Found):
            raise judge(answer.raw, request)
        if found.end != len(answer.raw):
            raise Garbled("count", f"characters after the reply to {describe(request)}")
        payload = parse_pdu(found.pdu, request)
        return Reply(
            words=payload.words, bits=payload.bits, sent_at_s=sent_at_s, taken_at_s=self._clock()
        )


def _pairs(frames: tuple[Frame, ...]) -> list[tuple[Frame, Frame | None]]:
    """Each request with the reply that followed it, before the next request."""
    pairs: list[tuple[Frame, Frame | None]] = []
    for frame in frames:
        if frame.direction == "request":
            pairs.append((frame, None))
        elif pairs and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], frame)
    return pairs


def _answer(request: Frame, reply: Frame | None, framing: Framing) -> Answer | None:
    if reply is None or not reply.raw:
        return None
    delay_s = max(0.0, reply.at_s - request.last_s)
    return Answer(delay_s=delay_s, raw=_as_rtu(reply.raw, framing))


def _as_rtu(raw: bytes, framing: Framing) -> bytes:
    """A recorded frame as RTU characters: a TCP header goes, a check sum comes."""
    return raw if framing == "rtu" else _with_crc(raw[6:])


def _with_crc(body: bytes) -> bytes:
    return body + crc16(body).to_bytes(2, "little")
