"""The running board: station, lines and faults held together in one process per line plus one."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

from laddvakt_sim.clock import now_s
from laddvakt_sim.fault_kinds import LINES
from laddvakt_sim.faults import Fault, parse
from laddvakt_sim.line import LineSpec
from laddvakt_sim.line_host import LineHost
from laddvakt_sim.station import Station
from laddvakt_sim.tcp import TcpLine
from laddvakt_sim.trace import Trace
from laddvakt_sim.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from laddvakt_sim.plant.words import VehicleSpec

# The plant moves when somebody looks; this keeps it from having to catch up on hours at once.
HOUSEKEEPING_S = 0.25
_SERIAL = (("line1", 9600, "8N1"), ("line2", 19200, "8E1"))


class Board:
    """Everything `laddvakt-sim board` runs except its control API."""

    def __init__(self, directory: Path, *, seed: int) -> None:
        self.directory = directory
        self.station = Station(now_s=now_s(), seed=seed)
        self.trace = Trace(LINES)
        self.failed = asyncio.Event()  # a line process died
        self.dead_line = ""
        self._faults: dict[tuple[str, str | None, str], Fault] = {}
        self._wires = {name: Wire(name, self.station) for name in LINES}
        self._hosts = {
            name: LineHost(
                LineSpec(name, baud, form, str(directory / name)),
                self._wires[name],
                self.trace,
                self._line_died,
            )
            for name, baud, form in _SERIAL
        }
        self._tcp = TcpLine(self._wires["tcp1"], self.trace)
        self._keeper: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    async def start(self, tcp_port: int) -> None:
        """Open every line."""
        await asyncio.gather(*(host.start() for host in self._hosts.values()))
        await self._tcp.start(tcp_port)
        self._keeper = asyncio.create_task(self._keep_house())

    async def stop(self) -> None:
        """Close every line; their processes and symlinks are gone afterwards."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._tcp.stop()
        await asyncio.gather(*(host.stop() for host in self._hosts.values()))
        (self.directory / "board.json").unlink(missing_ok=True)

    def announce(self, control_url: str) -> None:
        """Write board.json atomically: from now on everything answers."""
        lines = {
            name: {"port": host.spec.link, "baud": host.spec.baud, "format": host.spec.format}
            for name, host in self._hosts.items()
        }
        content = {
            "control_url": control_url,
            "lines": lines,
            "tcp": {"tcp1": {"host": "127.0.0.1", "port": self._tcp.port}},
            "pids": [os.getpid(), *(host.pid for host in self._hosts.values())],
        }
        fresh = self.directory / f"board.json.{os.getpid()}"
        fresh.write_text(json.dumps(content, indent=2) + "\n")
        fresh.replace(self.directory / "board.json")

    def plug(self, connector: str, spec: VehicleSpec) -> None:
        """Put a vehicle on a connector."""
        self.station.plug(connector, spec, now_s())

    def unplug(self, connector: str) -> None:
        """Take the vehicle away."""
        self.station.unplug(connector, now_s())

    def change(self, connector: str, spec: VehicleSpec) -> None:
        """Change the plugged vehicle."""
        self.station.change(connector, spec, now_s())

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is injected now; a one-time fault that has happened is gone."""
        self._forget_spent()
        return tuple(self._faults.values())

    async def inject(self, body: Mapping[str, object]) -> Fault:
        """Inject what the JSON says.

        Raises:
            FaultError: it does not exist or cannot be like that.
        """
        async with self._changing:
            fault = parse(body, now_s())
            self._forget_spent()
            self._faults[fault.key] = fault
            await self._afflict()
        return fault

    async def clear(self, name: str | None = None, connector: str | None = None) -> int:
        """Clear faults by name and connector, all without; return how many there were."""
        async with self._changing:
            chosen = [
                fault.key
                for fault in self.faults
                if name in (None, fault.name) and connector in (None, fault.connector)
            ]
            for key in chosen:
                del self._faults[key]
            await self._afflict()
        return len(chosen)

    def _forget_spent(self) -> None:
        for key, fault in tuple(self._faults.items()):
            if any(wire.spent(fault) for wire in self._wires.values()):
                del self._faults[key]

    async def _afflict(self) -> None:
        faults = tuple(self._faults.values())
        self.station.afflict(faults, now_s())
        for name, wire in self._wires.items():
            wire.afflict(faults)
            if name in self._hosts:
                await self._hosts[name].set_gone(gone=wire.gone)
            else:
                await self._tcp.set_gone(gone=wire.gone)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            self.station.advance(now_s())

    def _line_died(self, name: str) -> None:
        self.dead_line = name
        self.failed.set()
