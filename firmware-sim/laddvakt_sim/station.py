"""The simulated station: a charger of two connectors behind five devices. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.charger import Charger, MeterSpec, Outlet
from laddvakt_sim.firmware import charx as charx_firmware
from laddvakt_sim.firmware import sdm72 as sdm72_firmware
from laddvakt_sim.firmware.charx import Charx
from laddvakt_sim.firmware.rcmb300 import Rcmb300
from laddvakt_sim.firmware.sdm72 import Sdm72Meter
from laddvakt_sim.firmware.simpleevse import SimpleEvse
from laddvakt_sim.firmware.slave import Answer, Device, serve
from laddvakt_sim.firmware.waveshare import WaveshareRelay
from laddvakt_sim.plant.words import Supply

if TYPE_CHECKING:
    from laddvakt_sim.plant.words import ClimateSpec, GridSpec

COIL = 0  # relay output that feeds the contactor coil
MIRROR_INPUT = 0  # closed: the main contacts are closed
EMERGENCY_STOP_INPUT = 1  # closed: released

_SDM72_METER = MeterSpec(
    update_s=sdm72_firmware.UPDATE_S,
    start_wh=sdm72_firmware.START_WH,
    resolution_wh=sdm72_firmware.RESOLUTION_WH,
    serial=sdm72_firmware.SERIAL,
)
_CHARX_METER = MeterSpec(
    update_s=charx_firmware.UPDATE_S,
    start_wh=charx_firmware.START_WH,
    resolution_wh=charx_firmware.RESOLUTION_WH,
)


class Station(Charger):
    """One charger with two connectors behind the registers of five devices."""

    def __init__(
        self,
        *,
        now_s: float,
        seed: int,
        grid: GridSpec | None = None,
        climate: ClimateSpec | None = None,
    ) -> None:
        self._evse = SimpleEvse(name="evse1", unit=1)
        self._relay = WaveshareRelay(name="relay1", unit=3)
        self._rcm = Rcmb300(name="rcm1", unit=100)
        self._charx = Charx(name="charx1", unit=255, now_s=now_s)
        # The pilot board's own relay is in series: it alone opens when the vehicle leaves C.
        first = Outlet(
            board=self._evse,
            coil=lambda: self._relay.output(COIL) and self._evse.relay_closed,
            meter=_SDM72_METER,
        )
        second = Outlet(board=self._charx, coil=lambda: self._charx.coil, meter=_CHARX_METER)
        super().__init__(
            now_s=now_s,
            seed=seed,
            outlets={"1": first, "2": second},
            grid=grid,
            climate=climate,
            also=(self._relay,),
        )
        self._sdm = Sdm72Meter(name="meter1", unit=2, meter=self.connectors["1"].meter)
        self._wire()
        self.lines: dict[str, tuple[Device, ...]] = {
            "line1": (self._evse, self._sdm, self._relay),
            "line2": (self._rcm,),
            "tcp1": (self._charx,),
        }
        self.settle()

    def request(self, device: Device, pdu: bytes, now_s: float) -> Answer:
        """Carry out a request PDU that reached `device` at `now_s`."""
        self.advance(now_s)
        self._relay.tell_time(self.now_s)
        self.settle()
        answer = serve(pdu, device)
        self.settle()
        return answer

    def end(self, now_s: float) -> None:
        """Let the faults go that have ended, and tell the devices about the others."""
        super().end(now_s)
        first, second = self.connectors["1"].conditions, self.connectors["2"].conditions
        self._evse.conditions = self._sdm.conditions = first
        self._charx.conditions = second
        self._relay.flash_holds_for_ever = first.unguarded
        self._evse.restart(first.board_restarts, now_s)
        self._charx.restart(second.board_restarts, now_s)

    def _wire(self) -> None:
        first, second = self.connectors["1"], self.connectors["2"]
        self._rcm.attach(first.monitored_ma)
        self._charx.attach(second.meter, second.lock, lambda: second.monitored_ma()[0])
        self._relay.wire(
            {
                MIRROR_INPUT: lambda: first.contactor.mirror_closed,
                EMERGENCY_STOP_INPUT: lambda: not self.emergency_stop,
            },
            self._inputs_show,
        )
        self.plant.watch = self._look

    def _look(self) -> None:
        self._sdm.offered_a = self._evse.offered_a
        self._sdm.wired = self._charx.wired = 1 if self.grid.supply is Supply.ONE else 3
        self._rcm.measure()

    def _inputs_show(self, inputs: range) -> tuple[str, ...]:
        contactor = self.connectors["1"].contactor
        wrong = self.connectors["1"].conditions
        coil = self.connectors["1"].coil_commanded
        visible = {
            "emergency_stop": EMERGENCY_STOP_INPUT in inputs and self.emergency_stop,
            "contactor_welded": (wrong.welded or wrong.weld_shut)
            and contactor.mirror_closed
            and not coil,
            "contactor_did_not_close": wrong.coil_broken and not contactor.closed and coil,
            "contactor_opened_alone": wrong.drops_out and not contactor.closed and coil,
            "contactor_disputed": wrong.mirror_stuck is not None
            and wrong.mirror_stuck is not any(contactor.poles),
        }
        mirror = MIRROR_INPUT in inputs
        return tuple(
            name for name, seen in visible.items() if seen and (mirror or name == "emergency_stop")
        )
