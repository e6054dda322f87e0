"""Carlo Gavazzi EM300, EM530 and EM24 meters and Phoenix Contact's EEM-350: the low word first.

From the vendor's protocol for the EM/ET300 series and public drivers. Address 0x000B alone, as one
word, is the identification code; in a block it is the high word of the voltage L3 to L1.
Assumptions: the identification codes of all but the EM24 E1; FC 3 and FC 4 alike in the whole
family; an EM24-DIN refuses its export register unless its dial stands on application H.
"""

from __future__ import annotations

from laddvakt_sim.firmware.library.model import Manners, Model, Serial, Span
from laddvakt_sim.firmware.library.point import table

HEAD = table(
    """
    input   0000 s32   0.1 voltage_l1
    input   0002 s32   0.1 voltage_l2
    input   0004 s32   0.1 voltage_l3
    input   0006 s32   0.1 voltage_l1_l2
    input   0008 s32   0.1 voltage_l2_l3
    input   000A s32   0.1 voltage_l3_l1
    input   000C s32   0.001 current_l1
    input   000E s32   0.001 current_l2
    input   0010 s32   0.001 current_l3
    input   0012 s32   0.1 power_l1
    input   0014 s32   0.1 power_l2
    input   0016 s32   0.1 power_l3
    input   0018 s32   0.1 apparent_power_l1
    input   001A s32   0.1 apparent_power_l2
    input   001C s32   0.1 apparent_power_l3
    input   001E s32   0.1 reactive_power_l1
    input   0020 s32   0.1 reactive_power_l2
    input   0022 s32   0.1 reactive_power_l3
    input   0024 s32   0.1 voltage_ln_avg
    input   0026 s32   0.1 voltage_ll_avg
    input   0028 s32   0.1 power_total
    input   002A s32   0.1 apparent_power_total
    input   002C s32   0.1 reactive_power_total
    """
)
BLOCK = table(
    """
    input   002E s16   0.001 pf_l1
    input   002F s16   0.001 pf_l2
    input   0030 s16   0.001 pf_l3
    input   0031 s16   0.001 pf_total
    input   0032 s16   1 phase_sequence
    input   0033 s16   0.1 frequency
    input   0034 s32   0.1 energy_import_total
    input   0036 s32   0.1 reactive_energy_import
    input   003C s32   0.1 energy_import_partial
    input   0040 s32   0.1 energy_import_l1
    input   0042 s32   0.1 energy_import_l2
    input   0044 s32   0.1 energy_import_l3
    input   004E s32   0.1 energy_export_total
    input   0050 s32   0.1 reactive_energy_export
    """
)
_EM300 = table(
    """
    holding 2000 u16   1 cfg_unit_id rw
    holding 2001 u16   1 cfg_baud rw
    holding 2002 u16   1 cfg_parity rw
    holding 2003 u16   1 cfg_stop rw
    holding 2004 u16   1 max_words
    holding 2005 u16   1 cfg_response_delay rw
    holding 5000 str7  1 serial
    """
)
_BY_PHASE = table(  # the EM300's second table: what belongs to a phase stands together
    """
    input   0106 s32   0.1 power_total
    input   010C s32   0.001 pf_total
    input   0110 s32   0.1 frequency
    input   0112 s32   0.1 energy_import_total
    input   0120 s32   0.1 voltage_l1
    input   0122 s32   0.001 current_l1
    input   0124 s32   0.1 power_l1
    input   012E s32   0.1 voltage_l2
    input   0130 s32   0.001 current_l2
    input   0132 s32   0.1 power_l2
    input   013C s32   0.1 voltage_l3
    input   013E s32   0.001 current_l3
    input   0140 s32   0.1 power_l3
    """
)
_EM530 = table(
    """
    input   0056 s32   0.1 apparent_energy_total
    holding 5000 str7  1 serial
    """
)
_EM24_DIN = table(
    """
    input   0032 s16   0.001 pf_l1
    input   0033 s16   0.001 pf_l2
    input   0034 s16   0.001 pf_l3
    input   0035 s16   0.001 pf_total
    input   0037 u16   0.1 frequency
    input   003E s32   0.1 energy_import_total
    input   0040 s32   0.1 reactive_energy_import
    input   0042 s32   0.1 energy_import_partial
    input   0046 s32   0.1 energy_import_l1
    input   0048 s32   0.1 energy_import_l2
    input   004A s32   0.1 energy_import_l3
    input   005C s32   0.1 energy_export_total
    holding 1300 str7  1 serial
    """
)
_EM24_E1 = table(
    """
    holding 1002 u16   1 phase_config rw
    holding A000 u16   1 application rw
    holding A100 u16   1 switch_position
    holding 0302 u16   1 hw_version
    holding 0304 u16   1 fw_version
    holding 5000 str7  1 serial
    """
)
_EEM_350 = table(
    """
    input   0000 s32   0.1 voltage_l1
    input   0002 s32   0.1 voltage_l2
    input   0004 s32   0.1 voltage_l3
    input   000C s32   0.001 current_l1
    input   000E s32   0.001 current_l2
    input   0010 s32   0.001 current_l3
    input   0012 s32   0.1 power_l1
    input   0014 s32   0.1 power_l2
    input   0016 s32   0.1 power_l3
    input   0028 s32   0.1 power_total
    input   0035 s16   0.001 pf_total
    input   0037 u16   0.1 frequency
    input   003E s32   0.1 energy_import_total
    """
)

_IDENTIFICATION = table("holding 000B u16 1 identification alone")


MODELS = (
    Model(
        id="cg-em300-et300",
        kind="meter",
        vendor="Carlo Gavazzi",
        name="EM330/EM340/ET330/ET340",
        points=HEAD + BLOCK + _EM300 + _IDENTIFICATION,
        again=_BY_PHASE,
        serial=Serial(baud=9600, format="8N1"),
        order="little",
        manners=Manners(
            max_read=50,
            alike=True,
            spans=(
                Span(fc=3, first=0x0000, last=0x0051),
                Span(fc=3, first=0x00F6, last=0x01B5),
                Span(fc=3, first=0x2000, last=0x2005),
            ),
        ),
        turnaround_s=0.040,
        settings={
            "identification": 341,
            "cfg_unit_id": 1,
            "cfg_baud": 1,
            "cfg_parity": 1,
            "cfg_stop": 0,
            "max_words": 50,
            "cfg_response_delay": 50,
            "serial": "BZ5100421007",
        },
    ),
    Model(
        id="cg-em530-em540",
        kind="meter",
        vendor="Carlo Gavazzi",
        name="EM530/EM540",
        points=HEAD + BLOCK + _EM530 + _IDENTIFICATION,
        serial=Serial(baud=9600, format="8N1", sure=False),
        order="little",
        manners=Manners(alike=True, spans=(Span(fc=4, first=0x0000, last=0x0057),)),
        settings={"identification": 1760, "serial": "KN5300412003Y"},
        turnaround_s=0.020,
    ),
    Model(
        id="cg-em24-din-rtu",
        kind="meter",
        vendor="Carlo Gavazzi",
        name="EM24-DIN (RS-485)",
        points=HEAD + _EM24_DIN + _IDENTIFICATION,
        serial=Serial(baud=9600, format="8N1"),
        order="little",
        manners=Manners(max_read=11, alike=True),
        settings={"identification": 71, "serial": "EM2400715022X"},
        turnaround_s=0.020,
        firmware="F",
        refused={"F": frozenset({"energy_export_total"})},
    ),
    Model(
        id="cg-em24-e1-tcp",
        kind="meter",
        vendor="Carlo Gavazzi",
        name="EM24DIN..E1 (Ethernet)",
        points=HEAD + BLOCK + _EM24_E1 + _IDENTIFICATION,
        tcp=True,
        order="little",
        manners=Manners(alike=True),
        settings={
            "identification": 1650,
            "phase_config": 0,
            "application": 7,
            "switch_position": 3,
            "hw_version": 2,
            "fw_version": 183,
            "serial": "KL2200715011",
        },
    ),
    Model(
        id="phoenix-eem-350-d-mcb",
        kind="meter",
        vendor="Phoenix Contact",
        name="EEM-350-D-MCB",
        points=_EEM_350,
        serial=Serial(baud=9600, format="8N1", sure=False),
        order="little",
        manners=Manners(max_read=11),
        turnaround_s=0.020,
    ),
)
