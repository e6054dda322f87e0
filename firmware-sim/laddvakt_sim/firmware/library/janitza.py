"""Janitza UMG 96RM and UMG 604: float32 throughout, energy in watt hours.

From the vendor's address lists.
"""

from __future__ import annotations

from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.point import table

_UMG96RM = table(
    """
    holding 4A38 f32   1 voltage_l1
    holding 4A3A f32   1 voltage_l2
    holding 4A3C f32   1 voltage_l3
    holding 4A44 f32   1 current_l1
    holding 4A46 f32   1 current_l2
    holding 4A48 f32   1 current_l3
    holding 4A4C f32   1 power_l1
    holding 4A4E f32   1 power_l2
    holding 4A50 f32   1 power_l3
    holding 4A52 f32   1 power_total
    holding 4A5A f32   1 apparent_power_total
    holding 4A62 f32   1 reactive_power_total
    holding 4A64 f32   1 cosphi_l1
    holding 4A66 f32   1 cosphi_l2
    holding 4A68 f32   1 cosphi_l3
    holding 4A6A f32   1 frequency
    holding 4A74 f32   0.001 energy_net_total
    holding 4A76 f32   0.001 energy_import_l1
    holding 4A78 f32   0.001 energy_import_l2
    holding 4A7A f32   0.001 energy_import_l3
    holding 4A7C f32   0.001 energy_import_total
    holding 4A84 f32   0.001 energy_export_total
    """
)
_UMG604 = table(
    """
    holding 0525 f32   1 voltage_l1
    holding 0527 f32   1 voltage_l2
    holding 0529 f32   1 voltage_l3
    holding 052D f32   1 current_l1
    holding 052F f32   1 current_l2
    holding 0531 f32   1 current_l3
    holding 0535 f32   1 power_l1
    holding 0537 f32   1 power_l2
    holding 0539 f32   1 power_l3
    holding 0559 f32   1 power_total
    holding 055B f32   1 reactive_power_total
    holding 059F f32   1 frequency
    holding 267B f32   0.001 energy_import_total
    holding 2687 f32   0.001 energy_export_total
    """
)

MODELS = (
    Model(
        id="janitza-umg96rm",
        kind="meter",
        vendor="Janitza",
        name="UMG 96RM/96RM-E",
        points=_UMG96RM,
        serial=Serial(baud=9600, format="8N1"),
        tcp=True,
        manners=Manners(max_read=120, alike=True, spans=(Span(fc=3, first=19000, last=19121),)),
    ),
    Model(
        id="janitza-umg604",
        kind="meter",
        vendor="Janitza",
        name="UMG 604",
        points=_UMG604,
        serial=Serial(baud=115200, format="8N1"),
        tcp=True,
        manners=Manners(spans=(Span(fc=3, first=1317, last=1372),)),
        update_s=0.2,
    ),
)
