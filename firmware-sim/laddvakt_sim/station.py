"""The simulated station: two connectors, five devices, one time. Pure: the caller brings the time.

Everything with a timer says when it is due; `advance` walks from event to event, so that every
movement carries its exact time however rarely somebody looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.fault_kinds import CONNECTORS
from laddvakt_sim.faults import Fault, conditions
from laddvakt_sim.firmware import charx as charx_firmware
from laddvakt_sim.firmware import sdm72 as sdm72_firmware
from laddvakt_sim.firmware.charx import Charx
from laddvakt_sim.firmware.rcmb300 import Rcmb300
from laddvakt_sim.firmware.sdm72 import Sdm72Meter
from laddvakt_sim.firmware.simpleevse import SimpleEvse
from laddvakt_sim.firmware.slave import Answer, Device, serve
from laddvakt_sim.firmware.waveshare import WaveshareRelay
from laddvakt_sim.plant.connector import Connector, Timed
from laddvakt_sim.plant.meter import Meter

if TYPE_CHECKING:
    from laddvakt_sim.plant.words import VehicleSpec

COIL = 0  # relay output that feeds the contactor coil
MIRROR_INPUT = 0  # closed: the main contacts are closed
EMERGENCY_STOP_INPUT = 1  # closed: released

_SDM72_METER = {
    "update_s": sdm72_firmware.UPDATE_S,
    "start_wh": sdm72_firmware.START_WH,
    "resolution_wh": sdm72_firmware.RESOLUTION_WH,
}
_CHARX_METER = {
    "update_s": charx_firmware.UPDATE_S,
    "start_wh": charx_firmware.START_WH,
    "resolution_wh": charx_firmware.RESOLUTION_WH,
}


class Station:
    """One charger with two connectors."""

    def __init__(self, *, now_s: float, seed: int) -> None:
        self.now_s = now_s
        self._faults: tuple[Fault, ...] = ()
        meter1 = Meter(now_s=now_s, seed=seed, **_SDM72_METER)
        meter2 = Meter(now_s=now_s, seed=seed + 1, **_CHARX_METER)
        self._evse = SimpleEvse(name="evse1", unit=1)
        self._sdm = Sdm72Meter(name="meter1", unit=2, meter=meter1)
        self._relay = WaveshareRelay(name="relay1", unit=3)
        self._rcm = Rcmb300(name="rcm1", unit=100)
        self._charx = Charx(name="charx1", unit=255, meter=meter2, now_s=now_s)
        first = Connector(
            name="1",
            now_s=now_s,
            meter=meter1,
            board=self._evse,
            # The board's own relay is in series: it alone opens when the vehicle leaves C.
            coil=lambda: self._relay.output(COIL) and self._evse.relay_closed,
        )
        second = Connector(
            name="2", now_s=now_s, meter=meter2, board=self._charx, coil=lambda: self._charx.coil
        )
        self.connectors = {"1": first, "2": second}
        self._rcm.attach(first.residual_ma)
        self._charx.attach(lambda: second.residual_ma()[0])
        self._relay.wire(
            {
                MIRROR_INPUT: lambda: first.contactor.mirror_closed,
                EMERGENCY_STOP_INPUT: lambda: not self.emergency_stop,
            },
            self._inputs_show,
        )
        self.lines: dict[str, tuple[Device, ...]] = {
            "line1": (self._evse, self._sdm, self._relay),
            "line2": (self._rcm,),
            "tcp1": (self._charx,),
        }
        self._settle()

    @property
    def emergency_stop(self) -> bool:
        """True while the loop is open."""
        return any(fault.name == "emergency_stop" for fault in self._faults)

    def advance(self, now_s: float) -> None:
        """Let everything happen that is due until `now_s`; going back in time is ignored."""
        while True:
            due = [(at, part) for part in self._timed() if (at := part.due_s()) is not None]
            at_s = min((at for at, _ in due), default=now_s)
            if at_s > now_s or not due:
                break
            self._walk_to(max(at_s, self.now_s))
            for at, part in due:
                if at <= at_s:
                    part.fire(self.now_s)
            self._settle()
        self._walk_to(max(now_s, self.now_s))

    def request(self, device: Device, pdu: bytes, now_s: float) -> Answer:
        """Carry out a request PDU that reached `device` at `now_s`."""
        self.advance(now_s)
        self._relay.tell_time(self.now_s)
        self._settle()
        answer = serve(pdu, device)
        self._settle()
        return answer

    def plug(self, connector: str, spec: VehicleSpec, now_s: float) -> None:
        """Put a vehicle on a connector."""
        self.advance(now_s)
        self.connectors[connector].plug(spec)
        self._settle()

    def change(self, connector: str, spec: VehicleSpec, now_s: float) -> None:
        """Change the plugged vehicle; nothing happens without one."""
        self.advance(now_s)
        if (vehicle := self.connectors[connector].vehicle) is not None:
            vehicle.spec = spec
        self._settle()

    def unplug(self, connector: str, now_s: float) -> None:
        """Take the vehicle away."""
        self.advance(now_s)
        self.connectors[connector].unplug()
        self._settle()

    def afflict(self, faults: tuple[Fault, ...], now_s: float) -> None:
        """Make these the faults from `now_s` on."""
        self.advance(now_s)
        self._faults = faults
        for name in CONNECTORS:
            self.connectors[name].afflict(conditions(faults, name))
        first, second = self.connectors["1"].conditions, self.connectors["2"].conditions
        self._evse.conditions = self._sdm.conditions = first
        self._charx.conditions = second
        self._relay.flash_holds_for_ever = first.unguarded
        self._settle()

    def _walk_to(self, at_s: float) -> None:
        for connector in self.connectors.values():
            connector.integrate(at_s)
        self.now_s = at_s

    def _timed(self) -> list[Timed]:
        parts: list[Timed] = [self._relay]
        for connector in self.connectors.values():
            parts += connector.timed()
        return parts

    def _settle(self) -> None:
        for connector in self.connectors.values():
            connector.settle(self.now_s)
        self._sdm.offered_a = self._evse.offered_a
        self._rcm.measure()

    def _inputs_show(self, inputs: range) -> tuple[str, ...]:
        contactor = self.connectors["1"].contactor
        wrong = self.connectors["1"].conditions
        coil = self.connectors["1"].coil_commanded
        visible = {
            "emergency_stop": EMERGENCY_STOP_INPUT in inputs and self.emergency_stop,
            "contactor_welded": (wrong.welded or wrong.weld_shut) and contactor.closed and not coil,
            "contactor_did_not_close": wrong.coil_broken and not contactor.closed and coil,
            "contactor_opened_alone": wrong.drops_out and not contactor.closed and coil,
        }
        mirror = MIRROR_INPUT in inputs
        return tuple(
            name for name, seen in visible.items() if seen and (mirror or name == "emergency_stop")
        )
