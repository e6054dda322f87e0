"""Eastron SDM meters: float32 everywhere, most significant word first.

From the vendor's protocol descriptions. Assumptions: energies move in steps of 0.001 kWh; meter
codes of SDM120 and SDM230; a read over more registers than the limit is refused with exception 3.
"""

from __future__ import annotations

from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.physics import ONE_PHASE
from laddvakt_sim.firmware.library.point import table

_THREE_PHASES = table(
    """
    input   0000 f32   1 voltage_l1
    input   0002 f32   1 voltage_l2
    input   0004 f32   1 voltage_l3
    input   0006 f32   1 current_l1
    input   0008 f32   1 current_l2
    input   000A f32   1 current_l3
    input   000C f32   1 power_l1
    input   000E f32   1 power_l2
    input   0010 f32   1 power_l3
    input   0012 f32   1 apparent_power_l1
    input   0014 f32   1 apparent_power_l2
    input   0016 f32   1 apparent_power_l3
    input   0018 f32   1 reactive_power_l1
    input   001A f32   1 reactive_power_l2
    input   001C f32   1 reactive_power_l3
    input   001E f32   1 pf_l1
    input   0020 f32   1 pf_l2
    input   0022 f32   1 pf_l3
    input   0034 f32   1 power_total
    input   0038 f32   1 apparent_power_total
    input   003C f32   1 reactive_power_total
    input   003E f32   1 pf_total
    input   0046 f32   1 frequency
    input   0048 f32   1 energy_import_total
    input   004A f32   1 energy_export_total
    input   0156 f32   1 energy_sum_total
    input   00E0 f32   1 neutral_current
    holding 0012 f32   1 cfg_parity_stop rw
    holding 0014 f32   1 cfg_unit_id rw
    holding 001C f32   1 cfg_baud rw
    holding FC02 u16   1 meter_code
    holding FC00 u32   1 serial
    """
)
_SDM630 = table(
    """
    input   015A f32   1 energy_import_l1
    input   015C f32   1 energy_import_l2
    input   015E f32   1 energy_import_l3
    input   0160 f32   1 energy_export_l1
    input   0162 f32   1 energy_export_l2
    input   0164 f32   1 energy_export_l3
    """
)
_SDM72 = table(
    """
    input   0180 f32   1 energy_resettable_total
    input   0184 f32   1 energy_resettable_import
    input   0186 f32   1 energy_resettable_export
    input   018C f32   1 energy_net_total
    input   0500 f32   1 power_import_total
    input   0502 f32   1 power_export_total
    """
)
_ONE_PHASE = table(
    """
    input   0000 f32   1 voltage_l1
    input   0006 f32   1 current_l1
    input   000C f32   1 power_l1
    input   0012 f32   1 apparent_power_l1
    input   0018 f32   1 reactive_power_l1
    input   001E f32   1 pf_l1
    input   0046 f32   1 frequency
    input   0048 f32   1 energy_import_total
    input   004A f32   1 energy_export_total
    input   004C f32   1 reactive_energy_import
    input   004E f32   1 reactive_energy_export
    input   0156 f32   1 energy_sum_total
    holding 0012 f32   1 cfg_parity_stop rw
    holding 0014 f32   1 cfg_unit_id rw
    holding 001C f32   1 cfg_baud rw
    holding FC02 u16   1 meter_code
    holding FC00 u32   1 serial
    """
)
_SDM230 = table(
    """
    input   0024 f32   1 phase_angle
    """
)

_IDENTITY = range(0xFC00, 0xFC03)
_MEASURED = Span(fc=4, first=0, last=125)
_SETTINGS = Span(fc=3, first=0, last=59)


def _manners(max_read: int, *more: Span) -> Manners:
    return Manners(
        max_read=max_read, even=True, even_free=_IDENTITY, spans=(_MEASURED, _SETTINGS, *more)
    )


def _settings(code: int, serial: int, baud: int) -> dict[str, float]:
    return {
        "cfg_parity_stop": 0.0,
        "cfg_unit_id": 1.0,
        "cfg_baud": float(baud),
        "meter_code": code,
        "serial": serial,
    }


MODELS = (
    Model(
        id="eastron-sdm630",
        kind="meter",
        vendor="Eastron",
        name="SDM630-Modbus V2",
        points=_THREE_PHASES + _SDM630,
        serial=Serial(baud=9600, format="8N1"),
        manners=_manners(80),
        energy_step_kwh=0.001,
        settings=_settings(0x0070, 21_063_017, 2),
    ),
    Model(
        id="eastron-sdm72d-m-v2",
        kind="meter",
        vendor="Eastron",
        name="SDM72D-M-v2",
        points=_THREE_PHASES + _SDM72,
        serial=Serial(baud=9600, format="8N1"),
        manners=_manners(60, Span(fc=4, first=342, last=397)),
        update_s=0.5,
        energy_step_kwh=0.001,
        settings=_settings(0x0089, 23_071_972, 2),
    ),
    Model(
        id="eastron-sdm120",
        kind="meter",
        vendor="Eastron",
        name="SDM120-Modbus",
        points=_ONE_PHASE,
        physics=ONE_PHASE,
        serial=Serial(baud=2400, format="8N1"),
        manners=_manners(80),
        energy_step_kwh=0.001,
        settings=_settings(0x0020, 19_120_341, 0),
        loses_first_after_change=True,
    ),
    Model(
        id="eastron-sdm230",
        kind="meter",
        vendor="Eastron",
        name="SDM230-Modbus",
        points=_ONE_PHASE + _SDM230,
        physics=ONE_PHASE,
        serial=Serial(baud=9600, format="8N1"),
        manners=_manners(60),
        energy_step_kwh=0.001,
        settings=_settings(0x002B, 20_230_518, 2),
    ),
)
