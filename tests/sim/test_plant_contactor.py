"""Contactor, phase switch and lock inside a whole plant."""

from __future__ import annotations

import pytest

from laddvakt_sim.charger import Charger, LockedError
from laddvakt_sim.plant.words import VehicleSpec
from sim.test_plant_grid import IT, charging
from sim.test_plant_vehicle import with_pwm


@pytest.mark.parametrize(
    ("poles", "current", "load_v", "mirror"),
    [
        pytest.param([1, 2, 3, 4], (16, 16, 16), (230, 230, 230), True, id="all"),
        pytest.param([1, 4], (16, 0, 0), (230, 0, 0), True, id="one phase and neutral"),
        pytest.param([1], (0, 0, 0), (230, 0, 0), True, id="one phase: voltage, no current"),
        pytest.param([4], (0, 0, 0), (0, 0, 0), True, id="neutral alone"),
    ],
)
def test_welded_poles(
    poles: list[int], current: tuple[float, ...], load_v: tuple[float, ...], mirror: bool
) -> None:
    """After the open command the welded poles stay, and the mirror contact tells."""
    charger = charging(obeys_pwm_off=False)
    charger.inject({"name": "contactor_welded", "connector": "1", "poles": poles}, 10.0)
    charger.board("1").close = False
    charger.settle()
    charger.advance(20.0)
    connector = charger.connectors["1"]
    assert connector.current_a() == pytest.approx(current)
    assert connector.load_voltage_v() == pytest.approx(load_v)
    assert connector.contactor.mirror_closed is mirror
    charger.clear(None, None, 21.0)
    charger.advance(22.0)
    assert connector.contactor.poles == (False,) * 4
    assert connector.contactor.openings == 1  # the armature moved once, whenever poles let go


@pytest.mark.parametrize(
    ("poles", "current"),
    [
        pytest.param([1], (0, 0, 0), id="one line: no way back"),
        pytest.param([1, 4], (0, 0, 0), id="the neutral's pole is no way back"),
        pytest.param([1, 2], (16, 16, 0), id="two lines"),
    ],
)
def test_welded_poles_without_neutral(poles: list[int], current: tuple[float, ...]) -> None:
    """On 3×230 V current needs two welded lines."""
    charger = charging(IT, phases=1, obeys_pwm_off=False)
    charger.inject({"name": "contactor_welded", "connector": "1", "poles": poles}, 10.0)
    charger.board("1").close = False
    charger.settle()
    charger.advance(20.0)
    assert charger.connectors["1"].current_a() == pytest.approx(current)


@pytest.mark.parametrize(
    ("share", "closes", "stays"),
    [
        pytest.param(0.80, True, True, id="enough"),
        pytest.param(0.60, False, True, id="holds, does not close"),
        pytest.param(0.40, False, False, id="falls"),
    ],
)
@pytest.mark.parametrize("cause", ["coil_brown_out", "under_voltage"])
def test_coil_voltage(cause: str, share: float, closes: bool, stays: bool) -> None:
    """Pick-up at 75 %, drop-out at 45 % of the coil's voltage, its own or the grid's."""
    fault: dict[str, object] = {"name": cause, "connector": "1", "share": share}
    running, idle = charging(), Charger.plain()
    running.inject(fault, 10.0)
    running.advance(11.0)
    idle.inject(fault, 0.0)
    idle.board("1").limit_a, idle.board("1").close = 16.0, True
    idle.plug("1", VehicleSpec(), 0.0)
    idle.advance(11.0)
    assert idle.connectors["1"].contactor.closed is closes
    assert running.connectors["1"].contactor.closed is stays


def test_own_current_can_drop_the_coil() -> None:
    """At 9 Ω the coil falls where the ramp reaches 45 % of the voltage, to the microsecond."""
    charger = with_pwm(ramp_a_per_s=2.0)
    charger.inject({"name": "supply_impedance_high", "connector": "1", "ohm": 9.0}, 0.0)
    contactor = charger.connectors["1"].contactor
    charger.advance(5.0)
    closed_at_s = contactor.closed_at_s
    assert closed_at_s is not None
    charger.advance(10.0)
    fall_a = 230 * 0.55 / 9.0
    assert contactor.opened_at_s == pytest.approx(
        closed_at_s + 0.5 + fall_a / 2.0 + 0.020, abs=1e-6
    )
    assert contactor.openings_under_load == 1


def test_contacts_wear_bounce_and_slow_down() -> None:
    """Counters, times and wear follow what the contacts did."""
    charger = charging()
    contactor = charger.connectors["1"].contactor
    assert contactor.close_time_s == pytest.approx(0.020)
    charger.inject({"name": "contactor_slow", "connector": "1", "ms": 150}, 10.0)
    charger.board("1").close = False
    charger.settle()
    charger.advance(12.0)
    assert contactor.open_time_s == pytest.approx(0.150)
    assert (contactor.openings, contactor.openings_under_load) == (1, 1)
    assert contactor.wear == pytest.approx(2e-6 + (16 / 40) ** 2 / 150_000)
    charger.clear(None, None, 12.0)
    bounces = {"name": "contactor_bounces", "connector": "1", "times": 4, "gap_ms": 3}
    charger.inject(bounces, 12.0)
    charger.board("1").close = True
    charger.settle()
    charger.advance(13.0)
    assert (contactor.bounces, contactor.closures, contactor.closed) == (4, 2, True)
    charger.inject({"name": "contactor_worn", "connector": "1", "share": 0.9}, 13.0)
    assert contactor.wear > 0.9


@pytest.mark.parametrize(
    ("close", "limit_a", "loaded"),
    [
        pytest.param(False, 16.0, 1, id="opened while it draws"),
        pytest.param(True, 0.0, 0, id="after the offer ended and the vehicle stopped"),
    ],
)
def test_openings_under_load(close: bool, limit_a: float, loaded: int) -> None:
    """Only those that break a current wear the contacts."""
    charger = charging()
    board, contactor = charger.board("1"), charger.connectors["1"].contactor
    board.close, board.limit_a = close, limit_a
    charger.settle()
    charger.advance(20.0)
    assert (contactor.openings, contactor.openings_under_load) == (1, loaded)


@pytest.mark.parametrize(("shows", "seen"), [("open", False), ("closed", True)])
def test_a_mirror_contact_that_stands_still(shows: str, seen: bool) -> None:
    """It says the same whatever the contacts do."""
    charger = charging()
    charger.inject({"name": "contactor_disputed", "connector": "1", "shows": shows}, 10.0)
    for close in (False, True):
        charger.board("1").close = close
        charger.settle()
        charger.advance(charger.now_s + 1.0)
        assert charger.connectors["1"].contactor.closed is close
        assert charger.connectors["1"].contactor.mirror_closed is seen


def test_a_board_that_closes_again() -> None:
    """Commanded open, the contactor closes by itself while the vehicle asks; never unmated."""
    charger = charging()
    charger.inject({"name": "board_recloses", "connector": "1"}, 10.0)
    charger.board("1").close = False
    charger.settle()
    charger.advance(12.0)
    assert charger.connectors["1"].contactor.closed
    charger.unplug("1", 12.0)
    charger.advance(13.0)
    assert not charger.connectors["1"].contactor.closed


def test_phase_switching() -> None:
    """One phase by two poles; a stuck switch leaves three."""
    charger = charging()
    connector = charger.connectors["1"]
    connector.phase_switch.want(charger.now_s, phases=1)
    charger.advance(10.1)
    assert connector.current_a() == (16.0, 0.0, 0.0)
    charger.inject({"name": "phase_switch_failed", "connector": "1", "phases": "3"}, 10.1)
    charger.advance(11.0)
    assert connector.phase_switch.feedback == 3
    assert connector.current_a() == (16.0, 16.0, 16.0)
    with pytest.raises(ValueError, match="allowed are 1 and 3"):
        connector.phase_switch.want(11.0, phases=2)


@pytest.mark.parametrize(
    ("how", "locks", "feedback"),
    [
        pytest.param(None, True, True, id="healthy"),
        pytest.param("stuck_open", False, False, id="stuck open"),
        pytest.param("stuck_locked", True, True, id="stuck later"),
        pytest.param("feedback_lost", True, None, id="feedback lost"),
    ],
)
def test_lock(how: str | None, locks: bool, feedback: bool | None) -> None:
    """The motor takes 0.4 s; a locked plug cannot be pulled."""
    charger = charging()
    lock = charger.connectors["1"].lock
    if how is not None:
        charger.inject({"name": "lock_failed", "connector": "1", "how": how}, 10.0)
    lock.want(10.0, locked=True)
    charger.advance(10.39)
    assert not lock.locked
    charger.advance(10.41)
    assert (lock.locked, lock.feedback) == (locks, feedback)
    if locks:
        with pytest.raises(LockedError, match="unlock it"):
            charger.unplug("1", 11.0)
    lock.want(11.0, locked=False)
    charger.advance(12.0)
    assert lock.locked is (how == "stuck_locked")
    charger.unplug("1", 12.0, force=True)
    assert charger.connectors["1"].vehicle is None


def test_a_stuck_lock_runs_again_when_asked_again() -> None:
    """Tries are counted."""
    charger = charging()
    lock = charger.connectors["1"].lock
    charger.inject({"name": "lock_failed", "connector": "1"}, 10.0)
    for at_s in (10.0, 11.0, 12.0):
        charger.advance(at_s)
        lock.want(at_s, locked=True)
    assert (lock.tries, lock.locked) == (3, False)
