"""The running board: the station behind its lines, one process per serial line plus one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.clock import now_s
from laddvakt_sim.faults import BOARD_KINDS, Fault
from laddvakt_sim.line_words import LineSpec
from laddvakt_sim.noise import LOOK_S, NoiseWatch
from laddvakt_sim.rig import NetSpec, Rig
from laddvakt_sim.station import Station

if TYPE_CHECKING:
    from pathlib import Path

    from laddvakt_sim.plant.words import VehicleSpec

# The plant moves when somebody looks; this keeps it from having to catch up on hours at once.
HOUSEKEEPING_S = 0.25
_SERIAL = (("line1", 9600, "8N1"), ("line2", 19200, "8E1"))


class Board(Rig):
    """Everything `laddvakt-sim board` runs except its control API."""

    def __init__(self, directory: Path, *, seed: int, tcp_port: int) -> None:
        self.station = Station(now_s=now_s(), seed=seed)
        self._noise = NoiseWatch(self._moves, self.order)
        super().__init__(
            directory,
            what="board",
            world=self.station,
            serial=[
                LineSpec(name=name, baud=baud, format=form, link=str(directory / name))
                for name, baud, form in _SERIAL
            ],
            nets=[NetSpec(name="tcp1", port=tcp_port, any_unit=True)],
            kinds=BOARD_KINDS,
        )

    def plug(self, connector: str, spec: VehicleSpec) -> None:
        """Put a vehicle on a connector."""
        self.station.plug(connector, spec, now_s())

    def unplug(self, connector: str) -> None:
        """Take the vehicle away."""
        self.station.unplug(connector, now_s())

    def change(self, connector: str, spec: VehicleSpec) -> None:
        """Change the plugged vehicle."""
        self.station.change(connector, spec, now_s())

    def afflict(self, faults: tuple[Fault, ...]) -> None:
        """Let the station have the faults of the plant."""
        self.station.afflict(faults, now_s())
        self._noise.afflict(faults)

    def live(self, at_s: float) -> float:
        """Let the plant move."""
        self.station.advance(at_s)
        self._noise.look()
        return LOOK_S if self._noise.active else HOUSEKEEPING_S

    def _moves(self, fault: Fault) -> tuple[float | None, ...]:
        contactor = self.station.connectors[fault.connector or "1"].contactor
        return contactor.due_s(), contactor.opened_at_s, contactor.closed_at_s
