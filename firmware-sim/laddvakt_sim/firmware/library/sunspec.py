"""SunSpec meters: a chain of models behind a marker, integers with powers of ten, or floats.

From the models 1, 201 to 204 and 211 to 214 as published by SunSpec. Assumptions: the chain starts
at 40000 unless the firmware names another base (`"50000"`, `"0"`); behind the common model stands
one meter model; its powers of ten are settings and may change at run time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from laddvakt_sim.firmware.library.device import BenchDevice
from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.point import Point, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.firmware.library.point import Value

COMMON_LENGTH = 66
INT_LENGTH = 105
FLOAT_LENGTH = 124
_MARKER = 2  # registers of "SunS"

_CHAIN = table(
    """
    holding 0000 str2  1 sunspec_marker
    holding 0002 u16   1 common_id
    holding 0003 u16   1 common_length
    holding 0004 str16 1 manufacturer
    holding 0014 str16 1 model_name
    holding 0024 str8  1 options
    holding 002C str8  1 version
    holding 0034 str16 1 serial
    holding 0044 u16   1 device_address
    """
)
_INTEGERS = table(
    """
    holding 0000 u16   1 model_id
    holding 0001 u16   1 model_length
    holding 0002 s16   ^current_exponent current_total
    holding 0003 s16   ^current_exponent current_l1
    holding 0004 s16   ^current_exponent current_l2
    holding 0005 s16   ^current_exponent current_l3
    holding 0007 s16   ^voltage_exponent voltage_ln_avg
    holding 0008 s16   ^voltage_exponent voltage_l1
    holding 0009 s16   ^voltage_exponent voltage_l2
    holding 000A s16   ^voltage_exponent voltage_l3
    holding 0010 s16   ^frequency_exponent frequency
    holding 0012 s16   ^power_exponent power_total
    holding 0013 s16   ^power_exponent power_l1
    holding 0014 s16   ^power_exponent power_l2
    holding 0015 s16   ^power_exponent power_l3
    holding 0017 s16   ^apparent_exponent apparent_power_total
    holding 001C s16   ^reactive_exponent reactive_power_total
    holding 0021 s16   ^pf_exponent pf_total
    holding 0022 s16   ^pf_exponent pf_l1
    holding 0023 s16   ^pf_exponent pf_l2
    holding 0024 s16   ^pf_exponent pf_l3
    holding 0026 acc32 ^energy_exponent energy_export_total
    holding 002E acc32 ^energy_exponent energy_import_total
    holding 0030 acc32 ^energy_exponent energy_import_l1
    holding 0032 acc32 ^energy_exponent energy_import_l2
    holding 0034 acc32 ^energy_exponent energy_import_l3
    holding 0069 u32   1 events
    holding 0006 s16   1 current_exponent
    holding 000F s16   1 voltage_exponent
    holding 0011 s16   1 frequency_exponent
    holding 0016 s16   1 power_exponent
    holding 001B s16   1 apparent_exponent
    holding 0020 s16   1 reactive_exponent
    holding 0025 s16   1 pf_exponent
    holding 0036 s16   1 energy_exponent
    """
)
_FLOATS = table(
    """
    holding 0000 u16   1 model_id
    holding 0001 u16   1 model_length
    holding 0002 f32   1 current_total
    holding 0004 f32   1 current_l1
    holding 0006 f32   1 current_l2
    holding 0008 f32   1 current_l3
    holding 000A f32   1 voltage_ln_avg
    holding 000C f32   1 voltage_l1
    holding 000E f32   1 voltage_l2
    holding 0010 f32   1 voltage_l3
    holding 0012 f32   1 voltage_ll_avg
    holding 0014 f32   1 voltage_l1_l2
    holding 0016 f32   1 voltage_l2_l3
    holding 0018 f32   1 voltage_l3_l1
    holding 001A f32   1 frequency
    holding 001C f32   1 power_total
    holding 001E f32   1 power_l1
    holding 0020 f32   1 power_l2
    holding 0022 f32   1 power_l3
    holding 0024 f32   1 apparent_power_total
    holding 0026 f32   1 apparent_power_l1
    holding 0028 f32   1 apparent_power_l2
    holding 002A f32   1 apparent_power_l3
    holding 002C f32   1 reactive_power_total
    holding 002E f32   1 reactive_power_l1
    holding 0030 f32   1 reactive_power_l2
    holding 0032 f32   1 reactive_power_l3
    holding 0034 f32   1 pf_total
    holding 0036 f32   1 pf_l1
    holding 0038 f32   1 pf_l2
    holding 003A f32   1 pf_l3
    holding 003C f32   1 energy_export_total
    holding 003E f32   1 energy_export_l1
    holding 0040 f32   1 energy_export_l2
    holding 0042 f32   1 energy_export_l3
    holding 0044 f32   1 energy_import_total
    holding 0046 f32   1 energy_import_l1
    holding 0048 f32   1 energy_import_l2
    holding 004A f32   1 energy_import_l3
    holding 007C u32   1 events
    """
)
_EXPONENTS = {
    "current_exponent": -2,
    "voltage_exponent": -1,
    "frequency_exponent": -2,
    "power_exponent": 0,
    "apparent_exponent": 0,
    "reactive_exponent": 0,
    "pf_exponent": -1,
    "energy_exponent": 0,
}
_COMMON_TEXTS: Mapping[str, Value] = {
    "sunspec_marker": "SunS",
    "common_id": 1,
    "common_length": COMMON_LENGTH,
    "manufacturer": "Simulated",
    "model_name": "Meter",
    "options": "none",
    "version": "1.0",
    "serial": "SUN-0417-22",
    "device_address": 1,
    "end_id": 0xFFFF,
    "end_length": 0,
}
_ABSENT = {
    "s16": (0x8000,),
    "u16": (0xFFFF,),
    "u32": (0xFFFF, 0xFFFF),
    "acc32": (0, 0),
    "f32": (0x7FC0, 0x0000),
}


class SunSpec(BenchDevice):
    """The whole chain: marker, common model, meter model, end."""

    @staticmethod
    def layout(model: Model, unit: int, firmware: str) -> tuple[Point, ...]:
        """Every point at its place behind the base."""
        del unit
        base = int(firmware)
        meter = base + _MARKER + 2 + COMMON_LENGTH
        end = meter + 2 + int(model.settings["model_length"])
        if not 0 <= base <= end <= 0xFFFE:
            raise ValueError(f"no chain fits behind {base}")
        ends = table(f"holding {end:04X} u16 1 end_id\nholding {end + 1:04X} u16 1 end_length")
        return (
            *(replace(point, addr=base + point.addr) for point in _CHAIN),
            *(replace(point, addr=meter + point.addr) for point in model.points),
            *ends,
        )

    @staticmethod
    def manners(model: Model, firmware: str) -> Manners:
        """Undefined registers of the chain read as not implemented."""
        length = _MARKER + 2 + COMMON_LENGTH + 2 + int(model.settings["model_length"]) + 2
        base = int(firmware)
        span = Span(fc=3, first=base, last=base + length - 1, filler=0x8000)
        return replace(model.manners, spans=(span,))


MODELS = (
    Model(
        id="sunspec-meter-20x",
        kind="meter",
        vendor="SunSpec",
        name="models 201 to 204 (integers)",
        points=_INTEGERS,
        serial=Serial(baud=9600, format="8N1"),
        tcp=True,
        manners=Manners(reads=frozenset({3})),
        absent=_ABSENT,
        told_in={"energy": 1000.0, "pf": 100.0},
        settings={
            **_COMMON_TEXTS,
            **_EXPONENTS,
            "model_id": 203,
            "model_length": INT_LENGTH,
            "events": 0x00000104,
        },
        firmware="40000",
        build=SunSpec,
    ),
    Model(
        id="sunspec-meter-21x",
        kind="meter",
        vendor="SunSpec",
        name="models 211 to 214 (floats)",
        points=_FLOATS,
        serial=Serial(baud=9600, format="8N1"),
        tcp=True,
        manners=Manners(reads=frozenset({3})),
        absent=_ABSENT,
        told_in={"energy": 1000.0},
        settings={
            **_COMMON_TEXTS,
            "model_id": 213,
            "model_length": FLOAT_LENGTH,
            "events": 0x00000208,
        },
        firmware="40000",
        build=SunSpec,
    ),
)
