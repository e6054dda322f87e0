"""The connector's tables: its life, and the power it gives. Everything that moves it stands here.

Two coupled machines, each a table of named rows per state in which the first true guard wins:

* `LIFE_ROWS`: the connector's life (`State`), seen by people and by the backend;
* `POWER_ROWS`: what the hardware is told (`Power`). What the life wants is in `WANTED`; the rows
  say how to get there safely: no closing without PWM, no stop without letting the current fall.

They are applied in turn until nothing moves. The tables know no reading and no single fault: a
`View` of the readings and the join of all faults come in. Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.life.state import Context, Hold, Power, Vehicle
from laddvakt_agent.core.model import State

RAMP_MAX_S = 6.0  # a vehicle that still draws then is opened under load
PWM_SPACING_S = 5.0  # IEC 61851-1: the vehicle has 5 s to follow one change before the next
OFFER_LEAD_S = 0.1  # the pilot must have been read after the offer began, in an earlier step


Guard: TypeAlias = Callable[[Context], bool]
LifeRow: TypeAlias = tuple[str, Guard, State]
PowerRow: TypeAlias = tuple[str, Guard, Power]


def _blocked(c: Context) -> bool:
    return c.faults.act >= Act.RAMP


def _tripped(c: Context) -> bool:
    return c.faults.act is Act.TRIP


def _unread(c: Context) -> bool:
    return not c.life.read_once and not c.view.complete


def _withdrawn(c: Context) -> bool:
    return not c.life.session and not c.view.in_service


def _reserved(c: Context) -> bool:
    return c.view.reserved


def _unreserved(c: Context) -> bool:
    return not c.view.reserved


def _starved(c: Context) -> bool:
    """No current that a duty cycle could say is allowed."""
    return c.offer_a <= 0.0


def _withheld(c: Context) -> bool:
    """The station offers nothing although a session wants it."""
    return c.view.hold is not None or _starved(c)


def _held_by(hold: Hold) -> Guard:
    return lambda c: c.view.hold is hold


def _plugged(c: Context) -> bool:
    return c.life.plugged


def _unplugged(c: Context) -> bool:
    return not c.life.plugged


def _in_session(c: Context) -> bool:
    return c.life.session


def _over(c: Context) -> bool:
    return c.life.over


def _sessionless(c: Context) -> bool:
    return not c.life.session


def _asks(c: Context) -> bool:
    return c.view.vehicle is Vehicle.ASKING


def _paused(c: Context) -> bool:
    return c.view.vehicle is Vehicle.CONNECTED


def _paused_though_offered(c: Context) -> bool:
    return _paused(c) and c.life.power is Power.OFFERED and not _withheld(c)


def _unventilated(c: Context) -> bool:
    return c.view.vehicle is Vehicle.VENTILATION


def _may_close(c: Context) -> bool:
    """Every condition for closing; the only way into CHARGING leads through here."""
    life = c.life
    return (
        life.session
        and life.power is Power.OFFERED
        and _asks(c)
        and c.now_s >= life.commanded_since_s + c.settings.reclose_min_s
        and c.now_s >= life.limit_changed_s + OFFER_LEAD_S
        and (life.metered or c.view.metered)
        and c.view.ready
        and c.view.secured
        and not _withheld(c)
    )


def _let_go(c: Context) -> bool:
    return c.view.vehicle in (Vehicle.ABSENT, Vehicle.CONNECTED)


def _unloaded(c: Context) -> bool:
    return c.view.unloaded


def _ramp_over(c: Context) -> bool:
    return c.now_s >= c.life.ramp_since_s + RAMP_MAX_S


def _wanted(c: Context) -> Power:
    power = WANTED[c.life.state, c.life.session]
    return Power.OFF if power is not Power.OFF and _withheld(c) else power


def _wants(*powers: Power) -> Guard:
    return lambda c: _wanted(c) in powers


def pwm_spaced(c: Context) -> bool:
    """Whether the last change of the offer is long enough ago for the next."""
    return c.now_s >= c.life.limit_changed_s + PWM_SPACING_S


def _offer_due(c: Context) -> bool:
    return _wanted(c) is not Power.OFF and pwm_spaced(c)


_ROUTE: tuple[LifeRow, ...] = (  # where a connector belongs when nothing holds it any longer
    ("not read yet", _unread, State.UNAVAILABLE),
    ("closed by command", _withdrawn, State.UNAVAILABLE),
    ("session goes on", _in_session, State.SUSPENDED_STATION),
    ("no vehicle", _unplugged, State.AVAILABLE),
    ("session is over", _over, State.FINISHING),
    ("vehicle is there", _plugged, State.PREPARING),
)
_FAULT: LifeRow = ("fault", _blocked, State.FAULTED)
_CLOSED_BY_COMMAND: LifeRow = ("closed by command", _withdrawn, State.UNAVAILABLE)
_UNPLUGGED: LifeRow = ("unplugged", _unplugged, State.AVAILABLE)
_STOPPED: LifeRow = ("session over", _sessionless, State.FINISHING)
_CLOSE: LifeRow = ("vehicle asks", _may_close, State.CHARGING)
_HELD: tuple[LifeRow, ...] = (
    *((hold.value, _held_by(hold), State.SUSPENDED_STATION) for hold in Hold),
    ("less than 6 A allowed", _starved, State.SUSPENDED_STATION),
)

LIFE_ROWS: Mapping[State, tuple[LifeRow, ...]] = {
    State.UNAVAILABLE: (_FAULT, *_ROUTE),
    State.AVAILABLE: (
        _FAULT,
        _CLOSED_BY_COMMAND,
        ("vehicle plugged in", _plugged, State.PREPARING),
        ("reserved", _reserved, State.RESERVED),
    ),
    State.RESERVED: (
        _FAULT,
        _CLOSED_BY_COMMAND,
        ("vehicle plugged in", _plugged, State.PREPARING),
        ("reservation is over", _unreserved, State.AVAILABLE),
    ),
    State.PREPARING: (
        _FAULT,
        _CLOSED_BY_COMMAND,
        _UNPLUGGED,
        ("session over", _over, State.FINISHING),
        _CLOSE,
    ),
    State.CHARGING: (
        _FAULT,
        _UNPLUGGED,
        _STOPPED,
        *_HELD,
        ("vehicle paused", _paused, State.SUSPENDED_VEHICLE),
        ("ventilation missing", _unventilated, State.SUSPENDED_STATION),
    ),
    State.SUSPENDED_VEHICLE: (
        _FAULT,
        _UNPLUGGED,
        _STOPPED,
        *_HELD,
        _CLOSE,
        ("vehicle waits for the station", _asks, State.SUSPENDED_STATION),
        ("ventilation missing", _unventilated, State.SUSPENDED_STATION),
    ),
    State.SUSPENDED_STATION: (
        _FAULT,
        _UNPLUGGED,
        _STOPPED,
        _CLOSE,
        ("vehicle paused", _paused_though_offered, State.SUSPENDED_VEHICLE),
    ),
    State.FINISHING: (
        _FAULT,
        _UNPLUGGED,
        ("new session", _in_session, State.PREPARING),
        _CLOSED_BY_COMMAND,
    ),
    State.FAULTED: (("fault stands", _blocked, State.FAULTED), *_ROUTE),
}

WANTED: Mapping[tuple[State, bool], Power] = {  # (state, session) → where the power should go
    (state, session): (
        Power.CLOSED
        if state is State.CHARGING
        else Power.OFFERED
        if session and state in (State.PREPARING, State.SUSPENDED_VEHICLE, State.SUSPENDED_STATION)
        else Power.OFF
    )
    for state in State
    for session in (False, True)
}

_TRIP: PowerRow = ("trip", _tripped, Power.OFF)
_DARK: PowerRow = (Hold.SUPPLY.value, _held_by(Hold.SUPPLY), Power.OFF)

POWER_ROWS: Mapping[Power, tuple[PowerRow, ...]] = {
    Power.OFF: (("offer", _offer_due, Power.OFFERED),),
    Power.OFFERED: (
        ("close", _wants(Power.CLOSED), Power.CLOSED),
        ("withdraw", _wants(Power.OFF), Power.OFF),
    ),
    Power.CLOSED: (
        _TRIP,
        _DARK,
        ("keep", _wants(Power.CLOSED), Power.CLOSED),
        # IEC 61851-1 Table A.6: at B the vehicle draws nothing, so the offer may stay.
        ("vehicle paused", lambda c: _paused(c) and _wants(Power.OFFERED)(c), Power.OFFERED),
        ("vehicle let go", _let_go, Power.OFF),
        ("ramp", lambda _: True, Power.RAMPING),
    ),
    Power.RAMPING: (
        _TRIP,
        _DARK,
        ("vehicle let go", _let_go, Power.OFF),
        ("no current left", _unloaded, Power.OFF),
        ("ramp took too long", _ramp_over, Power.OFF),
    ),
}
