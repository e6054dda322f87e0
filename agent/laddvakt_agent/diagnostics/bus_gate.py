"""What somebody may ask on a line the agent guards, and how much of the line it may take.

Safety polling goes first: a survey's transaction waits its turn as the least urgent, one at a time;
it may not be longer than the plan's longest, an unanswered one holds the line for a safety period
at most, and all of them together take a fifth of the line. Nothing is written to a device that a
connector's safety depends on: for that the agent must be stopped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from laddvakt_agent.core.inputs import Role
from laddvakt_agent.diagnostics.answers import Forbidden, NotPossible
from laddvakt_agent.hardware import Hardware
from laddvakt_hal.device import Device
from laddvakt_hal.errors import HalError
from laddvakt_hal.frame import Request, describe, rtu_request_length
from laddvakt_hal.poll import Poller
from laddvakt_hal.profile_model import Row
from laddvakt_hal.settings import SerialSettings, TcpSettings, Timing
from laddvakt_hal.survey_io import clearing_row

SHARE = 0.2  # of the line's time for everything that is not the agent's own
FLOOR = 0.25  # of a safety period is always allowed: a plan of tiny reads must not forbid a probe
EXCEPTION_LENGTH = 5
SAFETY_ROLES = (Role.BOARD, Role.CONTACTOR, Role.EMERGENCY_STOP, Role.RESIDUAL_MONITOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How long a survey's transaction may take on a line."""

    longest_s: float  # one that is answered
    silent_s: float  # one that is not


def room_on(poller: Poller) -> Room:
    """What the line's plan leaves."""
    period_s = poller.periods.safety_s
    longest_s = poller.longest_transaction_s if poller.plan else period_s
    return Room(longest_s=max(longest_s, FLOOR * period_s), silent_s=period_s)


def probe_timing(poller: Poller, request: Request) -> Timing:
    """How long a unit nobody has configured may be waited for.

    Raises:
        NotPossible: the line is so slow that the question alone takes that long.
    """
    left_s = room_on(poller).silent_s
    settings = poller.bus.settings
    if isinstance(settings, SerialSettings):
        characters = rtu_request_length(request) + EXCEPTION_LENGTH
        left_s -= characters * settings.character_s + settings.silence_s
    if left_s <= 0:
        raise _too_long(request, poller)
    return Timing(timeout_s=left_s, worst_latency_s=left_s, turnaround_s=min(0.02, left_s / 2))


def check_stranger(poller: Poller, unit: int) -> None:
    """Refuse a unit nobody has configured where a gateway may look for it as long as it likes.

    An opening behind the same gateway would have to wait for that, whatever we do.

    Raises:
        NotPossible: the line goes to a Modbus TCP peer.
    """
    settings = poller.bus.settings
    if isinstance(settings, TcpSettings) and settings.framing == "tcp":
        raise NotPossible(
            f"unit {unit} is not configured on {poller.bus.name}: while a gateway looks for an "
            "absent unit, an opening behind it would have to wait",
            f"stop the agent, then use --tcp {settings.host}:{settings.port}",
        )


def check_length(poller: Poller, request: Request) -> None:
    """Refuse what would hold the line longer than the plan's own reads do.

    Raises:
        NotPossible: it is too long; says what would fit.
    """
    if poller.bus.duration_s(request) > room_on(poller).longest_s:
        raise _too_long(request, poller)


def check_read(devices: Iterable[Device], request: Request, *, clears: bool) -> None:
    """Refuse to read what a read changes, unless that is wanted.

    Raises:
        NotPossible: a row of the device under the read changes.
    """
    if clears or not request.is_read:
        return
    rows = [row for d in devices if d.unit == request.unit for row in d.profile.rows.values()]
    row = clearing_row(rows, request.function, request.address, request.count)
    if row is not None:
        raise NotPossible(
            f"{row.quantity} changes when it is read ({describe(request)})",
            "add --clears if that is what you want",
        )


def check_write(
    hardware: Hardware, device: Device | None, request: Request, *, privileged: bool
) -> Row:
    """The row that a write changes.

    Raises:
        Forbidden: the caller is neither root nor the agent's user.
        NotPossible: the agent will not write that while it guards.
    """
    if not privileged:
        raise Forbidden("writing needs root", "use sudo")
    direct = "stop the agent (it opens everything first), then write with --port or --config"
    if device is None:
        raise NotPossible(
            f"no device of the configuration has unit {request.unit}: "
            "nobody says what may be written there",
            direct,
        )
    roles = roles_of(hardware, device.name)
    guarding = [role for role in roles if role in SAFETY_ROLES]
    if guarding:
        played = ", ".join(role.value for role in guarding)
        raise NotPossible(f"{device.name} guards a connector ({played})", direct)
    for row in device.profile.rows.values():
        same = row.write_function is request.function
        if same and row.addr == request.address and row.count == request.count:
            return row
    raise NotPossible(
        f"{device.profile.id} names no writable row for {describe(request)}",
        f"writable: {_writable(device) or 'nothing'}; anything else: {direct}",
    )


def roles_of(hardware: Hardware, device: str) -> tuple[Role, ...]:
    """The roles a device plays for any connector."""
    played = {
        role
        for names in hardware.role_names.values()
        for role, name in names.items()
        if name == device
    }
    return tuple(sorted(played, key=lambda role: role.value))


def spoken(request: Request, error: HalError) -> str:
    """A failed transaction in a sentence."""
    text = str(error)
    return text if "unit " in text else f"{describe(request)}: {text}"


def _writable(device: Device) -> str:
    rows = device.profile.rows.values()
    return ", ".join(row.quantity for row in rows if row.write_function is not None)


def _too_long(request: Request, poller: Poller) -> NotPossible:
    allowed_s = room_on(poller).longest_s
    took_s = poller.bus.duration_s(request)
    return NotPossible(
        f"{describe(request)} would hold the line for {took_s * 1000:.0f} ms, "
        f"safety polling leaves {allowed_s * 1000:.0f} ms",
        "ask for fewer registers at once",
    )
