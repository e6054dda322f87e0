"""A charger made of knobs: healthy readings at each step, each of which a test may turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import DeviceHealth, Inputs, LineHealth, Pilot, Reset, Role, Sample
from laddvakt_agent.core.life.state import Power
from laddvakt_agent.core.model import ActiveFault, Effect, State
from laddvakt_agent.core.settings import Settings

START_S = 1000.0
DEVICES = (
    ("evse1", Role.BOARD, "line1"),
    ("meter1", Role.METER, "line1"),
    ("relay1", Role.CONTACTOR, "line1"),
    ("relay1", Role.EMERGENCY_STOP, "line1"),
    ("rcm1", Role.RESIDUAL_MONITOR, "line2"),
)
ONE = Settings(connector="1", max_current_a=16.0, meter_name="meter1")
TWO = Settings(  # no witness beside the meter
    connector="2",
    max_current_a=16.0,
    meter_name="meter1",
    has_feedback=False,
    has_residual_monitor=False,
)


@dataclass
class World:
    """One connector and its readings. `silent` names inputs or devices that stopped arriving."""

    settings: Settings = ONE
    now_s: float = START_S
    pilot: Pilot = Pilot.A
    authorised: bool = False
    in_service: bool = True
    guarded: bool = True
    follows: bool = True  # mirror contact and current follow the command
    mirror: bool | None = None  # set: what the mirror contact says whatever happens
    draw_a: tuple[float, float, float] = (15.5, 15.5, 15.5)
    voltage_v: tuple[float | None, float | None, float | None] = (230.0, 230.5, 231.0)
    stop_pressed: bool = False
    residual: bool = False
    errors: tuple[str, ...] = ()
    readback_a: float | None = None
    energy_wh: float = 5000.0
    count_energy: bool = True
    silent: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)  # inputs refused or implausible: no reading
    lines_down: set[str] = field(default_factory=set)
    resets: frozenset[Reset] = frozenset()
    gear: Mapping[str, object] = field(default_factory=dict)  # more readings, renewed each step
    override: Mapping[str, Any] = field(default_factory=dict)  # inputs given as they are
    effects: list[tuple[float, Effect]] = field(default_factory=list)
    inputs: Inputs = field(default_factory=Inputs)
    good: Inputs = field(default_factory=Inputs)  # each reading as it last was one
    steps: int = 0
    connector: machine.Connector = field(init=False)

    def __post_init__(self) -> None:
        self.connector = machine.initial(self.settings, (), self.now_s)

    def lose_latches(self) -> World:
        """Another run of the agent, which found no copy of its latches."""
        self.connector = machine.initial(self.settings, (), self.now_s, latches_lost=True)
        return self

    def find_session(self) -> World:
        """Another run of the agent, which found a session open and has no proof of it yet."""
        self.connector = machine.initial(self.settings, (), self.now_s, session_open=True)
        self.override = {**self.override, "session_unproved": True}
        return self

    def at(self, state: State) -> bool:
        return self.connector.life.state is state

    @property
    def power(self) -> Power:
        return self.connector.life.power

    @property
    def faults(self) -> dict[str, ActiveFault]:
        return {fault.code: fault for fault in machine.active_faults(self.connector)}

    @property
    def closed(self) -> bool:
        return machine.outputs(self.connector).closed

    def read(self) -> Inputs:
        """The readings of this moment; silent ones keep their last sample."""
        conducting = (self.closed and self.follows) or self.mirror is True
        flowing = conducting and self.pilot in (Pilot.C, Pilot.D)
        current_a = self.draw_a if flowing else (0.0, 0.0, 0.0)
        dark = self.settings.voltage_load_side and not conducting
        voltage_v = (0.0, 0.0, 0.0) if dark else self.voltage_v
        power_w = sum((v or 0.0) * abs(a) for v, a in zip(self.voltage_v, current_a, strict=True))
        values: dict[str, object] = {
            "pilot": self.pilot,
            "pwm_on": machine.outputs(self.connector).limit_a > 0.0,
            "limit_readback_a": self._readback_a(),
            "board_errors": self.errors,
            "feedback_closed": conducting if self.mirror is None else self.mirror,
            "emergency_stop": self.stop_pressed,
            "residual_dc_a": 0.008 if self.residual else 0.001,
            "residual_tripped": self.residual,
            "voltage_v": voltage_v,
            "current_a": current_a,
            "power_w": power_w,
            "energy_wh": self.energy_wh,
            **self._following(),
            **self.gear,
        }
        changes: dict[str, Any] = {  # names are those of Inputs; a wrong one raises at once
            name: Sample(value=value, taken_s=self.now_s)
            for name, value in values.items()
            if name not in self.silent
        }
        self.good = replace(
            self.good, **{n: v for n, v in changes.items() if n not in self.missing}
        )
        changes |= dict.fromkeys(self.missing)
        inputs = replace(
            self.good,
            **changes,
            devices=tuple(self._device(*row) for row in DEVICES),
            lines=tuple(
                LineHealth(name=name, up=name not in self.lines_down, reason="port missing")
                for name in ("line1", "line2")
            ),
            guarded=self.guarded,
            authorised=self.authorised,
            in_service=self.in_service,
            resets=self.resets,
        )
        return replace(inputs, **self.override)

    def step(self, after_s: float = 0.0) -> tuple[Effect, ...]:
        """One step `after_s` later; equal inputs again must change nothing.

        That is looked at whenever something happened, and at every fourth step of a quiet time.
        """
        before = self.connector
        effects = self.advance(after_s)
        self.steps += 1
        after = self.connector
        moved = after.life is not before.life or after.tracks != before.tracks or self.resets
        if effects or moved or self.steps % 4 == 0:
            again, more = machine.step(self.settings, after, self.inputs, self.now_s)
            assert again == after
            assert more == ()
        self.resets = frozenset()
        return effects

    def advance(self, after_s: float) -> tuple[Effect, ...]:
        """One step `after_s` later."""
        self.now_s += after_s
        if self.count_energy and self.inputs.power_w is not None:
            self.energy_wh += self.inputs.power_w.value * after_s / 3600.0
        self.inputs = self.read()
        self.connector, effects = machine.step(
            self.settings, self.connector, self.inputs, self.now_s
        )
        self.effects += [(self.now_s, effect) for effect in effects]
        return effects

    def run(self, seconds: float, period_s: float = 0.25) -> World:
        """Step through this long."""
        until_s = self.now_s + seconds
        while self.now_s + period_s <= until_s + 1e-9:
            self.step(period_s)
        return self

    def charge(self) -> World:
        """From anywhere early to charging for 3 s."""
        self.run(6.0)
        self.pilot, self.authorised = Pilot.B, True
        self.run(6.0)
        self.pilot = Pilot.C
        self.run(3.0)
        assert self.at(State.CHARGING), (self.connector.life, self.faults)
        return self

    def since(self, kind: type[Effect], start_s: float = 0.0) -> list[tuple[float, Effect]]:
        """The effects of one kind from `start_s` on."""
        return [(at, e) for at, e in self.effects if isinstance(e, kind) and at >= start_s]

    def _readback_a(self) -> float:
        return (
            machine.outputs(self.connector).limit_a if self.readback_a is None else self.readback_a
        )

    def _following(self) -> dict[str, object]:
        """Gear that does as it is told, where it is fitted."""
        told = machine.outputs(self.connector)
        follows = {"locked": told.locked, "phases_closed": told.phases}
        return {name: v for name, v in follows.items() if name in self.settings.fitted}

    def _device(self, name: str, role: Role, line: str) -> DeviceHealth:
        heard_s = self.now_s
        for old in self.inputs.devices:
            if old.name == name and name in self.silent and old.heard_s is not None:
                heard_s = old.heard_s
        return DeviceHealth(name=name, role=role, line=line, heard_s=heard_s)
