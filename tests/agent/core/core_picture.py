"""Pictures for the diagnosis: faults by name, connectors with devices, lines and a past."""

from __future__ import annotations

from dataclasses import replace

from laddvakt_agent.core.diagnose.causes import Cause, diagnose
from laddvakt_agent.core.diagnose.picture import Beside, Past, Picture, Switching, Visit
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.inputs import DeviceHealth, LineHealth, Role
from laddvakt_agent.core.model import ActiveFault

DEVICES_1 = tuple(
    DeviceHealth(name=name, role=role, line=line, heard_s=None)
    for name, role, line in (
        ("evse1", Role.BOARD, "line1"),
        ("meter1", Role.METER, "line1"),
        ("relay1", Role.CONTACTOR, "line1"),
        ("rcm1", Role.RESIDUAL_MONITOR, "line2"),
    )
)
DEVICES_2 = tuple(
    DeviceHealth(name="charx1", role=role, line="tcp1", heard_s=None)
    for role in (Role.BOARD, Role.METER)
)
LINES_1 = (LineHealth(name="line1", up=True), LineHealth(name="line2", up=True))
LINES_2 = (LineHealth(name="tcp1", up=True),)
ONE = Beside(devices=DEVICES_1, lines=LINES_1)
TWO = Beside(devices=DEVICES_2, lines=LINES_2)


def fault(code: str, subject: str = "1", since_s: float = 100.0) -> ActiveFault:
    """A standing fault with the act its row ends with."""
    act = CATALOGUE[code].strongest
    return ActiveFault(
        code=code, subject=subject, since_s=since_s, act=act, locked_out=False, evidence=""
    )


def past(code: str, subject: str = "1", since_s: float = 50.0, cleared_s: float = 90.0) -> Past:
    """A fault that has cleared."""
    return Past(fault=fault(code, subject, since_s), cleared_s=cleared_s)


def picture(
    *standing: ActiveFault,
    past: tuple[Past, ...] = (),
    one: Beside = ONE,
    two: Beside | None = TWO,
    now_s: float = 110.0,
) -> Picture:
    """Two connectors at one station, or one."""
    connectors = {"1": one} if two is None else {"1": one, "2": two}
    return Picture(now_s=now_s, standing=standing, past=past, connectors=connectors)


def switched(*moves: tuple[float, bool]) -> Beside:
    """Connector 1 after these movements of its contactor."""
    return replace(ONE, switchings=tuple(Switching(at_s=at_s, closed=c) for at_s, c in moves))


def visited(*visits: Visit, beside: Beside = ONE) -> Beside:
    """Connector 1 after these vehicles."""
    return replace(beside, visits=visits)


def heard(beside: Beside, device: str, at_s: float) -> Beside:
    """The same with a device's last good reply."""
    devices = tuple(
        replace(part, heard_s=at_s) if part.name == device else part for part in beside.devices
    )
    return replace(beside, devices=devices)


def named(picture: Picture) -> dict[str, list[str]]:
    """Each cause with its symptoms as `code@subject`, the first cause first."""
    return {word(c.fault): [word(s) for s in c.symptoms] for c in diagnose(picture)}


def word(fault: ActiveFault) -> str:
    """A fault's identity for people."""
    return f"{fault.code}@{fault.subject}"


def only(picture: Picture) -> Cause:
    """The one cause of this picture."""
    (cause,) = diagnose(picture)
    return cause
