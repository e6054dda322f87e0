"""Lines, their devices and the faults on them: what a board and a bench have in common."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_sim.clock import now_s
from laddvakt_sim.faults import Fault, parse
from laddvakt_sim.line_host import LineHost
from laddvakt_sim.line_words import LineSpec, Message
from laddvakt_sim.rtu_tcp import RtuTcpLine
from laddvakt_sim.tcp import TcpLine
from laddvakt_sim.trace import Trace
from laddvakt_sim.wire import Wire, WireSpec, World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from laddvakt_sim.fault_kinds import Kind
    from laddvakt_sim.wire_faults import Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class NetSpec:
    """A line reached over TCP; with `rtu` it carries RTU characters of that line."""

    name: str
    port: int = 0  # 0: any free one
    rtu: LineSpec | None = None
    any_unit: bool = False
    gateway_s: float | None = None  # how long a gateway waits for a device


class Rig(ABC):
    """Every line with its faults and the trace; `world` has the devices."""

    def __init__(
        self,
        directory: Path,
        *,
        what: str,
        world: World,
        serial: Sequence[LineSpec],
        nets: Sequence[NetSpec],
        kinds: Mapping[str, Kind],
    ) -> None:
        self.directory = directory
        self.what = what  # the name of the file that announces it
        self.kinds = kinds
        self.lines = (*(spec.name for spec in serial), *(spec.name for spec in nets))
        self.trace = Trace(self.lines)
        self.failed = asyncio.Event()  # a line process died
        self.dead_line = ""
        self._faults: dict[tuple[str, str | None, str], Fault] = {}
        specs = [*map(_serial_wire, serial), *map(_net_wire, nets)]
        self._wires = {spec.name: Wire(spec, world) for spec in specs}
        self._hosts = {spec.name: self._host(spec) for spec in serial}
        self._nets = {spec.name: self._net(spec) for spec in nets}
        self._ports = {spec.name: spec.port for spec in nets}
        self._keeper: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._woken = asyncio.Event()

    async def start(self) -> None:
        """Open every line.

        Raises:
            OSError: a port is taken, or the directory cannot be written.
        """
        await asyncio.gather(*(host.start() for host in self._hosts.values()))
        for name, net in self._nets.items():
            await net.start(self._ports[name])
        self._keeper = asyncio.create_task(self._keep_house())

    async def stop(self) -> None:
        """Close every line; their processes and symlinks are gone afterwards."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        for net in self._nets.values():
            await net.stop()
        await asyncio.gather(*(host.stop() for host in self._hosts.values()))
        (self.directory / f"{self.what}.json").unlink(missing_ok=True)

    def announce(self, control_url: str) -> None:
        """Write the announcing file atomically: from now on everything answers."""
        content = {
            "control_url": control_url,
            "lines": {name: _serial_view(host.spec) for name, host in self._hosts.items()},
            "tcp": {
                name: {"host": "127.0.0.1", "port": net.port} | self.net_view(name)
                for name, net in self._nets.items()
            },
            "pids": [os.getpid(), *(host.pid for host in self._hosts.values())],
            **self.more(),
        }
        fresh = self.directory / f"{self.what}.json.{os.getpid()}"
        fresh.write_text(json.dumps(content, indent=2) + "\n")
        fresh.replace(self.directory / f"{self.what}.json")

    def more(self) -> dict[str, object]:
        """What else the announcing file tells."""
        return {}

    def net_view(self, name: str) -> dict[str, object]:
        """What else the announcing file tells about a line over TCP."""
        del name
        return {}

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is injected now; a fault that cannot happen any more is gone."""
        self._forget_spent()
        return tuple(self._faults.values())

    def struck(self, fault: Fault) -> Trigger | None:
        """How often a fault of the wire has struck; None for the other ones."""
        found = (wire.faults.trigger(fault) for wire in self._wires.values())
        return next((trigger for trigger in found if trigger is not None), None)

    async def inject(self, body: Mapping[str, object]) -> Fault:
        """Inject what the JSON says.

        Raises:
            FaultError: it does not exist or cannot be like that.
        """
        async with self._changing:
            fault = parse(body, now_s(), self.kinds)
            self._forget_spent()
            self._faults[fault.key] = fault
            await self._afflict()
        return fault

    async def clear(
        self, name: str | None = None, connector: str | None = None, line: str | None = None
    ) -> int:
        """Clear faults by name, connector and line, all without; return how many there were."""
        async with self._changing:
            chosen = [
                fault.key
                for fault in self.faults
                if name in (None, fault.name)
                and connector in (None, fault.connector)
                and line in (None, fault.parameters.get("line"))
            ]
            for key in chosen:
                del self._faults[key]
            await self._afflict()
        return len(chosen)

    @abstractmethod
    def afflict(self, faults: tuple[Fault, ...]) -> None:
        """Tell what is behind the lines which faults there are."""

    def ended(self, fault: Fault) -> bool:
        """Whether what is behind the lines has let go of a fault by itself."""
        del fault
        return False

    @abstractmethod
    def live(self, at_s: float) -> float:
        """Let what is behind the lines live until `at_s`; return after how long it wants it again.

        Without it a world nobody asks anything would have to catch up on hours at once.
        """

    def order(self, line: str, message: Message) -> None:
        """Send an order to a line that carries RTU characters."""
        found = self._hosts.get(line) or self._nets[line]
        if not isinstance(found, TcpLine):
            found.order(message)

    def _host(self, spec: LineSpec) -> LineHost:
        return LineHost(spec, self._wires[spec.name], self.trace, self._line_died)

    def _net(self, spec: NetSpec) -> TcpLine | RtuTcpLine:
        wire = self._wires[spec.name]
        if spec.rtu is None:
            return TcpLine(wire, self.trace)
        return RtuTcpLine(spec.rtu, wire, self.trace)

    def _forget_spent(self) -> None:
        for key, fault in tuple(self._faults.items()):
            if self.ended(fault) or any(wire.spent(fault) for wire in self._wires.values()):
                del self._faults[key]

    async def _afflict(self) -> None:
        faults = tuple(self._faults.values())
        self.afflict(faults)
        for name, wire in self._wires.items():
            wire.afflict(faults)
            line = self._hosts.get(name) or self._nets[name]
            await line.set_gone(gone=wire.gone)
            self.order(name, line_state(name, faults))
        self._woken.set()  # some faults want the world to be looked at more often

    async def _keep_house(self) -> None:
        while True:
            wait_s = self.live(now_s())
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), wait_s)

    def _line_died(self, name: str) -> None:
        self.dead_line = name
        self.failed.set()


def line_state(line: str, faults: tuple[Fault, ...]) -> Message:
    """The order that tells a line whether its cable is open and whether a device babbles."""
    mine = [fault for fault in faults if fault.parameters.get("line") == line]
    cut = any(f.name == "wire_unplugged" and f.number("unit") is None for f in mine)
    talks = next((f.parameters for f in mine if f.name == "wire_babble"), None)
    babble = None if talks is None else {key: talks[key] for key in ("duty", "chars", "seed")}
    return {"k": "st", "unplugged": cut, "babble": babble}


def _serial_view(spec: LineSpec) -> dict[str, object]:
    view: dict[str, object] = {"port": spec.link, "baud": spec.baud, "format": spec.format}
    return view | {"echo": True} if spec.echo else view


def _serial_wire(spec: LineSpec) -> WireSpec:
    return WireSpec(name=spec.name, baud=spec.baud, form=spec.format, char_s=spec.char_s)


def _net_wire(spec: NetSpec) -> WireSpec:
    line = spec.rtu
    return WireSpec(
        name=spec.name,
        rtu=line is not None,
        baud=None if line is None else line.baud or None,
        form="8N1" if line is None else line.format,
        char_s=0.0 if line is None else line.char_s,
        any_unit=spec.any_unit,
        gateway_s=spec.gateway_s,
    )
