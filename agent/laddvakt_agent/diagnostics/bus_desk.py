"""What people may learn of the lines the agent holds, and ask on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog

from laddvakt_agent.diagnostics.answers import Forbidden, JsonObject, NotPossible
from laddvakt_agent.diagnostics.bus_gate import (
    SHARE,
    check_length,
    check_read,
    check_stranger,
    check_write,
    probe_timing,
    roles_of,
    room_on,
    spoken,
)
from laddvakt_agent.diagnostics.bus_stats import SwitchedErrors, line_counts, unit_counts
from laddvakt_agent.hardware import Hardware
from laddvakt_hal.bus import Bus, Priority, Reply
from laddvakt_hal.device import Device
from laddvakt_hal.errors import Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import Request, describe
from laddvakt_hal.poll import Poller
from laddvakt_hal.settings import SerialSettings
from laddvakt_hal.tap import Frame

MOST_WAITING = 4  # one person at a line; a few requests of theirs may overlap

log = structlog.get_logger()


@dataclass(slots=True)
class _Turn:
    """Who may ask next on a line, and not before when."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    not_before_s: float = 0.0


class BusDesk:
    """Answers questions about lines and carries them onto the line, behind safety polling."""

    def __init__(
        self,
        hardware: Hardware,
        clock: Callable[[], float],
        switched_s: Callable[[], float | None] = lambda: None,
        note_write: Callable[[int, str, str], None] = lambda uid, what, outcome: None,
    ) -> None:
        self._hardware = hardware
        self._clock = clock
        self._note_write = note_write
        self._turns = {name: _Turn() for name in hardware.buses}
        self._errors = {name: SwitchedErrors(switched_s) for name in hardware.buses}
        self._listeners: dict[str, list[Callable[[Frame], None]]] = {
            name: [] for name in hardware.buses
        }
        for name, bus in hardware.buses.items():
            self._tap(name, bus)

    def lines(self) -> list[JsonObject]:
        """Every line: where, how it is, what was counted, who is on it."""
        return [self._line(name, bus) for name, bus in self._hardware.buses.items()]

    async def transact(
        self, line: str, request: Request, *, clears: bool, uid: int, privileged: bool
    ) -> JsonObject:
        """Carry out one request as soon as the line has room; the reply, or how it failed.

        Raises:
            NotPossible: the line or the request is not one for this.
            Forbidden: the caller may not write.
        """
        poller = self._poller(line)
        device = self._device(line, request.unit)
        try:
            self._check(poller, device, request, clears=clears, privileged=privileged)
        except (NotPossible, Forbidden) as error:
            if not request.is_read:
                told = "forbidden" if isinstance(error, Forbidden) else "refused"
                self._note_write(uid, _written(line, request), told)
            raise
        turn = self._turns[line]
        if turn.waiting >= MOST_WAITING:
            raise NotPossible(f"somebody else is asking on {line}", "wait until they are done")
        turn.waiting += 1
        try:
            async with turn.lock:
                await asyncio.sleep(max(0.0, turn.not_before_s - self._clock()))
                return await self._carry_out(poller, device, request, uid)
        finally:
            turn.waiting -= 1

    def listen(self, line: str, listener: Callable[[Frame], None]) -> Callable[[], None]:
        """Show every frame of a line to `listener` from now on; call the result to end it.

        Raises:
            NotPossible: there is no such line.
        """
        self.bus(line)
        self._listeners[line].append(listener)
        return lambda: self._listeners[line].remove(listener)

    def bus(self, line: str) -> Bus:
        """The line of that name.

        Raises:
            NotPossible: there is none.
        """
        bus = self._hardware.buses.get(line)
        if bus is None:
            known = ", ".join(self._hardware.buses)
            raise NotPossible(f"there is no line {line}", f"lines here: {known}")
        return bus

    def _check(
        self,
        poller: Poller,
        device: Device | None,
        request: Request,
        *,
        clears: bool,
        privileged: bool,
    ) -> None:
        if not poller.bus.up:
            raise NotPossible(
                f"{poller.bus.name} is down: {poller.bus.down_reason}", "mend the line first"
            )
        if request.unit == 0:
            raise NotPossible("unit 0 is everybody", "name one unit, 1 to 247")
        if device is not None and device.silent:
            raise NotPossible(
                f"{device.name} (unit {device.unit}) has fallen silent; the agent asks it again "
                "by itself",
                f"see: laddvakt bus doctor --line {poller.bus.name}",
            )
        if device is None:
            check_stranger(poller, request.unit)
            poller.bus.set_timing(request.unit, probe_timing(poller, request))
        check_length(poller, request)
        if request.is_read:
            check_read(self._on(poller.bus), request, clears=clears)
        else:
            check_write(self._hardware, device, request, privileged=privileged)

    async def _carry_out(
        self, poller: Poller, device: Device | None, request: Request, uid: int
    ) -> JsonObject:
        bus, turn = poller.bus, self._turns[poller.bus.name]
        begun_s = self._clock()
        try:
            reply = await bus.transact(request, Priority.NORMAL)
            answer = _told(reply)
        except HalError as error:
            answer = _failed(request, error)
            if device is None and not bus.stats[request.unit].ok:
                del bus.stats[request.unit]  # nobody there: not worth a row for ever
        finally:
            ended_s = self._clock()
            turn.not_before_s = ended_s + (ended_s - begun_s) * (1 / SHARE - 1)
        if not request.is_read:
            _log_write(bus.name, device, request, uid, answer)
            self._note_write(uid, _written(bus.name, request), _outcome(answer))
        return answer

    def _tap(self, name: str, bus: Bus) -> None:
        before = bus.on_frame

        def show(frame: Frame) -> None:
            if before is not None:
                before(frame)
            self._errors[name].note(frame)
            for listener in self._listeners[name]:
                listener(frame)

        bus.on_frame = show

    def _poller(self, line: str) -> Poller:
        self.bus(line)
        return self._hardware.pollers[line]

    def _device(self, line: str, unit: int) -> Device | None:
        return next((d for d in self._on(self._hardware.buses[line]) if d.unit == unit), None)

    def _on(self, bus: Bus) -> Iterator[Device]:
        return (device for device in self._hardware.devices.values() if device.bus is bus)

    def _line(self, name: str, bus: Bus) -> JsonObject:
        poller, settings = self._hardware.pollers[name], bus.settings
        room = room_on(poller)
        where: JsonObject = (
            {"port": settings.port, "baud": settings.baud, "format": settings.format}
            if isinstance(settings, SerialSettings)
            else {"host": settings.host, "tcp_port": settings.port}
        )
        units = {device.unit for device in self._on(bus)}
        others = sorted(set(bus.stats) - units)
        return {
            "name": name,
            **where,
            "up": bus.up,
            "reason": "" if bus.up else bus.down_reason,
            "notes": list(bus.link_notes),
            "planned_utilisation": round(poller.utilisation, 4),
            "longest_ms": round(room.longest_s * 1000, 1),
            "silent_ms": round(room.silent_s * 1000, 1),
            "share": SHARE,
            **line_counts(bus),
            **self._errors[name].counts(),
            "devices": [self._shown(device) for device in self._on(bus)],
            "others": [{"unit": unit, **unit_counts(bus, unit)} for unit in others],
        }

    def _shown(self, device: Device) -> JsonObject:
        return {
            "name": device.name,
            "unit": device.unit,
            "profile": device.profile.id,
            "roles": [role.value for role in roles_of(self._hardware, device.name)],
            "silent": device.silent,
            "timeout_ms": round(device.profile.timing.timeout_s * 1000, 1),
            **unit_counts(device.bus, device.unit),
        }


def _told(reply: Reply) -> JsonObject:
    return {
        "words": list(reply.words),
        "bits": [int(bit) for bit in reply.bits],
        "sent_at_s": reply.sent_at_s,
        "taken_at_s": reply.taken_at_s,
    }


def _failed(request: Request, error: HalError) -> JsonObject:
    """The failure as data: the other side raises it again."""
    kind, more = "down", dict[str, str]()
    match error:
        case NoReply():
            kind = "no_reply"
        case Garbled(kind=garble):
            kind, more = "garbled", {"garble": garble}
        case Refused(exception_code=code):
            kind, more = "refused", {"exception": str(code)}
        case _:
            pass
    return {"failed": {"kind": kind, "detail": spoken(request, error), **more}}


def _written(line: str, request: Request) -> str:
    return f"{line}, {describe(request)}: {list(request.values)}"


def _outcome(answer: JsonObject) -> str:
    """How a write ended, in one word."""
    failed = answer.get("failed")
    return str(failed.get("kind")) if isinstance(failed, dict) else "confirmed"


def _log_write(
    line: str, device: Device | None, request: Request, uid: int, answer: JsonObject
) -> None:
    log.info(
        "bus_written",
        line=line,
        device=device.name if device else None,
        unit=request.unit,
        function=int(request.function),
        address=request.address,
        values=list(request.values),
        uid=uid,
        outcome=answer.get("failed", "confirmed"),
    )
