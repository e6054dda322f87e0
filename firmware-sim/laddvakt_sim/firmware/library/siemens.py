"""Siemens PAC1600 (Lovato) and PAC2200 meters.

From public drivers. Assumptions: undefined registers of the PAC1600 read 0 except where a driver
had to split its reads, at 48/49 and between 6714 and 6727.
"""

from __future__ import annotations

from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.point import table

_PAC1600 = table(
    """
    holding 0001 u32   0.01 voltage_l1
    holding 0003 u32   0.01 voltage_l2
    holding 0005 u32   0.01 voltage_l3
    holding 0007 u32   0.0001 current_l1
    holding 0009 u32   0.0001 current_l2
    holding 000B u32   0.0001 current_l3
    holding 0013 s32   0.01 power_l1
    holding 0015 s32   0.01 power_l2
    holding 0017 s32   0.01 power_l3
    holding 0025 s32   0.0001 pf_l1
    holding 0027 s32   0.0001 pf_l2
    holding 0029 s32   0.0001 pf_l3
    holding 0031 s32   0.01 frequency
    holding 0039 s32   0.01 power_total
    holding 1A1F u32   0.001 energy_import_total
    holding 1A21 u32   0.001 energy_export_total
    holding 1A33 u32   0.001 energy_import_l1
    holding 1A47 u32   0.001 energy_import_l2
    holding 1A5B u32   0.001 energy_import_l3
    """
)
_PAC2200 = table(
    """
    holding 0001 f32   1 voltage_l1
    holding 0003 f32   1 voltage_l2
    holding 0005 f32   1 voltage_l3
    holding 000D f32   1 current_l1
    holding 000F f32   1 current_l2
    holding 0011 f32   1 current_l3
    holding 0019 f32   1 power_l1
    holding 001B f32   1 power_l2
    holding 001D f32   1 power_l3
    holding 0025 f32   1 pf_l1
    holding 0027 f32   1 pf_l2
    holding 0029 f32   1 pf_l3
    holding 0037 f32   1 frequency
    holding 003F f32   1 apparent_power_total
    holding 0041 f32   1 power_total
    holding 0043 f32   1 reactive_power_total
    holding 0045 f32   1 pf_total
    holding 0321 f64   0.001 energy_import_t1
    holding 0325 f64   0.001 energy_import_t2
    holding 0329 f64   0.001 energy_export_t1
    """
)

MODELS = (
    Model(
        id="siemens-pac1600",
        kind="meter",
        vendor="Siemens",
        name="SENTRON PAC1600",
        points=_PAC1600,
        serial=Serial(baud=9600, format="8N1", sure=False),
        manners=Manners(
            spans=(
                Span(fc=3, first=1, last=58),
                Span(fc=3, first=6687, last=6714),
                Span(fc=3, first=6727, last=6748),
            ),
            barriers=frozenset({49}),
        ),
    ),
    Model(
        id="siemens-pac2200",
        kind="meter",
        vendor="Siemens",
        name="SENTRON PAC2200",
        points=_PAC2200,
        serial=Serial(baud=19200, format="8N1", sure=False),
        tcp=True,
        manners=Manners(alike=True, spans=(Span(fc=3, first=1, last=72),)),
    ),
)
