"""ABB B23 and B24 meters: quantities that are not installed read as a pattern of ones.

From ABB's manual 2CMC485003M0201 and public drivers. Assumption: the not-available pattern fills
every undefined register of a documented block, whatever its type, with 0xFFFF.
"""

from __future__ import annotations

from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.point import table

_POINTS = table(
    """
    holding 5B00 u32   0.1 voltage_l1
    holding 5B02 u32   0.1 voltage_l2
    holding 5B04 u32   0.1 voltage_l3
    holding 5B06 u32   0.1 voltage_l1_l2
    holding 5B08 u32   0.1 voltage_l3_l2
    holding 5B0A u32   0.1 voltage_l1_l3
    holding 5B0C u32   0.01 current_l1
    holding 5B0E u32   0.01 current_l2
    holding 5B10 u32   0.01 current_l3
    holding 5B12 u32   0.01 current_n
    holding 5B14 s32   0.01 power_total
    holding 5B16 s32   0.01 power_l1
    holding 5B18 s32   0.01 power_l2
    holding 5B1A s32   0.01 power_l3
    holding 5B1C s32   0.01 reactive_power_total
    holding 5B24 s32   0.01 apparent_power_total
    holding 5B2C u16   0.01 frequency
    holding 5B3A s16   0.001 pf_total
    holding 5B3B s16   0.001 pf_l1
    holding 5B3C s16   0.001 pf_l2
    holding 5B3D s16   0.001 pf_l3
    holding 5000 u64   0.01 energy_import_total
    holding 5004 u64   0.01 energy_export_total
    holding 5460 u64   0.01 energy_import_l1
    holding 5464 u64   0.01 energy_import_l2
    holding 5468 u64   0.01 energy_import_l3
    holding 546C u64   0.01 energy_export_l1
    holding 5470 u64   0.01 energy_export_l2
    holding 5474 u64   0.01 energy_export_l3
    holding 8900 u32   1 serial
    holding 8908 str8  1 firmware
    holding 8960 u32   1 type_designation
    """
)

_BLOCKS = ((0x5000, 0x5007), (0x5460, 0x5477), (0x5B00, 0x5B3D))

MODELS = (
    Model(
        id="abb-b23-b24",
        kind="meter",
        vendor="ABB",
        name="B23/B24",
        points=_POINTS,
        serial=Serial(baud=9600, format="8E1", sure=False),
        manners=Manners(
            spans=tuple(Span(fc=3, first=a, last=b, filler=0xFFFF) for a, b in _BLOCKS),
            reads=frozenset({3}),
        ),
        absent={
            "u16": (0xFFFF,),
            "s16": (0x7FFF,),
            "u32": (0xFFFF, 0xFFFF),
            "s32": (0x7FFF, 0xFFFF),
            "u64": (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF),
            "s64": (0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF),
        },
        settings={
            "serial": 12_345_678,
            "firmware": "B2.14.0",
            "type_designation": 0x42323320,  # "B23 "
        },
    ),
)
