"""Meters with a map of their own and nothing else: Inepro, ORNO, DZG, Phoenix Contact EEM-MA37x.

From public drivers. Assumption: a DZG meter whose serial number ends in 23 answers at 0x24.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.device import BenchDevice
from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.point import table

if TYPE_CHECKING:
    from laddvakt_sim.firmware.library.point import Value

_PRO380 = table(
    """
    holding 5000 f32   1 voltage_avg
    holding 5002 f32   1 voltage_l1
    holding 5004 f32   1 voltage_l2
    holding 5006 f32   1 voltage_l3
    holding 5008 f32   1 frequency
    holding 500A f32   1 current_avg
    holding 500C f32   1 current_l1
    holding 500E f32   1 current_l2
    holding 5010 f32   1 current_l3
    holding 5012 f32   1000 power_total
    holding 5014 f32   1000 power_l1
    holding 5016 f32   1000 power_l2
    holding 5018 f32   1000 power_l3
    holding 501A f32   1000 reactive_power_total
    holding 5022 f32   1000 apparent_power_total
    holding 502A f32   1 pf_total
    holding 502C f32   1 pf_l1
    holding 502E f32   1 pf_l2
    holding 5030 f32   1 pf_l3
    holding 6000 f32   1 energy_sum_total
    holding 600C f32   1 energy_import_total
    holding 6012 f32   1 energy_import_l1
    holding 6014 f32   1 energy_import_l2
    holding 6016 f32   1 energy_import_l3
    holding 6018 f32   1 energy_export_total
    holding 601E f32   1 energy_export_l1
    holding 6020 f32   1 energy_export_l2
    holding 6022 f32   1 energy_export_l3
    """
)
_ORNO = table(
    """
    holding 000E f32   1 voltage_l1
    holding 0010 f32   1 voltage_l2
    holding 0012 f32   1 voltage_l3
    holding 0014 f32   1 frequency
    holding 0016 f32   1 current_l1
    holding 0018 f32   1 current_l2
    holding 001A f32   1 current_l3
    holding 001C f32   1000 power_total
    holding 001E f32   1000 power_l1
    holding 0020 f32   1000 power_l2
    holding 0022 f32   1000 power_l3
    holding 0024 f32   1000 reactive_power_total
    holding 002C f32   1000 apparent_power_total
    holding 0034 f32   1 pf_total
    holding 0036 f32   1 pf_l1
    holding 0038 f32   1 pf_l2
    holding 003A f32   1 pf_l3
    holding 0100 f32   1 energy_sum_total
    holding 0108 f32   1 energy_import_total
    holding 010A f32   1 energy_import_l1
    holding 010C f32   1 energy_import_l2
    holding 010E f32   1 energy_import_l3
    holding 0110 f32   1 energy_export_total
    """
)
_DVH4013 = table(
    """
    holding 0000 u32   0.1 power_import_total
    holding 0002 u32   0.1 power_export_total
    holding 0004 u32   0.01 voltage_l1
    holding 0006 u32   0.01 voltage_l2
    holding 0008 u32   0.01 voltage_l3
    holding 000A u32   0.001 current_l1
    holding 000C u32   0.001 current_l2
    holding 000E u32   0.001 current_l3
    holding 0010 u32   0.001 pf_total
    holding 0012 u32   0.001 frequency
    holding 4000 u32   0.001 energy_import_total
    holding 4020 u32   0.001 energy_import_l1
    holding 4040 u32   0.001 energy_import_l2
    holding 4060 u32   0.001 energy_import_l3
    holding 4100 u32   0.001 energy_export_total
    """
)
_EEM_MA37X = table(
    """
    holding 8006 f32   1 voltage_l1
    holding 8008 f32   1 voltage_l2
    holding 800A f32   1 voltage_l3
    holding 800C f32   1 frequency
    holding 800E f32   1 current_l1
    holding 8010 f32   1 current_l2
    holding 8012 f32   1 current_l3
    holding 8016 f32   1 power_total
    holding 801E f32   1 power_l1
    holding 8020 f32   1 power_l2
    holding 8022 f32   1 power_l3
    holding 8100 f32   0.001 energy_import_total
    holding 8106 f32   0.001 energy_export_total
    """
)


class Dvh4013(BenchDevice):
    """Everything unsigned: the direction is in which of two powers is not 0."""

    def special(self, quantity: str) -> Value | None:
        """The power factor without its sign."""
        return abs(self.measured("pf_total")) if quantity == "pf_total" else None


MODELS = (
    Model(
        id="inepro-pro380",
        kind="meter",
        vendor="Inepro Metering",
        name="PRO380-Mod",
        points=_PRO380,
        serial=Serial(baud=9600, format="8E1", sure=False),
        manners=Manners(
            spans=(Span(fc=3, first=0x5000, last=0x5031), Span(fc=3, first=0x6000, last=0x6047))
        ),
        energy_step_kwh=0.01,
    ),
    Model(
        id="orno-or-we-516-517",
        kind="meter",
        vendor="ORNO",
        name="OR-WE-516/OR-WE-517",
        points=_ORNO,
        serial=Serial(baud=9600, format="8E1"),
        manners=Manners(
            spans=(Span(fc=3, first=0x000E, last=0x003B), Span(fc=3, first=0x0100, last=0x0147))
        ),
        energy_step_kwh=0.01,
    ),
    Model(
        id="dzg-dvh4013",
        kind="meter",
        vendor="DZG Metering",
        name="DVH4013",
        points=_DVH4013,
        serial=Serial(baud=9600, format="8E1"),
        unit=0x24,
        build=Dvh4013,
    ),
    Model(
        id="phoenix-eem-ma37x",
        kind="meter",
        vendor="Phoenix Contact",
        name="EEM-MA370/MA371/MB370/MB371",
        points=_EEM_MA37X,
        tcp=True,
        order="little",
        manners=Manners(
            spans=(Span(fc=3, first=0x8006, last=0x803E), Span(fc=3, first=0x8100, last=0x8107))
        ),
    ),
)
