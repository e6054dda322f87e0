"""The local API's routes about lines: `GET /bus`, `POST /bus/LINE/ask`, `GET /bus/LINE/record`."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence

import msgspec
from aiohttp import web

from laddvakt_agent.diagnostics.answers import NotPossible
from laddvakt_agent.diagnostics.bus_desk import BusDesk
from laddvakt_agent.diagnostics.replies import SCHEMA_VERSION, json_reply, no, peer_uid
from laddvakt_agent.supervisor import Supervisor
from laddvakt_hal.bus import Bus
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.recording import Encoder
from laddvakt_hal.settings import SerialSettings
from laddvakt_hal.tap import Frame

LONGEST_S = 3600.0
MOST_QUEUED = 2000  # frames a slow listener may be behind; then its recording ends


class _Ask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a question: a Modbus request in numbers."""

    unit: int
    function: int
    address: int
    count: int = 1
    values: tuple[int, ...] = ()
    clears: bool = False  # reading may change what is read


def bus_routes(supervisor: Supervisor) -> Sequence[web.AbstractRouteDef]:
    """The routes for the lines an agent holds."""

    def switched_s() -> float | None:
        guards = supervisor.guards.values()
        return max((guard.connector.life.commanded_since_s for guard in guards), default=None)

    desk = BusDesk(supervisor.hardware, supervisor.clock, switched_s, supervisor.notes.bus_write)
    return BusRoutes(desk).routes()


class BusRoutes:
    """The routes, answered by a desk."""

    def __init__(self, desk: BusDesk) -> None:
        self._desk = desk

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """What the local API must serve."""
        return (
            web.get("/bus", self._lines),
            web.post("/bus/{line}/ask", self._ask),
            web.get("/bus/{line}/record", self._record),
        )

    async def _lines(self, request: web.Request) -> web.Response:
        del request
        return json_reply({"schema_version": SCHEMA_VERSION, "lines": self._desk.lines()})

    async def _ask(self, request: web.Request) -> web.Response:
        try:
            body = msgspec.json.decode(await request.read(), type=_Ask)
            asked = Request(
                unit=body.unit,
                function=Function(body.function),
                address=body.address,
                count=body.count,
                values=body.values,
            )
        except (msgspec.DecodeError, ValueError) as error:
            return no(400, f"that is no Modbus request: {error}", "mend the request")
        uid = peer_uid(request)
        answer = await self._desk.transact(
            request.match_info["line"],
            asked,
            clears=body.clears,
            uid=uid,
            privileged=uid in (0, os.getuid()),
        )
        return json_reply({"schema_version": SCHEMA_VERSION, **answer})

    async def _record(self, request: web.Request) -> web.StreamResponse:
        line = request.match_info["line"]
        seconds = _seconds(request.query.get("seconds", "10"))
        bus = self._desk.bus(line)
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        await response.prepare(request)
        heard = _Heard()
        end = self._desk.listen(line, heard.frame)
        try:
            await _write(response, _encoder(bus), heard, seconds)
        finally:
            end()
        return response


class _Heard:
    """Frames that wait to be written; a listener who falls too far behind hears no more."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Frame] = asyncio.Queue(MOST_QUEUED)
        self.behind = False

    def frame(self, frame: Frame) -> None:
        """Take a frame off the line; never waits."""
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.behind = True


async def _write(
    response: web.StreamResponse, encoder: Encoder, heard: _Heard, seconds: float
) -> None:
    loop = asyncio.get_running_loop()
    until_s = loop.time() + seconds
    with contextlib.suppress(ConnectionError):  # the listener has hung up
        await response.write(encoder.header())
        while not heard.behind:
            try:
                async with asyncio.timeout_at(until_s):
                    frame = await heard.queue.get()
            except TimeoutError:
                break
            await response.write(encoder.record(frame))
        await response.write_eof()


def _encoder(bus: Bus) -> Encoder:
    settings = bus.settings
    if isinstance(settings, SerialSettings):
        about = {"line": bus.name, "baud": str(settings.baud), "format": settings.format}
        return Encoder("rtu", about)
    # RTU over TCP: the frames are those of a serial line.
    return Encoder(settings.framing, {"line": bus.name})


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_S:
        raise NotPossible(
            f"a recording of {text} s cannot be", f"say how many seconds, up to {LONGEST_S:g}"
        )
    return seconds
