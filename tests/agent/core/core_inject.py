"""Every fault of the catalogue, brought about by what a charger would read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agent.core.core_world import ONE, TWO, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import (
    ClockState,
    Pilot,
    Proximity,
    Reset,
    Sample,
    SelfTest,
    StoreHealth,
    TestReply,
    UplinkHealth,
)
from laddvakt_agent.core.memory.wear import Wear
from laddvakt_agent.core.settings import Settings, Supply

Turn = Callable[[World], None]
CALM: Mapping[str, object] = {  # what a well equipped charger reads beside the rest
    "diode_missing": False,
    "proximity": Proximity.CABLE_32_A,
    "plug_partly_inserted": False,
    "latch_broken": False,
    "cable_cut": False,
    "residual_ac_a": 0.002,
    "residual_ac_tripped": False,
    "earth_missing": False,
    "brown_out": False,
    "enclosure_open": False,
    "tilted": False,
    "water_inside": False,
    "enclosure_temp_c": 30.0,
    "plug_temp_c": 30.0,
    "neutral_a": 0.5,
    "frequency_hz": 50.0,
    "site_voltage_v": (230.0, 230.0, 230.0),
    "site_current_a": (20.0, 20.0, 20.0),
    "board_boots": 1,
}
FULL = replace(
    ONE,
    fitted=frozenset(CALM),
    has_residual_test=True,
    site_limit_a=63.0,
    safe_current_a=8.0,
    unbalance_limit_a=12.0,
)
SOCKET = replace(ONE, socket=True, fitted=frozenset({"locked"}))
SWITCHED = replace(ONE, has_phase_switch=True, fitted=frozenset({"phases_closed"}))
NORWAY = replace(ONE, supply=Supply.IT_3X230, fitted=frozenset({"insulation_fault"}))
BEHIND = replace(ONE, voltage_load_side=True)


@dataclass(frozen=True, kw_only=True)
class Injection:
    """How one fault comes about: on which charger, and what is turned."""

    turn: Turn
    settings: Settings = FULL
    idle: bool = False  # seen without a session
    wait_s: float = 90.0  # how long it may take to show
    period_s: float = 0.25


def world_for(settings: Settings) -> World:
    """A healthy charger of this kind."""
    gear = {name: value for name, value in CALM.items() if name in settings.fitted}
    world = World(settings=settings, gear=gear)
    if "insulation_fault" in settings.fitted:
        world.gear = {**world.gear, "insulation_fault": False}
    world.override = {
        "load_limit_a": 32.0,
        "uplink": UplinkHealth(),
        "store": StoreHealth(worn_share=0.1),
        "clock": ClockState.SYNCED,
        "tests": (TestReply(test=SelfTest.RESIDUAL, passed=True, taken_s=1e12),),
    }
    return world


def gear(**readings: object) -> Turn:
    """Other readings from now on."""
    return lambda world: setattr(world, "gear", {**world.gear, **readings})


def said(**values: object) -> Turn:
    """Other words of the shell from now on."""
    return lambda world: setattr(world, "override", {**world.override, **values})


def knob(name: str, value: object) -> Turn:
    return lambda world: setattr(world, name, value)


def silent(*names: str) -> Turn:
    return lambda world: world.silent.update(names)


def _weld(world: World) -> None:
    world.pilot, world.mirror, world.follows = Pilot.B, True, False


def _dispute(world: World) -> None:
    """The mirror contact says open, the load side stays live."""
    world.mirror, world.pilot = False, Pilot.B
    world.settings = BEHIND
    live = Sample(value=(230.0, 230.0, 230.0), taken_s=0.0)
    world.gear = {**world.gear, "voltage_v": live.value}


def _no_close(world: World) -> None:
    world.pilot = Pilot.B
    world.step(3.0)
    world.pilot, world.follows = Pilot.C, False


def _wear(world: World) -> None:
    memory = replace(world.connector.memory, wear=Wear(operations=20_000_000))
    world.connector = replace(world.connector, memory=memory)


def _reclose(world: World) -> None:
    world.pilot = Pilot.B
    world.step(3.0)
    world.step(1.0)
    world.mirror = True


def _restart_board(world: World) -> None:
    world.gear = {**world.gear, "board_boots": 2}


def _monitor(world: World) -> None:
    reply = TestReply(test=SelfTest.RESIDUAL, passed=False, taken_s=1e12, detail="no trip")
    said(tests=(reply,), tests_wanted=frozenset({SelfTest.RESIDUAL}))(world)


def _late(world: World) -> None:
    said(round_late_s=Sample(value=6.0, taken_s=world.now_s + 0.25))(world)


def _jump(world: World) -> None:
    said(clock_step_s=Sample(value=30.0, taken_s=world.now_s + 0.25))(world)


def _wait_unauthorised(world: World) -> None:
    world.authorised, world.pilot = False, Pilot.A
    world.step(1.0)
    world.pilot = Pilot.B


def _recover(world: World) -> None:
    world.connector = machine.initial(world.settings, (), world.now_s, session_open=True)


def _devices(
    world: World, name: str, *, mismatch: str = "", replaced: str = "", doubled: str = ""
) -> None:
    devices = tuple(
        replace(device, mismatch=mismatch, replaced=replaced, doubled=doubled)
        if device.name == name
        else device
        for device in world.read().devices
    )
    said(devices=devices)(world)


def _noise(world: World) -> None:
    lines = tuple(replace(line, error_share=0.1) for line in world.read().lines)
    said(lines=lines)(world)


def _trip_upstream(world: World) -> None:
    world.residual = True
    world.step(0.25)
    world.voltage_v = (0.0, 0.0, 0.0)


def _overload(world: World) -> None:
    """The site is full, and this connector already offers the least there is."""
    said(load_limit_a=6.0)(world)
    world.draw_a = (6.0, 6.0, 6.0)
    gear(site_current_a=(70.0, 60.0, 60.0))(world)


def _reverse(world: World) -> None:
    world.count_energy = False
    gear(power_w=-15.5 * sum(v or 0.0 for v in world.voltage_v))(world)


def _backwards(world: World) -> None:
    world.energy_wh = 10.0


def _poles(world: World) -> None:
    gear(phases_closed=1)(world)


def _lose_latches(world: World) -> None:
    world.lose_latches()


INJECT: Mapping[str, Injection] = {
    "residual_current_dc": Injection(turn=knob("residual", True)),
    "residual_current_ac": Injection(turn=gear(residual_ac_tripped=True)),
    "residual_monitor_failed": Injection(turn=_monitor, idle=True),
    "self_test_overdue": Injection(turn=lambda world: _park(world, 27.0), idle=True, wait_s=30.0),
    "protective_earth_missing": Injection(turn=gear(earth_missing=True)),
    "it_earth_fault": Injection(turn=gear(insulation_fault=True), settings=NORWAY),
    "neutral_lost": Injection(turn=knob("voltage_v", (270.0, 180.0, 230.0))),
    "over_voltage": Injection(turn=knob("voltage_v", (268.0, 268.0, 268.0))),
    "under_voltage": Injection(turn=knob("voltage_v", (190.0, 190.0, 190.0))),
    "phase_lost": Injection(turn=knob("voltage_v", (230.0, 3.0, 230.0))),
    "power_lost": Injection(turn=knob("voltage_v", (0.0, 0.0, 0.0))),
    "upstream_protection_tripped": Injection(turn=_trip_upstream),
    "frequency_out_of_range": Injection(turn=gear(frequency_hz=47.0)),
    "supply_impedance_high": Injection(turn=lambda world: _sag(world, 1.5)),
    "over_current": Injection(turn=knob("draw_a", (19.0, 15.0, 15.0))),
    "over_current_gross": Injection(turn=knob("draw_a", (40.0, 0.0, 0.0))),
    "neutral_overloaded": Injection(turn=gear(neutral_a=20.0)),
    "phase_unbalance": Injection(turn=knob("draw_a", (15.0, 1.0, 1.0))),
    "unexpected_current": Injection(turn=gear(current_a=(8.0, 8.0, 8.0)), idle=True),
    "contactor_welded": Injection(turn=_weld, settings=ONE),
    "contactor_disputed": Injection(turn=_dispute, settings=BEHIND),
    "contactor_did_not_close": Injection(turn=_no_close),
    "contactor_opened_alone": Injection(turn=knob("follows", False)),
    "contactor_worn": Injection(turn=_wear),
    "phase_switch_failed": Injection(turn=_poles, settings=SWITCHED),
    "pilot_fault": Injection(turn=knob("pilot", Pilot.INVALID)),
    "pilot_diode_missing": Injection(turn=gear(diode_missing=True)),
    "ventilation_required": Injection(turn=knob("pilot", Pilot.D)),
    "vehicle_keeps_drawing": Injection(turn=knob("readback_a", 32.0)),
    "proximity_fault": Injection(turn=gear(proximity=Proximity.INVALID)),
    "plug_partly_inserted": Injection(turn=gear(plug_partly_inserted=True)),
    "lock_failed": Injection(turn=gear(locked=False), settings=SOCKET),
    "latch_broken": Injection(turn=gear(latch_broken=True)),
    "cable_cut": Injection(turn=gear(cable_cut=True)),
    "temperature_derate": Injection(turn=lambda world: _warm(world, "enclosure_temp_c", 64.0)),
    "temperature_stop": Injection(turn=lambda world: _warm(world, "enclosure_temp_c", 75.0)),
    "cable_temperature_derate": Injection(turn=lambda world: _warm(world, "plug_temp_c", 80.0)),
    "cable_temperature_stop": Injection(turn=lambda world: _warm(world, "plug_temp_c", 95.0)),
    "sensor_implausible": Injection(turn=gear(enclosure_temp_c=140.0)),
    "enclosure_open": Injection(turn=gear(enclosure_open=True)),
    "tilted": Injection(turn=gear(tilted=True)),
    "water_inside": Injection(turn=gear(water_inside=True)),
    "emergency_stop": Injection(turn=knob("stop_pressed", True)),
    "board_error": Injection(turn=knob("errors", ("bit7",))),
    "board_recloses": Injection(turn=_reclose),
    "board_restarted": Injection(turn=_restart_board),
    "board_mismatch": Injection(turn=lambda w: _devices(w, "evse1", mismatch="firmware 9")),
    "unguarded_board": Injection(turn=knob("guarded", False)),
    "limit_not_obeyed": Injection(turn=knob("readback_a", 32.0)),
    "meter_lost": Injection(turn=silent("current_a", "energy_wh")),
    "meter_frozen": Injection(turn=knob("count_energy", False), wait_s=130.0),
    "meter_implausible": Injection(turn=_backwards),
    "meter_reversed": Injection(turn=_reverse),
    "meter_replaced": Injection(turn=lambda w: _devices(w, "meter1", replaced="serial 7, was 5")),
    "meter_behind_contactor": Injection(turn=lambda world: _blink(world, 4)),
    "bus_down": Injection(turn=lambda w: w.lines_down.update(("line1",))),
    "device_lost": Injection(turn=silent("pilot")),
    "bus_noisy": Injection(turn=_noise, wait_s=320.0, period_s=1.0),
    "two_devices_one_address": Injection(
        turn=lambda world: _devices(world, "evse1", doubled="two identities alternate")
    ),
    "site_overload": Injection(turn=_overload),
    "load_limit_unknown": Injection(turn=silent("site_current_a")),
    "phase_map_wrong": Injection(turn=lambda world: _astray(world, 5)),
    "uplink_down": Injection(
        turn=lambda w: said(uplink=UplinkHealth(unreachable_since_s=w.now_s))(w)
    ),
    "uplink_refused": Injection(
        turn=lambda w: said(uplink=UplinkHealth(refused_since_s=w.now_s))(w)
    ),
    "uplink_certificate": Injection(
        turn=lambda w: said(uplink=UplinkHealth(certificate_since_s=w.now_s))(w)
    ),
    "clock_unset": Injection(turn=said(clock=ClockState.UNSET)),
    "clock_jumped": Injection(turn=_jump),
    "authorization_timeout": Injection(turn=_wait_unauthorised, wait_s=130.0),
    "storage_full": Injection(turn=said(store=StoreHealth(full=True))),
    "storage_read_only": Injection(turn=said(store=StoreHealth(read_only=True))),
    "storage_worn": Injection(turn=said(store=StoreHealth(worn_share=0.95))),
    "ledger_damaged": Injection(turn=said(store=StoreHealth(damaged="not a database"))),
    "latches_lost": Injection(turn=_lose_latches),
    "configuration_invalid": Injection(turn=said(configuration_error="line 3: no such key")),
    "control_loop_late": Injection(turn=_late),
    "session_recovered": Injection(turn=_recover),
}


def _warm(world: World, name: str, to_c: float) -> None:
    """Slowly, as heat comes: a jump would be the sensor's fault."""
    at_c = 30.0
    while at_c < to_c:
        at_c = min(at_c + 8.0, to_c)
        world.gear = {**world.gear, name: at_c}
        world.step(1.0)


def _sag(world: World, ohms: float) -> None:
    """The voltage falls with the current: steps between little and much of it."""
    for number in range(16):
        amps = 15.0 if number % 2 else 6.5
        world.draw_a = (amps, amps, amps)
        volts = 235.0 - ohms * amps
        world.voltage_v = (volts, volts, volts)
        world.run(6.0, 1.0)


def _blink(world: World, times: int) -> None:
    """A meter that is fed by what the contactor switches."""
    for _ in range(times):
        world.pilot = Pilot.B
        world.run(1.0)
        world.silent = {"current_a", "energy_wh", "voltage_v", "power_w"}
        world.run(8.0)
        world.pilot = Pilot.C
        world.run(1.0)
        world.silent = set()
        world.run(8.0)


def _astray(world: World, times: int) -> None:
    """What L1 draws appears on the site's L2."""
    for number in range(2 * times):
        amps = 1.0 if number % 2 else 11.0
        world.draw_a = (amps, 1.0, 1.0)
        world.gear = {**world.gear, "site_current_a": (20.0, 20.0 + amps, 20.0)}
        world.run(10.0, 2.0)


def _park(world: World, hours: float) -> None:
    """A vehicle stays so long that the daily test cannot be made."""
    world.pilot = Pilot.B
    world.run(hours * 3600.0, 900.0)
    said(tests=())(world)
    world.pilot = Pilot.A


__all__ = ["INJECT", "TWO", "Injection", "Reset", "world_for"]
