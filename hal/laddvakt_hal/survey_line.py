"""A line as a survey uses it: one transaction at a time, whoever holds the port.

Directly it is a `Bus` of our own on a port nobody else has; through the running agent it is that
agent's bus, behind the agent's own rules. Both look like `Channel`.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from laddvakt_hal.bus import Bus
from laddvakt_hal.errors import BusDown, HalError, LineSetupError
from laddvakt_hal.frame import encode_rtu
from laddvakt_hal.port import open_port
from laddvakt_hal.settings import SerialSettings, TcpSettings, Timing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from laddvakt_hal.frame import Request
    from laddvakt_hal.settings import LineSettings
    from laddvakt_hal.turns import Priority, Reply

_SYSFS = Path("/sys/class/tty")
CONNECT_S = 2.0  # a gateway further away than this serves no charger
ECHO_S = 0.2  # an echo is there at once; the rest is for the adapter and for a reply to end
_ECHO_LOOKS = 4
MOST_COMMAND = 60  # characters of a command line that are shown
OPEN_S = 5.0  # a line that never falls silent is given up after about 2 s
PROBE = Timing(timeout_s=0.15, worst_latency_s=0.15, turnaround_s=0.02)  # of whom nothing is known
# A gateway waits for an absent unit as long as it likes, and whoever is asked next waits behind.
GATEWAY_PROBE = Timing(timeout_s=1.5, worst_latency_s=1.5, turnaround_s=0.02)


class Trouble(enum.Enum):
    """Why a line cannot be used at all."""

    MISSING = "missing"
    IN_USE = "in_use"
    NO_PERMISSION = "no_permission"
    NOT_SERIAL = "not_serial"
    SETTINGS = "settings"  # the port is fine, but not at this speed or format
    BABBLE = "babble"
    REFUSED = "refused"  # TCP: nobody listens there
    UNREACHABLE = "unreachable"  # TCP: no answer, no such host
    CLOSES = "closes"  # TCP: the peer hangs up at once
    LOST = "lost"  # it was there when we began
    DOWN = "down"  # the agent that has it cannot use it; it says why


class LineTrouble(HalError):
    """The line cannot be used; the message names it and the remedy."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


class NotAllowed(HalError):
    """Whoever holds the line does not carry that out; the message says why, `remedy` what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class Channel(Protocol):
    """One line, as far as a survey needs it."""

    @property
    def settings(self) -> LineSettings:
        """Where it is and how it is set up."""
        ...

    def set_timing(self, unit: int, timing: Timing) -> None:
        """How long to wait for a unit; whoever holds the port may wait less."""
        ...

    async def transact(self, request: Request, priority: Priority = ...) -> Reply:
        """Carry out one transaction.

        Raises:
            HalError: BusDown, NoReply, Garbled, Refused, NotAllowed or LineTrouble.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who has a port open."""

    pid: int
    command: str


@contextlib.asynccontextmanager
async def open_line(settings: LineSettings) -> AsyncIterator[Bus]:
    """A bus of our own on a line nobody else uses; closed at the end.

    Raises:
        LineTrouble: the line cannot be used.
    """
    await _check(settings)
    bus = Bus(settings)
    bus.set_timing(0, PROBE)  # how long the line must have been silent before the first question
    await bus.start()
    try:
        async with asyncio.timeout(OPEN_S):
            while not bus.tried:  # noqa: ASYNC110 - once, at the start
                await asyncio.sleep(0.002)
        if not bus.up:
            raise trouble_now(settings, bus.down_reason)
        yield bus
    finally:
        await bus.close()


def probe_timing_on(settings: LineSettings) -> Timing:
    """How long to wait on such a line for a unit of which nothing is known."""
    gateway = isinstance(settings, TcpSettings) and settings.framing == "tcp"
    return GATEWAY_PROBE if gateway else PROBE


def trouble_now(settings: LineSettings, reason: str) -> LineTrouble:
    """Why a line that could be opened is gone all the same."""
    if isinstance(settings, TcpSettings):
        where = f"{settings.host}:{settings.port}"
        why = re.sub(r"^\[Errno \d+\] ", "", _without(reason, where))
        if ";" not in why:  # else it names its own remedy
            why += (
                "; it takes a connection and drops it: another master may have the only one, or "
                "this is no Modbus TCP port"
            )
        return LineTrouble(Trouble.CLOSES, f"{where}: {why}")
    if not Path(settings.port).exists():
        return LineTrouble(Trouble.LOST, f"{settings.port}: the adapter is gone; plug it in again")
    return LineTrouble(Trouble.BABBLE, f"{settings.port}: {_without(reason, settings.port)}")


async def hears_itself(settings: SerialSettings, request: Request) -> bool:
    """Whether what is sent comes back: asks once, past any bus, and looks at the bare characters.

    Raises:
        LineTrouble: the port cannot be used.
    """
    _check_port(settings)
    port = open_port(settings)
    frame, heard = encode_rtu(request), bytearray()
    try:
        os.write(port.fd, frame)
        for _ in range(_ECHO_LOOKS):
            await asyncio.sleep(ECHO_S / _ECHO_LOOKS + len(frame) * settings.character_s)
            with contextlib.suppress(BlockingIOError):
                heard += os.read(port.fd, 4096)
    except OSError as error:
        raise trouble_now(settings, f"{settings.port}: {error.strerror or error}") from error
    finally:
        port.close()
    return frame in heard


def latency_timer_ms(port: str) -> int | None:
    """How long an FTDI adapter holds characters back; `None` for every other one."""
    timer = _SYSFS / os.path.basename(os.path.realpath(port)) / "device/latency_timer"
    try:
        return int(timer.read_text())
    except (OSError, ValueError):
        return None


def holders(port: str) -> tuple[Holder, ...]:
    """Who has the port open, as far as this user may see it."""
    real = os.path.realpath(port)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fds = list((process / "fd").iterdir())
            has = any(os.path.realpath(fd) == real for fd in fds)
            command = _command(process) if has else ""
        except OSError:
            continue  # gone meanwhile, or somebody else's
        if has and int(process.name) != os.getpid():
            found.append(Holder(pid=int(process.name), command=command))
    return tuple(found)


async def _check(settings: LineSettings) -> None:
    if isinstance(settings, SerialSettings):
        _check_port(settings)
    else:
        await _check_peer(settings)


def _check_port(settings: SerialSettings) -> None:
    try:
        open_port(settings).close()
    except BusDown as error:
        raise LineTrouble(Trouble.MISSING, str(error)) from error
    except LineSetupError as error:
        trouble = _port_trouble(error)
        message = str(error)
        if trouble is Trouble.IN_USE:
            message += _named(holders(settings.port))
        raise LineTrouble(trouble, message) from error


def _port_trouble(error: LineSetupError) -> Trouble:
    cause = error.__cause__
    code = cause.args[0] if cause is not None and cause.args else None
    if isinstance(cause, BlockingIOError) or code == errno.EBUSY:
        return Trouble.IN_USE
    if code in (errno.EACCES, errno.EPERM):
        return Trouble.NO_PERMISSION
    if code in (errno.ENOTTY, errno.EISDIR):
        return Trouble.NOT_SERIAL
    return Trouble.SETTINGS


def _command(process: Path) -> str:
    """What runs there, as it was typed, shortened."""
    words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    text = " ".join(word.decode(errors="replace") for word in words)
    return text if len(text) <= MOST_COMMAND else text[: MOST_COMMAND - 1] + "…"


def _named(found: tuple[Holder, ...]) -> str:
    if not found:
        return " (the agent itself: ask it with --line, or stop it)"
    return " (" + ", ".join(f"{who.command}, process {who.pid}" for who in found) + ")"


async def _check_peer(settings: TcpSettings) -> None:
    where = f"{settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(settings.host, settings.port)
    except TimeoutError as error:
        raise LineTrouble(
            Trouble.UNREACHABLE, f"{where}: no answer; check cable, power and address"
        ) from error
    except ConnectionRefusedError as error:
        raise LineTrouble(
            Trouble.REFUSED, f"{where}: nobody listens there; check the port and the gateway's mode"
        ) from error
    except OSError as error:
        raise LineTrouble(
            Trouble.UNREACHABLE, f"{where}: {error.strerror or error}; check the address"
        ) from error
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _without(reason: str, where: str) -> str:
    return reason.removeprefix(f"{where}: ")
