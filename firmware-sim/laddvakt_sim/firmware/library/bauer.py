"""BAUER BSM-WS36A: a SunSpec meter that takes signed snapshots.

From the vendor's register examples. Keys and texts are fixed samples: nothing here is signed.
Assumptions: a snapshot takes two seconds; undefined registers read as not implemented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.device import BenchDevice
from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.point import parts, table
from laddvakt_sim.firmware.library.signing import OCMF, sample

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Point, Value

_POINTS = table(
    """
    holding 9C40 u32   1 sunspec_marker
    holding 9C42 u16   1 common_model
    holding 9C74 str16 1 serial
    holding 9C84 u16   1 unit_id rw
    holding 9C92 u32   1 serial_baud rw
    holding 9C9C s16   ^current_exponent current_total
    holding 9C9D s16   ^current_exponent current_l1
    holding 9C9E s16   ^current_exponent current_l2
    holding 9C9F s16   ^current_exponent current_l3
    holding 9CA2 s16   ^voltage_exponent voltage_l1
    holding 9CA3 s16   ^voltage_exponent voltage_l2
    holding 9CA4 s16   ^voltage_exponent voltage_l3
    holding 9CAA s16   ^frequency_exponent frequency
    holding 9CAC s16   ^power_exponent power_total
    holding 9CAD s16   ^power_exponent power_l1
    holding 9CAE s16   ^power_exponent power_l2
    holding 9CAF s16   ^power_exponent power_l3
    holding 9CBB s16   ^pf_exponent pf_total
    holding 9CC0 u32   ^energy_exponent energy_export_total
    holding 9CC8 u32   ^energy_exponent energy_import_total
    holding 9D05 u16   1 bsm_model
    holding 9D44 u32   1 bsm_epoch rw
    holding 9D46 s16   1 bsm_tz rw
    holding 9D4C u16   1 bsm_digital_out rw
    holding 9D57 str70 1 bsm_meta1 rw
    holding 9D9D str50 1 bsm_meta2 rw
    holding 9DCF str50 1 bsm_meta3 rw
    holding 9E03 raw48 1 bsm_public_key
    holding 9E4C u16   1 snapshot_current_status rw
    holding 9F4A u16   1 snapshot_turn_on_status rw
    holding A048 u16   1 snapshot_turn_off_status rw
    holding A146 u16   1 snapshot_start_status rw
    holding A244 u16   1 snapshot_end_status rw
    holding A343 raw124 1 ocmf_current
    holding A3BF raw124 1 ocmf_current_2
    holding A43B raw124 1 ocmf_current_3
    holding A4B7 raw124 1 ocmf_current_4
    holding A537 raw124 1 ocmf_turn_on
    holding A5B3 raw124 1 ocmf_turn_on_2
    holding A62F raw124 1 ocmf_turn_on_3
    holding A6AB raw124 1 ocmf_turn_on_4
    holding A72B raw124 1 ocmf_turn_off
    holding A7A7 raw124 1 ocmf_turn_off_2
    holding A823 raw124 1 ocmf_turn_off_3
    holding A89F raw124 1 ocmf_turn_off_4
    holding A91F raw124 1 ocmf_start
    holding A99B raw124 1 ocmf_start_2
    holding AA17 raw124 1 ocmf_start_3
    holding AA93 raw124 1 ocmf_start_4
    holding AB13 raw124 1 ocmf_end
    holding AB8F raw124 1 ocmf_end_2
    holding AC0B raw124 1 ocmf_end_3
    holding AC87 raw124 1 ocmf_end_4
    holding 9CA0 s16   1 current_exponent
    holding 9CA9 s16   1 voltage_exponent
    holding 9CAB s16   1 frequency_exponent
    holding 9CB0 s16   1 power_exponent
    holding 9CBF s16   1 pf_exponent
    holding 9CD0 s16   1 energy_exponent
    """
)

SNAPSHOT_S = 2.0
_VALID, _UPDATING = 0, 2
_SNAPSHOTS = ("current", "turn_on", "turn_off", "start", "end")


def _texts() -> dict[str, str]:
    """The signed texts, each in four parts of 124 registers."""
    found: dict[str, str] = {}
    for number, name in enumerate(_SNAPSHOTS):
        whole = parts(OCMF.replace("T7", f"T{number}"), 124, 124, 124, 124)
        found |= {f"ocmf_{name}{'' if n == 1 else f'_{n}'}": p for n, p in enumerate(whole, 1)}
    return found


class Bsm(BenchDevice):
    """Writing 2 to a snapshot's status takes it."""

    def start(self) -> None:
        """No snapshot is being taken."""
        self._ready_s: dict[str, float] = {}

    def due_s(self) -> float | None:
        """When a snapshot is ready."""
        return min(self._ready_s.values(), default=None)

    def fire(self) -> None:
        """Finish snapshots."""
        for quantity in [q for q, ready_s in self._ready_s.items() if ready_s <= self.now_s]:
            del self._ready_s[quantity]
            self.settings[quantity] = _VALID

    def accept(self, point: Point, value: Value) -> None:
        """Only 2 means something in a status."""
        status = point.quantity.startswith("snapshot_")
        if status and value != _UPDATING:
            return
        if status:
            self._ready_s[point.quantity] = self.now_s + SNAPSHOT_S
        super().accept(point, value)


MODELS = (
    Model(
        id="bauer-bsm-ws36a",
        kind="meter",
        vendor="BAUER Electronic / chargeIT",
        name="BSM-WS36A",
        points=_POINTS,
        serial=Serial(baud=19200, format="8E1"),
        unit=42,
        manners=Manners(
            spans=(Span(fc=3, first=40000, last=44290, filler=0x8000),),
            reads=frozenset({3}),
            ignores_read_only=True,
        ),
        absent={"s16": (0x8000,), "u16": (0xFFFF,), "u32": (0xFFFF, 0xFFFF)},
        told_in={"energy": 1000.0, "pf": 100.0},
        settings={
            "sunspec_marker": 0x53756E53,
            "common_model": 1,
            "serial": "BSM-0417-0022",
            "serial_baud": 19200,
            "current_exponent": -2,
            "voltage_exponent": -1,
            "frequency_exponent": -2,
            "power_exponent": 0,
            "pf_exponent": -1,
            "energy_exponent": 0,
            "bsm_model": 64900,
            "bsm_epoch": 1_795_341_600,
            "bsm_tz": 60,
            "bsm_digital_out": 1,
            "bsm_meta1": "contract 04A1B2C3",
            "bsm_meta2": "SE*LAD*E0001",
            "bsm_meta3": "tariff 7",
            "bsm_public_key": sample(48, 59),
            **{f"snapshot_{name}_status": _VALID for name in _SNAPSHOTS},
            **_texts(),
        },
        build=Bsm,
    ),
)
