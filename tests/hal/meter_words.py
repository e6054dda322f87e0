"""What meters say and what it means, worked out by hand from their manuals.

Per profile: quantity → the words on the wire and the value, or why there is none. A row that needs
a factor stands behind it.
"""

from __future__ import annotations

from laddvakt_hal.reading import Quality

Golden = dict[str, tuple[tuple[int, ...], float | str | Quality]]

ABSENT, IMPLAUSIBLE = Quality.ABSENT, Quality.IMPLAUSIBLE
ONES_32, ONES_64 = (0xFFFF,) * 2, (0xFFFF,) * 4

# The head all Carlo Gavazzi meters share: 32 bits, the low word first.
GAVAZZI: Golden = {
    "voltage_l1": ((0x08FC, 0x0000), 230.0),
    "voltage_l2": ((0x0905, 0x0000), 230.9),
    "voltage_l3": ((0x0000, 0x0000), 0.0),
    "current_l1": ((0x3E80, 0x0000), 16.0),
    "current_l2": ((0xC180, 0xFFFF), -16.0),
    "current_l3": ((0xFFFF, 0x7FFF), IMPLAUSIBLE),  # the display shows EEE
    "power_l1": ((0x8FC0, 0x0000), 3680.0),
    "power_total": ((0xAF45, 0x0001), 11040.5),
    "energy_import_total": ((0xE240, 0x0001), 12345.6),
}
EM300: Golden = GAVAZZI | {
    "pf_l1": ((0xFC27,), -0.985),
    "frequency": ((0x01F4,), 50.0),
    "phase_sequence": ((0xFFFF,), -1),
    "energy_export_total": ((0x0001, 0x0000), 0.1),
}
SERIAL_CG: Golden = {
    "serial": ((0x425A, 0x3531, 0x3030, 0x3432, 0x3130, 0x3037, 0x5800), "BZ5100421007X")
}
EASTRON: Golden = {
    "voltage_l1": ((0x4366, 0x3334), 230.2000122),  # the manual's own example
    "current_l1": ((0x4180, 0x0000), 16.0),
    "power_l1": ((0xC566, 0x0000), -3680.0),
    "pf_l1": ((0x3F80, 0x0000), 1.0),
    "frequency": ((0x7FC0, 0x0000), IMPLAUSIBLE),
    "energy_import_total": ((0x4640, 0xE666), 12345.599609),
    "serial": ((0x0141, 0x6529), 21062953),
    "cfg_baud": ((0x4000, 0x0000), 2.0),
}
IN_KW: Golden = {
    "voltage_l1": ((0x4366, 0x0000), 230.0),
    "current_l1": ((0x4180, 0x0000), 16.0),
    "power_total": ((0x4130, 0xA3D7), 11040.0),  # 11.04 kW
    "power_l1": ((0xC06B, 0x851F), -3680.0),
    "energy_import_total": ((0x4640, 0xE666), 12345.599609),
}

GOLDEN: dict[str, Golden] = {
    "abb-b23-b24": {
        "voltage_l1": ((0x0000, 0x08FD), 230.1),
        "voltage_l2": (ONES_32, ABSENT),
        "current_l1": ((0x0000, 0x0640), 16.0),
        "current_l2": (ONES_32, ABSENT),
        "power_total": ((0xFFFE, 0x1DC0), -1234.56),
        "power_l2": ((0x7FFF, 0xFFFF), ABSENT),
        "frequency": ((0x1386,), 49.98),
        "pf_total": ((0xFC18,), -1.0),
        "pf_l1": ((0x7FFF,), ABSENT),
        "energy_import_total": ((0x0000, 0x0000, 0x075B, 0xCD15), 1234567.89),
        "energy_export_total": (ONES_64, ABSENT),
        "serial": ((0x00BC, 0x614E), 12345678),
        "firmware": ((0x4232, 0x2E31, 0x342E, 0x3000, 0, 0, 0, 0), "B2.14.0"),
        "type_designation": ((0x4232, 0x3320), 0x42323320),
    },
    "bauer-bsm-ws36a": {
        "current_sf": ((0xFFFE,), -2),
        "current_l1": ((0x0640,), 16.0),
        "current_l2": ((0xF9C0,), -16.0),
        "current_l3": ((0x8000,), ABSENT),
        "voltage_sf": ((0xFFFF,), -1),
        "voltage_l1": ((0x0901,), 230.5),
        "power_sf": ((0x0000,), 0),
        "power_total": ((0x2B20,), 11040.0),
        "frequency_sf": ((0x000B,), IMPLAUSIBLE),  # SunSpec allows -10..10
        "frequency": ((0x1388,), IMPLAUSIBLE),
        "pf_sf": ((0x8000,), ABSENT),
        "pf_total": ((0x03E8,), ABSENT),
        "energy_sf": ((0x0001,), 1),
        "energy_import_total": ((0x0000, 0x2700), 99840.0),  # from the vendor's examples
    },
    "cg-em24-din-rtu": GAVAZZI
    | SERIAL_CG
    | {
        "frequency": ((0x01F5,), 50.1),
        "pf_total": ((0x03E8,), 1.0),
        "energy_import_partial": ((0x0001, 0x0000), 0.1),
        "identification": ((0x0047,), 71),
    },
    "cg-em24-e1-tcp": EM300 | SERIAL_CG | {"fw_version": ((0x1803,), 0x1803)},
    "cg-em300-et300": EM300 | SERIAL_CG | {"identification": ((0x0155,), 341)},
    "cg-em530-em540": EM300 | {"apparent_energy_total": ((0xE241, 0x0001), 12345.7)},
    "cg-em580-ocmf": EM300
    | {
        "energy_import_fine": ((0xD687, 0x0012, 0x0000, 0x0000), 1234567),
        "timezone_offset": ((0xFFC4,), -60),
        "ocmf_id_data": ((0x3034, 0x4131, *(0,) * 18), "04A1"),
    },
    "dzg-dvh4013": {
        "power_import_total": ((0x0001, 0xAF45), 11040.5),
        "voltage_l1": ((0x0000, 0x59E2), 230.1),
        "current_l1": ((0x0000, 0x3E80), 16.0),
        "pf_total": ((0x0000, 0x03D9), 0.985),
        "frequency": ((0x0000, 0xC350), 50.0),
        "energy_import_total": ((0xFFFF, 0xFFFF), 4294967.295),
    },
    "eastron-sdm120": EASTRON | {"meter_code": ((0x0020,), 0x20)},
    "eastron-sdm230": EASTRON | {"phase_angle": ((0xC170, 0x0000), -15.0)},
    "eastron-sdm630": EASTRON | {"meter_code": ((0x0070,), 0x70)},
    "inepro-pro380": IN_KW,
    "iskra-wm3m4c": {
        "voltage_l1": ((0xFD03, 0x82F0), 230.128),  # 230128 × 10^-3
        "voltage_l2": ((0xFD01, 0xE240), 123.456),  # WARP's example of a t5
        "current_l1": ((0xFC02, 0x7100), 16.0),  # 160000 × 10^-4
        "current_l2": ((0xFDFE, 0x1DC0), -123.456),  # WARP's example of a t6
        "power_total": ((0x0000, 0x2B20), 11040.0),
        "power_l1": ((0x0100, 0x0170), 3680.0),  # 368 × 10^1
        "energy_exp_counter1": ((0x0001,), 1),
        "energy_counter1": ((0x0012, 0xD687), 12345670.0),
        "energy_exp_counter2": ((0xFFFF,), -1),
        "energy_counter2": ((0x0000, 0x000F), 1.5),
        "model": ((0x574D, 0x334D, 0x3443, 0, 0, 0, 0, 0), "WM3M4C"),
        "utc_offset": ((0xFFC4,), -60),
    },
    "janitza-umg604": {
        "voltage_l1": ((0x4366, 0x0000), 230.0),
        "power_total": ((0x462C, 0x8000), 11040.0),
        "energy_import_total": ((0x4B3C, 0x614E), 12345.678),  # 12345678 Wh
    },
    "janitza-umg96rm": {
        "current_l1": ((0x4180, 0x0000), 16.0),
        "energy_import_total": ((0x4B3C, 0x614E), 12345.678),
        "energy_net_total": ((0xCB3C, 0x614E), -12345.678),
    },
    "orno-or-we-516-517": IN_KW,
    "phoenix-eem-350-d-mcb": GAVAZZI | {"frequency": ((0x01F4,), 50.0)},
    "phoenix-eem-ma37x": {
        "voltage_l1": ((0x0000, 0x4366), 230.0),  # the low word first
        "power_total": ((0x8000, 0x462C), 11040.0),
        "energy_import_total": ((0x614E, 0x4B3C), 12345.678),
    },
    "schneider-iem3155-iem3255": {
        "voltage_l1": ((0xFFC0, 0x0000), ABSENT),
        "current_l1": ((0x4180, 0x0000), 16.0),
        "power_total": ((0x4130, 0xA3D7), 11040.0),
        "energy_import_total": ((0x0000, 0x0000, 0x00BC, 0x614E), 12345.678),
        "energy_export_total": ((0x8000, 0, 0, 0), IMPLAUSIBLE),
    },
    "siemens-pac1600": {
        "voltage_l1": ((0x0000, 0x59E2), 230.1),
        "current_l1": ((0x0002, 0x7100), 16.0),
        "power_total": ((0xFFFE, 0x1DC0), -1234.56),
        "frequency": ((0x0000, 0x1388), 50.0),
        "energy_import_total": ((0x00BC, 0x614E), 12345.678),
    },
    "siemens-pac2200": {
        "voltage_l1": ((0x4366, 0x0000), 230.0),
        "frequency": ((0x4248, 0x0000), 50.0),
        "energy_import_t1": ((0x4167, 0x8C29, 0xC000, 0x0000), 12345.678),  # 12345678 Wh
        "energy_import_t2": ((0x7FF8, 0, 0, 0), IMPLAUSIBLE),
    },
    "sunspec-meter-20x": {
        "current_sf": ((0xFFFE,), -2),
        "current_l1": ((0x0640,), 16.0),
        "current_l3": ((0x8000,), ABSENT),
        "power_sf": ((0x0001,), 1),
        "power_total": ((0xFB50,), -12000.0),
        "voltage_sf": ((0x8000,), ABSENT),
        "voltage_l1": ((0x0901,), ABSENT),
        "energy_sf": ((0x0000,), 0),
        "energy_import_total": ((0x0000, 0x0000), 0),  # a new meter, not a missing one
        "energy_import_l1": ((0x0000, 0x0000), ABSENT),
        "events": ((0x0000, 0x0024), 0x24),
    },
    "sunspec-meter-21x": {
        "voltage_l1": ((0x4366, 0x0000), 230.0),
        "current_l3": ((0x7FC0, 0x0000), ABSENT),
        "power_total": ((0xC62C, 0x8000), -11040.0),
        "energy_import_total": ((0x4B3C, 0x614E), 12345678.0),
    },
}
