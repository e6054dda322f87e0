"""The running bench: the lines and devices of a layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.bench_world import BenchWorld
from laddvakt_sim.clock import now_s
from laddvakt_sim.fault_kinds import KINDS, Choice, Kind, Target
from laddvakt_sim.firmware.library import entry, make
from laddvakt_sim.layout import LayoutError
from laddvakt_sim.line_words import LineSpec
from laddvakt_sim.noise import LOOK_S, NoiseWatch
from laddvakt_sim.plant.contactor import TRAVEL_S
from laddvakt_sim.rig import NetSpec, Rig
from laddvakt_sim.wire_kinds import wire_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from laddvakt_sim.faults import Fault
    from laddvakt_sim.firmware.library import BenchDevice
    from laddvakt_sim.layout import DevicePlan, Layout, NetPlan, Value

HOUSEKEEPING_S = 0.25


class Bench(Rig):
    """Everything `laddvakt-sim bench` runs except its control API."""

    def __init__(self, directory: Path, layout: Layout, world: BenchWorld) -> None:
        self.layout = layout
        self.world = world
        self._plans = layout.devices()
        self._noise = NoiseWatch(self._moves, self.order)
        super().__init__(
            directory,
            what="bench",
            world=world,
            serial=[
                LineSpec(
                    name=line.name,
                    baud=line.baud,
                    format=line.format,
                    echo=line.echo,
                    strict_baud=line.strict_baud,
                    link=str(directory / line.name),
                )
                for line in layout.lines
            ],
            nets=[_net(plan) for plan in layout.nets],
            kinds=bench_kinds(layout),
        )

    def set(self, name: str, values: Mapping[str, Value]) -> None:
        """Change what a device measures: all of it, or nothing.

        Raises:
            KeyError: there is no such device.
            ValueError: it has nothing of that name to set; the message says what it has.
        """
        device = self.world.devices[name]
        if unknown := sorted(set(values) - set(device.settable())):
            allowed = ", ".join(device.settable()) or "none"
            raise ValueError(f"{name}: unknown value {unknown[0]!r}: allowed are {allowed}")
        self.world.advance(now_s())
        try:
            device.set_all(values)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{name}: {error.args[0]}") from error

    def view(self, name: str) -> dict[str, object]:
        """A device as JSON: where it is, and the truth about every quantity."""
        device, plan = self.world.devices[name], self._plans[name]
        return {
            "line": self.world.line_of(name),
            "unit": device.unit,
            "model": plan.model,
            "values": {quantity: device.truth(quantity) for quantity in device.quantities()},
            "settable": device.settable(),
        }

    def more(self) -> dict[str, object]:
        """The devices."""
        return {
            "devices": {
                name: {"line": self.world.line_of(name), "model": plan.model, "unit": plan.unit}
                for name, plan in self._plans.items()
            }
        }

    def net_view(self, name: str) -> dict[str, object]:
        """How frames travel over a line over TCP."""
        return {"framing": next(p.framing for p in self.layout.nets if p.name == name)}

    def afflict(self, faults: tuple[Fault, ...]) -> None:
        """Look for relays where somebody wants noise from them."""
        self._noise.afflict(faults)

    def live(self, at_s: float) -> float:
        """Let the devices live."""
        self.world.advance(at_s)
        self._noise.look()
        return LOOK_S if self._noise.active else HOUSEKEEPING_S

    def _moves(self, fault: Fault) -> tuple[float, ...]:
        switched_s = self.world.switched_s.get(str(fault.parameters["device"]))
        return () if switched_s is None else (switched_s + TRAVEL_S,)


def furnish(layout: Layout, at_s: float) -> BenchWorld:
    """Make every device of a layout, alive from `at_s` on.

    Raises:
        LayoutError: a device cannot be like that; every mistake is named.
    """
    mistakes: list[str] = []
    lines: dict[str, tuple[BenchDevice, ...]] = {}
    for line, plans in layout.everything().items():
        made: list[BenchDevice] = []
        for plan in plans:
            try:
                made.append(_made(plan, at_s))
            except (KeyError, ValueError) as error:
                mistakes.append(f"{layout.source}: {line}, {plan.name}: {error.args[0]}")
        lines[line] = tuple(made)
    if mistakes:
        raise LayoutError("\n".join(mistakes))
    return BenchWorld(lines, at_s)


def bench_kinds(layout: Layout) -> dict[str, Kind]:
    """The faults possible on a bench: those of the wire, and silence."""
    serial = tuple(line.name for line in layout.lines)
    rtu = tuple(plan.name for plan in layout.nets if plan.framing == "rtu")
    tcp = tuple(plan.name for plan in layout.nets if plan.framing == "tcp")
    names = tuple(layout.devices())
    anywhere = Choice(values=(*serial, *rtu, *tcp), default=None, required=True)
    kinds = {
        "device_lost": _kind(
            "device_lost", device=Choice(values=names, default=None, required=True)
        ),
        "bus_down": _kind("bus_down", line=anywhere),
        "adapter_gone": _kind("adapter_gone", line=anywhere),
        "late_reply": _kind("late_reply", line=anywhere),
    }
    if serial or rtu:
        characters = Choice(values=(*serial, *rtu), default=None, required=True)
        kinds["crc_errors"] = _kind("crc_errors", line=characters)
    relays = tuple(n for n, plan in layout.devices().items() if entry(plan.model).kind == "relay")
    return kinds | wire_kinds(serial, tcp, rtu, relays=relays)


def _kind(name: str, **changed: Choice) -> Kind:
    parameters = {**KINDS[name].parameters, **changed}
    return Kind(about=KINDS[name].about, target=Target.ELSEWHERE, parameters=parameters)


def _made(plan: DevicePlan, at_s: float) -> BenchDevice:
    # Made a renewal of its registers ago, so that they show what the layout says from the start.
    born_s = at_s - entry(plan.model).update_s - 0.001
    device = make(plan.model, name=plan.name, unit=plan.unit, now_s=born_s, firmware=plan.firmware)
    if plan.turnaround_s is not None:
        device.turnaround_s = plan.turnaround_s
    if unknown := sorted(set(plan.values) - set(device.settable())):
        raise ValueError(
            f"values.{unknown[0]} cannot be set; allowed are {', '.join(device.settable())}"
        )
    for quantity, value in plan.values.items():
        device.set(quantity, value)
    device.tell_time(at_s)
    return device


def _net(plan: NetPlan) -> NetSpec:
    if plan.framing == "tcp":
        return NetSpec(name=plan.name, port=plan.port, gateway_s=plan.timeout_s)
    rtu = LineSpec(name=plan.name, baud=plan.baud, format=plan.format)
    return NetSpec(name=plan.name, port=plan.port, rtu=rtu)
