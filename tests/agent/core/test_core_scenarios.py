"""Days at the charger as tables: what is turned, and what must follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from agent.core.core_world import ONE, TWO, World
from laddvakt_agent.core.faults.catalogue import Act
from laddvakt_agent.core.inputs import Pilot, Reset, Sample
from laddvakt_agent.core.life.state import Power
from laddvakt_agent.core.model import (
    ContactorCommanded,
    FaultRaised,
    LimitCommanded,
    SessionBegun,
    SessionEnded,
    State,
    StateChanged,
)
from laddvakt_agent.core.settings import Settings

LOCAL = frozenset({Reset.LOCAL})
SERVICE = frozenset({Reset.SERVICE})
MANUAL = frozenset({Reset.MANUAL})
LOAD_SIDE = replace(ONE, has_feedback=False, voltage_load_side=True)
BOTH_WITNESSES = replace(ONE, voltage_load_side=True)


def states(world: World) -> list[str]:
    return [e.after.value for _, e in world.effects if isinstance(e, StateChanged)]


def test_a_whole_session() -> None:
    """Plug → authorise → charge → pause → charge → stop → unplug."""
    world = World().charge()
    world.pilot = Pilot.B
    world.run(5.0)
    world.pilot = Pilot.C
    world.run(3.0)
    world.authorised = False
    world.run(2.0)
    world.pilot = Pilot.B
    world.run(2.0)
    world.pilot = Pilot.A
    world.run(1.0)
    assert states(world) == [
        "available", "preparing", "charging", "suspended_vehicle", "charging", "finishing",
        "available",
    ]  # fmt: skip
    assert [e.reason for _, e in world.effects if isinstance(e, SessionEnded)] == ["stopped"]
    assert len([e for _, e in world.effects if isinstance(e, SessionBegun)]) == 1
    assert world.faults == {}


def test_closes_within_3_s_of_c() -> None:
    world = World().run(6.0)
    world.pilot, world.authorised = Pilot.B, True
    world.run(2.0)
    world.pilot, asked_s = Pilot.C, world.now_s
    world.run(3.0)
    ((closed_s, _),) = [x for x in world.effects if isinstance(x[1], ContactorCommanded)]
    assert closed_s - asked_s <= 3.0


def test_opens_with_the_pilot() -> None:
    """C→B opens our coil in the step that reads it; the offer stays, nobody is blamed."""
    world = World().charge()
    world.pilot = Pilot.B
    effects = world.step(0.25)
    assert effects[0] == ContactorCommanded(closed=False, reason="vehicle paused")
    assert world.power is Power.OFFERED
    world.run(10.0)
    assert world.faults == {}


def test_the_mirror_opens_before_the_pilot_is_read() -> None:
    """The board opens at C→B; the mirror is read first, the pilot 0.25 s later: no fault."""
    world = World().charge()
    world.mirror = False
    world.run(0.5)
    world.mirror, world.pilot = None, Pilot.B
    world.run(5.0)
    assert world.since(FaultRaised) == []


def test_a_stale_pilot_does_not_convict_the_contactor() -> None:
    """Mirror open, but the pilot was last read before: perhaps the vehicle let go."""
    world = World().charge()
    world.silent.add("pilot")
    world.step(0.25)
    world.mirror = False
    world.run(1.3)
    assert "contactor_opened_alone" not in world.faults


def test_authorised_without_a_vehicle_does_nothing() -> None:
    world = World(authorised=True).run(20.0)
    assert world.at(State.AVAILABLE)
    assert world.since(LimitCommanded) == []


def test_finishing_waits_for_the_plug_or_a_new_authorisation() -> None:
    """A session ended by a fault does not restart although `authorised` stays true."""
    world = World().charge()
    world.draw_a = (40.0, 0.0, 0.0)
    world.run(2.0)
    world.draw_a = (15.0, 15.0, 15.0)
    world.run(61.0)
    assert world.at(State.FAULTED)  # gross over-current waits for the plug
    world.resets = LOCAL
    world.run(70.0)
    assert world.at(State.FINISHING)
    world.authorised = False
    world.run(1.0)
    world.authorised = True
    world.run(8.0)
    assert world.at(State.CHARGING)


def test_unplugging_rearms_free_charging() -> None:
    world = World().charge()
    world.pilot = Pilot.A
    world.run(6.0)
    world.pilot = Pilot.C
    world.run(8.0)
    assert world.at(State.CHARGING)
    assert len(world.since(SessionBegun)) == 2


def test_ventilation_provided() -> None:
    """D is then as good as C."""
    settings = replace(ONE, state_d_allowed=True)
    world = World(settings=settings, draw_a=(0.5, 0.5, 0.5)).charge()
    world.pilot = Pilot.D
    world.run(8.0)
    assert world.at(State.CHARGING)
    world.pilot = Pilot.B
    world.run(1.0)
    assert world.at(State.SUSPENDED_VEHICLE)
    world.pilot = Pilot.D
    world.run(3.0)
    assert world.at(State.CHARGING)


def test_closed_by_command_lets_a_session_end_first() -> None:
    world = World().charge()
    world.in_service = False
    world.run(5.0)
    assert world.at(State.CHARGING)
    world.authorised, world.pilot = False, Pilot.B
    world.run(5.0)
    assert world.at(State.UNAVAILABLE)
    world.in_service = True
    world.run(1.0)
    assert world.at(State.FINISHING)
    world.pilot = Pilot.A
    world.run(1.0)
    world.in_service = False
    world.run(1.0)
    assert world.at(State.UNAVAILABLE)


@dataclass(frozen=True)
class Case:
    """One fault while charging: turned how, when raised, how it acts, what becomes of the rest."""

    id: str
    code: str
    turn: Callable[[World], None]
    raised_s: tuple[float, float]  # earliest, latest after the turn
    act: Act
    opened_within_s: float | None  # after the raise; None: stays closed
    session: bool  # still open 1 s after the raise
    settings: Settings = ONE


def _set(**knobs: object) -> Callable[[World], None]:
    return lambda world: world.__dict__.update(knobs)


def _mute(*names: str) -> Callable[[World], None]:
    return lambda world: world.silent.update(names)


def _give(name: str, value: object) -> Callable[[World], None]:
    def turn(world: World) -> None:
        world.override = {name: Sample(value=value, taken_s=world.now_s + 0.25)}

    return turn


OVER = (20.0, 0.0, 0.0)
CASES = (
    Case("residual", "residual_current_dc", _set(residual=True), (0, 0.3), Act.TRIP, 0, False),
    Case("stop pressed", "emergency_stop", _set(stop_pressed=True), (0, 0.3), Act.TRIP, 0, False),
    Case("pilot E", "pilot_fault", _set(pilot=Pilot.E), (0.5, 0.8), Act.TRIP, 0, True),
    Case("opened", "contactor_opened_alone", _set(follows=False), (1, 1.3), Act.TRIP, 0, True),
    Case("gross", "over_current_gross", _set(draw_a=(30.0, 0, 0)), (1, 1.6), Act.TRIP, 0, False),
    Case("over", "over_current", _set(draw_a=OVER), (7, 7.5), Act.RAMP, 6, True),
    Case("board error", "board_error", _set(errors=("bit4",)), (0, 0.3), Act.TRIP, 0, True),
    Case("power", "power_lost", _set(voltage_v=(0.0,) * 3), (1, 1.3), Act.RAMP, 6, True),
    Case("phase", "phase_lost", _set(voltage_v=(231.0, 99.0, 230.0)), (2, 2.3), Act.RAMP, 6, True),
    Case("limit", "limit_not_obeyed", _set(readback_a=18.0), (3, 13.3), Act.RAMP, 6, True),
    Case("frozen", "meter_frozen", _set(count_energy=False), (60, 60.6), Act.RAMP, 6, True),
    Case("board silent", "device_lost", _mute("pilot"), (3, 3), Act.TRIP, 0, True),
    Case("relay silent", "device_lost", _mute("feedback_closed"), (3, 3), Act.TRIP, 0, True),
    Case("relay unheard", "device_lost", _mute("relay1"), (3, 3), Act.TRIP, 0, True),
    Case("monitor silent", "device_lost", _mute("residual_tripped"), (3, 3), Act.RAMP, 6, True),
    Case("loop silent", "device_lost", _mute("emergency_stop"), (3, 3), Act.TRIP, 0, True),
    Case("line", "bus_down", _set(lines_down={"line1"}), (3, 3.3), Act.RAMP, 6, True),
    Case("meter", "meter_lost", _mute("current_a"), (10, 10.3), Act.FINISH, None, True),
    Case("unguarded", "unguarded_board", _set(guarded=False), (5, 5.3), Act.FINISH, None, True),
    Case("spare amps", "unguarded_board", _set(guarded=False), (5, 5.3), Act.DERATE, None, True,
         replace(ONE, unattended_current_a=8.0)),
    Case("load side dark", "power_lost", _set(voltage_v=(1.0, 2.0, 1.0)), (1, 1.3), Act.RAMP, 6,
         True, BOTH_WITNESSES),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_fault_while_charging(case: Case) -> None:
    world = World(settings=case.settings).charge()
    world.run(12.0)
    turned_s = world.now_s
    case.turn(world)
    until_s = turned_s + case.raised_s[1]
    while world.now_s < until_s and case.code not in world.faults:
        world.step(0.25)
    fault = world.faults[case.code]
    assert case.raised_s[0] <= fault.since_s - turned_s <= case.raised_s[1] + 1e-6
    assert fault.act is case.act
    world.run(1.0)
    assert world.connector.life.session is case.session
    if case.opened_within_s is None:
        assert world.closed
        return
    world.run(max(0.0, fault.since_s + case.opened_within_s - world.now_s))
    assert not world.closed
    opened = [at for at, e in world.effects if isinstance(e, ContactorCommanded) and not e.closed]
    assert opened[-1] - fault.since_s <= case.opened_within_s + 1e-6
    assert world.at(State.FAULTED)


def test_the_ramp_ends_early_without_current() -> None:
    world = World().charge()
    world.authorised, world.draw_a = False, (0.4, 0.0, 0.0)
    world.run(0.5)
    assert not world.closed
    assert world.connector.life.power_reason == "no current left"


def test_the_ramp_ends_blind() -> None:
    """Neither pilot nor current can be read: open after 6 s, and nobody is blamed for drawing."""
    world = World().charge()
    world.silent.update(("residual_tripped",))
    world.run(3.0)
    world.silent.update(("current_a",))
    world.run(6.25)
    assert not world.closed
    assert "vehicle_keeps_drawing" not in world.faults


def test_vehicle_keeps_drawing_after_a_stop() -> None:
    world = World().charge()
    world.authorised = False
    world.run(6.25)
    assert not world.closed
    assert world.faults["vehicle_keeps_drawing"].act is Act.TRIP


@pytest.mark.parametrize("settings", [ONE, LOAD_SIDE, BOTH_WITNESSES], ids=["mirror", "volt", "2"])
def test_weld(settings: Settings) -> None:
    """Seen 1 s after opening, by a meter once it can show it, for 1 s; locked until service."""
    world = World(settings=settings).charge()
    world.pilot, world.mirror = Pilot.B, True
    world.run(1.75)
    assert "contactor_welded" not in world.faults
    world.run(1.0 if settings.has_feedback else 1.5)
    assert world.faults["contactor_welded"].locked_out
    world.mirror, world.voltage_v = False, (0.0, 0.0, 0.0)
    world.resets = LOCAL
    world.run(3.0)
    assert "contactor_welded" in world.faults
    world.resets = SERVICE  # no test has shown it open yet: that is made unplugged
    world.run(1.0)
    assert "contactor_welded" in world.faults
    world.pilot = Pilot.A
    world.run(1.0)
    world.resets = SERVICE
    world.run(1.0)
    assert "contactor_welded" not in world.faults


def test_weld_by_current_alone() -> None:
    """Three samples from 5 s after opening; earlier currents and single spikes say nothing."""
    world = World(settings=TWO).charge()
    world.authorised, world.pilot = False, Pilot.B
    world.step(0.25)
    world.override = {"current_a": Sample(value=(14.0, 0.0, 0.0), taken_s=world.now_s)}
    for _ in range(20):
        world.override = {"current_a": Sample(value=(14.0, 0.0, 0.0), taken_s=world.now_s + 0.25)}
        world.step(0.25)
    assert world.faults == {}
    for _ in range(8):
        world.override = {"current_a": Sample(value=(14.0, 0.0, 0.0), taken_s=world.now_s + 0.25)}
        world.step(0.25)
    assert world.faults["contactor_welded"].evidence == "14.0 A after opening"


@pytest.mark.parametrize("settings", [LOAD_SIDE, BOTH_WITNESSES], ids=["voltage", "both"])
def test_healthy_load_side_meter(settings: Settings) -> None:
    """A dark load side behind an open contactor is neither a lost phase nor lost power."""
    world = World(settings=settings).charge()
    world.pilot = Pilot.B
    world.run(5.0)
    assert world.since(FaultRaised) == []


def test_load_side_stays_dark() -> None:
    world = World(settings=LOAD_SIDE).run(6.0)
    world.pilot, world.authorised, world.follows = Pilot.C, True, False
    world.run(3.6)
    assert "contactor_did_not_close" in world.faults


def test_a_silent_meter_convicts_no_contactor() -> None:
    """Load-side voltage is the only witness, and it is stale: unknown, in both directions."""
    world = World(settings=LOAD_SIDE).run(6.0)
    world.pilot, world.authorised, world.follows = Pilot.C, True, False
    world.silent.add("voltage_v")
    world.run(9.0)
    assert world.at(State.CHARGING)
    assert world.faults == {}
    world.pilot = Pilot.B
    world.run(9.0)
    assert world.faults == {}


def test_a_silent_meter_is_no_weld() -> None:
    world = World(settings=TWO).run(6.0)
    world.silent.add("current_a")
    world.run(9.0)
    assert "contactor_welded" not in world.faults


@pytest.mark.parametrize(
    ("draw_a", "voltage_v"),
    [
        ((15.5, 0.0, 0.0), (230.0, 230.0, 230.0)),
        ((0.0, 0.0, 15.5), (230.0, 230.0, 230.0)),
        ((15.5, 15.5, 15.5), (210.0, 230.0, 250.0)),
        ((-15.5, -15.5, -15.5), (230.0, 230.0, 230.0)),
        ((17.9, 17.9, 17.9), (230.0, 230.0, 230.0)),
    ],
    ids=["one phase", "rotated", "unequal", "turned transformers", "meter tolerance"],
)
def test_normal_oddities(
    draw_a: tuple[float, float, float], voltage_v: tuple[float, float, float]
) -> None:
    world = World(draw_a=draw_a, voltage_v=voltage_v).charge()
    for wiggle in range(100):
        first, *rest = voltage_v
        world.voltage_v = (first + wiggle % 3, rest[0], rest[1])
        world.run(1.0)
    assert world.since(FaultRaised) == []


def test_one_phase_station_has_no_lost_phase() -> None:
    world = World(settings=replace(ONE, phases=1), voltage_v=(230.0, 0.0, None)).charge()
    world.run(20.0)
    assert world.faults == {}


def test_all_values_alike_under_load() -> None:
    """Energy moves, but voltages, currents and power stand still to the last bit for 120 s."""
    world = World().charge()
    world.run(110.0)
    assert world.faults == {}
    world.run(12.0)
    assert world.faults["meter_frozen"].evidence.endswith("values alike for 120 s at 10718 W")


def test_a_slow_register_is_not_frozen() -> None:
    """10 Wh per step at 200 W: a step each 180 s is normal."""
    settings = replace(ONE, meter_resolution_wh=10.0)
    world = World(settings=settings, draw_a=(1.2, 0.0, 0.0), count_energy=False).charge()
    for wiggle in range(170):
        world.voltage_v = (230.0 + wiggle % 2, 230.0, 230.0)
        world.run(1.0)
    assert world.faults == {}


@pytest.mark.parametrize(
    ("name", "code", "after_s"),
    [
        ("pilot", "device_lost", 3.0),
        ("feedback_closed", "device_lost", 3.0),
        ("emergency_stop", "device_lost", 3.0),
        ("residual_tripped", "device_lost", 3.0),
        ("current_a", "meter_lost", 10.0),
        ("energy_wh", "meter_lost", 10.0),
    ],
)
def test_refused_replies_are_silence_from_the_last_good_one(
    name: str, code: str, after_s: float
) -> None:
    """No value at all, though the device answers: timed like silence, not judged at once."""
    world = World().charge()
    gone_s = world.now_s
    world.override = {name: None}
    world.run(after_s - 0.25)
    assert code not in world.faults
    world.run(0.25)
    assert world.faults[code].since_s == pytest.approx(gone_s + after_s)


def test_a_live_load_side_speaks_for_a_broken_mirror() -> None:
    """It closed, whatever the mirror contact says: that one errs, and would hide a weld."""
    world = World(settings=BOTH_WITNESSES, mirror=False).charge()
    world.run(10.0)
    assert set(world.faults) == {"contactor_disputed"}


def test_a_board_without_offer_opens_by_itself() -> None:
    """The board says its PWM is off: that explains the open mirror, no contactor fault."""
    world = World().charge()
    world.mirror = False
    for _ in range(12):
        world.override = {"pwm_on": Sample(value=False, taken_s=world.now_s + 0.25)}
        world.step(0.25)
    assert world.faults == {}


def test_a_station_without_a_loop() -> None:
    settings = replace(ONE, has_emergency_stop=False)
    world = World(settings=settings, silent={"emergency_stop"}, stop_pressed=True).charge()
    world.run(10.0)
    assert world.faults == {}
