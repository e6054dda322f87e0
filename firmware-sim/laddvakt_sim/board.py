"""The running board: the station behind its lines, one process per serial line plus one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from laddvakt_sim.card_reader import CardReader
from laddvakt_sim.clock import PlantClock, now_s
from laddvakt_sim.faults import BOARD_KINDS, Fault
from laddvakt_sim.line_words import LineSpec
from laddvakt_sim.noise import LOOK_S, NoiseWatch
from laddvakt_sim.rig import NetSpec, Rig
from laddvakt_sim.station import Station

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from laddvakt_sim.firmware.slave import Answer, Device
    from laddvakt_sim.plant.words import ClimateSpec, GridSpec, VehicleSpec

# The plant moves when somebody looks; this keeps it from having to catch up on hours at once.
HOUSEKEEPING_S = 0.25
_SERIAL = (("line1", 9600, "8N1"), ("line2", 19200, "8E1"))


class Board(Rig):
    """Everything `laddvakt-sim board` runs except its control API."""

    def __init__(
        self,
        directory: Path,
        *,
        seed: int,
        tcp_port: int,
        speed: float = 1.0,
        grid: GridSpec | None = None,
    ) -> None:
        self.clock = PlantClock(now_s(), speed)
        self.station = Station(now_s=self.clock.plant_s(now_s()), seed=seed, grid=grid)
        self._noise = NoiseWatch(self._moves, self.order)
        self.reader = CardReader(str(directory / "reader"))
        super().__init__(
            directory,
            what="board",
            world=FastWorld(self.station, self.clock),
            serial=[
                LineSpec(name=name, baud=baud, format=form, link=str(directory / name))
                for name, baud, form in _SERIAL
            ],
            nets=[NetSpec(name="tcp1", port=tcp_port, any_unit=True)],
            kinds=BOARD_KINDS,
        )

    async def start(self) -> None:
        """Open every line, and the card reader's port.

        Raises:
            OSError: a port is taken, or the directory cannot be written.
        """
        await super().start()
        self.reader.plug_in()

    async def stop(self) -> None:
        """Close everything; nothing is left of it."""
        self.reader.pull_out()
        await super().stop()

    def more(self) -> dict[str, object]:
        """The card reader, in the format it writes if nobody asks for another."""
        return {"reader": {"port": self.reader.link, "format": "uid-line"}}

    @property
    def speed(self) -> float:
        """How many times faster than the lines the plant lives."""
        return self.clock.speed

    def catch_up(self) -> None:
        """Let the plant live until now."""
        self.station.advance(self._plant_s())

    def plug(self, connector: str, spec: VehicleSpec) -> None:
        """Put a vehicle on a connector."""
        self.station.plug(connector, spec, self._plant_s())

    def unplug(self, connector: str, *, force: bool = False) -> None:
        """Take the vehicle away.

        Raises:
            LockedError: the plug is locked, and no force is used.
        """
        self.station.unplug(connector, self._plant_s(), force=force)

    def change(self, connector: str, spec: VehicleSpec) -> None:
        """Change the plugged vehicle."""
        self.station.change(connector, spec, self._plant_s())

    def set_grid(self, grid: GridSpec) -> None:
        """Feed the site from another grid."""
        self.station.set_grid(grid, self._plant_s())

    def set_climate(self, climate: ClimateSpec) -> None:
        """Change the weather."""
        self.station.set_climate(climate, self._plant_s())

    def afflict(self, faults: tuple[Fault, ...]) -> None:
        """Let the station have the faults of the plant."""
        self.station.afflict(tuple(map(self._in_plant, faults)), self._plant_s())
        self._noise.afflict(faults)

    def live(self, at_s: float) -> float:
        """Let the plant move."""
        self.station.advance(self.clock.plant_s(at_s))
        self._noise.look()
        return LOOK_S if self._noise.active else HOUSEKEEPING_S

    def ended(self, fault: Fault) -> bool:
        """Whether a fault of the plant has ended by itself."""
        ends_s = self._in_plant(fault).ends_s
        return ends_s is not None and ends_s <= self._plant_s()

    def _plant_s(self) -> float:
        return self.clock.plant_s(now_s())

    def _in_plant(self, fault: Fault) -> Fault:
        return replace(fault, injected_at_s=self.clock.plant_s(fault.injected_at_s))

    def _moves(self, fault: Fault) -> tuple[float | None, ...]:
        contactor = self.station.connectors[fault.connector or "1"].contactor
        moves = (contactor.due_s(), contactor.opened_at_s, contactor.closed_at_s)
        return tuple(None if at_s is None else self.clock.line_s(at_s) for at_s in moves)


class FastWorld:
    """The station as the lines see it: their time goes slower."""

    def __init__(self, station: Station, clock: PlantClock) -> None:
        self._station = station
        self._clock = clock

    @property
    def lines(self) -> Mapping[str, tuple[Device, ...]]:
        """Devices by line."""
        return self._station.lines

    def request(self, device: Device, pdu: bytes, now_s: float) -> Answer:
        """Carry out a request PDU that reached `device` at `now_s` of the line."""
        return self._station.request(device, pdu, self._clock.plant_s(now_s))
