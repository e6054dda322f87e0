"""Schneider iEM3155/iEM3255: kilowatts as floats, energy as 64-bit watt hours.

From the manual DOCA0005EN and public drivers. Assumption: undefined registers between 2999 and
3058 read 0, others are refused.
"""

from __future__ import annotations

from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.point import table

_POINTS = table(
    """
    holding 0BB7 f32   1 current_l1
    holding 0BB9 f32   1 current_l2
    holding 0BBB f32   1 current_l3
    holding 0BC1 f32   1 current_avg
    holding 0BD3 f32   1 voltage_l1
    holding 0BD5 f32   1 voltage_l2
    holding 0BD7 f32   1 voltage_l3
    holding 0BED f32   1000 power_l1
    holding 0BEF f32   1000 power_l2
    holding 0BF1 f32   1000 power_l3
    holding 0BF3 f32   1000 power_total
    holding 0BFB f32   1000 reactive_power_total
    holding 0C03 f32   1000 apparent_power_total
    holding 0C0B f32   1 pf_total
    holding 0C25 f32   1 frequency
    holding 0C83 s64   0.001 energy_import_total
    holding 0C87 s64   0.001 energy_export_total
    holding 0DBD s64   0.001 energy_import_l1
    holding 0DC1 s64   0.001 energy_import_l2
    holding 0DC5 s64   0.001 energy_import_l3
    holding B02B f32   0.001 energy_import_total_f32
    holding B02D f32   0.001 energy_export_total_f32
    holding 0081 u32   1 serial
    """
)

MODELS = (
    Model(
        id="schneider-iem3155-iem3255",
        kind="meter",
        vendor="Schneider Electric",
        name="iEM3155/iEM3255",
        points=_POINTS,
        serial=Serial(baud=19200, format="8E1", sure=False),
        manners=Manners(
            spans=(Span(fc=3, first=2999, last=3058),),
            reads=frozenset({3}),
            writes=frozenset({16}),
        ),
        settings={"serial": 3_155_022},
    ),
)
