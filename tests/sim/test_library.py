"""The library's devices: register words and manners, PDU by PDU.

Words are worked out by hand from the vendors' number formats.
"""

from __future__ import annotations

import pytest

from laddvakt_sim.firmware import library
from sim.one_device import Asked, load, plain


@pytest.mark.parametrize("model", library.models())
def test_every_device_shows_every_point(model: str) -> None:
    """Each readable point answers by itself, distinct devices keep distinct truths."""
    asked = Asked(model)
    for quantity, point in asked.device.points.items():
        if not point.readable or asked.device.truth(quantity) is None:
            continue
        reply = asked.ask(f"{point.fc:02x}{point.addr:04x}{point.words:04x}")
        assert reply.startswith(f"{point.fc:02x}"), quantity
    told = [asked.device.truth(f"voltage_l{n}") for n in (1, 2, 3) if has(asked, n)]
    assert len({*told}) == len(told)


@pytest.mark.parametrize(
    ("model", "volts", "amps", "pf", "request_", "reply"),
    [
        # float32, high word first: 230.0 = 0x43660000, 16.0 = 0x41800000, 3680.0 = 0x45660000
        ("eastron-sdm630", 230.0, 16.0, 1.0, "0400000002", "0404 4366 0000"),
        ("eastron-sdm630", 230.0, 16.0, 1.0, "0400060002", "0404 4180 0000"),
        ("eastron-sdm120", 230.0, 16.0, 1.0, "04000c0002", "0404 4566 0000"),
        # 2305 tenths of a volt = 0x0901, -10000 tenths of a watt = 0xFFFFD8F0: low word first
        ("cg-em300-et300", 230.5, 10.0, 1.0, "0400000002", "0404 0901 0000"),
        ("cg-em300-et300", 100.0, 10.0, -1.0, "0400120002", "0404 d8f0 ffff"),
        ("cg-em24-din-rtu", 100.0, 10.0, -1.0, "0400320001", "0402 fc18"),
        ("phoenix-em-cp-pp-eth", 231.4, 10.0, 1.0, "04006c0002", "0404 5a64 0000"),
        # the same once more, grouped by phase
        ("cg-em300-et300", 230.5, 10.0, 1.0, "04012e0004", "0408 0901 0000 2710 0000"),
        # 16.00 A = 1600 hundredths = 0x640; 3 x -1000 W = -300000 hundredths = 0xFFFB6C20
        ("abb-b23-b24", 230.0, 16.0, 1.0, "035b0c0002", "0304 0000 0640"),
        ("abb-b23-b24", 100.0, 10.0, -1.0, "035b140002", "0304 fffb 6c20"),
        # 23140 hundredths of a volt = 0x5A64
        ("dzg-dvh4013", 231.4, 10.0, 1.0, "0300040002", "0304 0000 5a64"),
        # 2.3 kW as float32 = 0x40133333
        ("schneider-iem3155-iem3255", 230.0, 10.0, 1.0, "030bed0002", "0304 4013 3333"),
        ("inepro-pro380", 230.0, 10.0, 1.0, "0350140002", "0304 4013 3333"),
        ("orno-or-we-516-517", 230.0, 10.0, 1.0, "03001e0002", "0304 4013 3333"),
        # low word first float: 230.0
        ("phoenix-eem-ma37x", 230.0, 10.0, 1.0, "0380060002", "0304 0000 4366"),
        # Iskra: 231.4 = 2314000 x 10^-4, mantissa 0x234F10; -1000 = -1000000... = 0xFD is 10^-3
        ("iskra-wm3m4c", 231.4, 10.0, 1.0, "04006b0002", "0404 fc23 4f10"),
        ("iskra-wm3m4c", 100.0, 10.0, -1.0, "04008e0002", "0404 fdf0 bdc0"),
        # SunSpec: 2314 x 10^-1 V, scale factor -1 = 0xFFFF
        ("sunspec-meter-20x", 231.4, 10.0, 1.0, "039c8e0001", "0302 090a"),
        ("sunspec-meter-20x", 231.4, 10.0, 1.0, "039c950001", "0302 ffff"),
        ("keba-p30-p40", 230.0, 15.81, 1.0, "0303f00002", "0304 0000 3dc2"),
        ("heidelberg-energy-control", 230.0, 12.3, 1.0, "0400060001", "0402 007b"),
        ("phoenix-charx-sec", 230.0, 16.0, 1.0, "0304d60002", "0304 0000 3e80"),
        ("etrel-inch", 230.0, 10.0, 1.0, "04001a0002", "0404 40dc cccd"),  # 6.9 kW
    ],
)
def test_golden_words(
    model: str, volts: float, amps: float, pf: float, request_: str, reply: str
) -> None:
    """Measured values in each vendor's own number format."""
    asked = Asked(model)
    load(asked.device, volts, amps, pf)
    assert plain(asked.ask(request_)) == plain(reply)


@pytest.mark.parametrize(
    ("model", "request_", "reply"),
    [
        ("abb-b23-b24", "0389600002", "0304 4232 3320"),  # "B23 "
        ("abb-b23-b24", "0350000004", "0308 0000 0000 0001 e121"),  # 123169 hundredths of a kWh
        ("eastron-sdm630", "03fc020001", "0302 0070"),
        ("cg-em300-et300", "04000b0001", "0402 0155"),  # alone: what it is
        ("cg-em300-et300", "0350000007", "030e 425a 3531 3030 3432 3130 3037 0000"),
        ("siemens-pac2200", "0303250004", "0308 4115 191c 0000 0000"),  # 345671.0 Wh as double
        ("phoenix-charx-sec", "0305130001", "0302 4332"),  # "C2"
        ("alfen-ng910", "0304b10005", "030a 4332 0000 0000 0000 0000"),
        ("vestel-evc04", "0400be000a", "0414 0056 0065 0073 0074 0065 006c 0000 0000 0000 0000"),
        ("bender-cc612-cc613", "0300640002", "0304 352e 3232"),  # "5.22"
        ("bender-rcmb300", "0303e80002", "0304 1234 5678"),
        ("phoenix-em-cp-pp-eth", "0400640001", "0402 0043"),  # "C"
        ("phoenix-ev-cc-basic-ser", "045dc00001", "0402 4332"),
        ("abb-terra-ac", "03400c0002", "0304 0000 8403"),  # state 4 in bits 8 to 14
        ("heidelberg-energy-control", "0400050001", "0402 0007"),  # C2
        ("bauer-bsm-ws36a", "039c400002", "0304 5375 6e53"),  # "SunS"
        ("sunspec-meter-21x", "039c860002", "0304 00d5 007c"),  # model 213, 124 registers
        ("bender-rcms150", "037d760002", "0304 3bc4 9ba6"),  # 0.006 A as float32
    ],
)
def test_golden_words_as_delivered(model: str, request_: str, reply: str) -> None:
    """States, texts, identities and counters before anybody changed anything."""
    assert plain(Asked(model).ask(request_, after_s=0.0)) == plain(reply)


@pytest.mark.parametrize(
    ("model", "request_", "reply"),
    [
        pytest.param("eastron-sdm630", "0400000003", "8403", id="SDM: odd count"),
        pytest.param("eastron-sdm630", "0400010002", "8402", id="SDM: float cut in half"),
        pytest.param("eastron-sdm630", "0400000052", "8403", id="SDM630: more than 80"),
        pytest.param("eastron-sdm72d-m-v2", "040000003e", "8403", id="SDM72: more than 60"),
        pytest.param("eastron-sdm630", "0400240002", "0404 0000 0000", id="SDM: gap reads 0"),
        pytest.param("eastron-sdm630", "0401000002", "8402", id="SDM: outside"),
        pytest.param("cg-em300-et300", "0400000033", "8403", id="EM340: more than 50"),
        pytest.param("cg-em300-et300", "0400520001", "8402", id="EM340: outside its table"),
        pytest.param("cg-em300-et300", "03000b0001", "0302 0155", id="EM340: FC 3 alike"),
        pytest.param("cg-em24-din-rtu", "040000000c", "8403", id="EM24: more than 11"),
        pytest.param("cg-em24-din-rtu", "04005c0002", "8402", id="EM24: export refused"),
        pytest.param("dzg-dvh4013", "0300140002", "8302", id="DZG: 0x14"),
        pytest.param("dzg-dvh4013", "0300120004", "8302", id="DZG: out of the block"),
        pytest.param("siemens-pac1600", "0300250012", "8302", id="PAC1600: across 48/49"),
        pytest.param("siemens-pac1600", "031a330016", "8302", id="PAC1600: across 6714/6727"),
        pytest.param("abb-b23-b24", "035b1e0001", "0302 ffff", id="ABB: gap reads all ones"),
        pytest.param("abb-b23-b24", "045b000002", "8401", id="ABB: FC 3 alone"),
        pytest.param("abb-b23-b24", "036000000a", "8302", id="ABB: outside the blocks"),
        pytest.param("janitza-umg96rm", "034a380079", "8303", id="96RM: more than 120"),
        pytest.param("keba-p30-p40", "0303e80004", "8303", id="KEBA: two values"),
        pytest.param("keba-p30-p40", "0303e80001", "8302", id="KEBA: half a value"),
        pytest.param("keba-p30-p40", "0403e80002", "8401", id="KEBA: FC 4"),
        pytest.param("keba-p30-p40", "10138c0001021770", "9001", id="KEBA: FC 16"),
        pytest.param("keba-p30-p40", "06138c0fa0", "8603", id="KEBA: 4 A"),
        pytest.param("vestel-evc04", "0403f00004", "8402", id="Vestel: two values"),
        pytest.param("vestel-evc04", "0403ea0002", "8402", id="Vestel: across a gap"),
        pytest.param("simpleevse-wb-din", "0603e8000c", "8601", id="SimpleEVSE: FC 6"),
        pytest.param("simpleevse-wb-din", "1003e800010200ff", "9003", id="SimpleEVSE: 255 A"),
        pytest.param("simpleevse-wb-din", "0303e80008", "8302", id="SimpleEVSE: across 1006/1007"),
        pytest.param("eletechsup-r4d3b16", "0600010001", "8603", id="R4D3B16: low byte"),
        pytest.param("eletechsup-r4d3b16", "100001000102 0100", "9001", id="R4D3B16: FC 16"),
        pytest.param("eletechsup-r4d3b16", "0300010011", "8303", id="R4D3B16: more than 16"),
        pytest.param("c0135-relay-board", "0300000001", "", id="C0135: silent on FC 3"),
        pytest.param("c0135-relay-board", "0600000001", "", id="C0135: silent outside"),
        pytest.param("c0135-relay-board", "2b0e0100", "", id="C0135: silent on FC 43"),
        pytest.param("c0135-relay-board", "050001ff00", "", id="C0135: silent on 0xFF00"),
        pytest.param("c0135-relay-board", "0500010100", "0500 0101 00", id="C0135: 0x0100 is on"),
        pytest.param("kmtronic-relay", "0500000100", "8503", id="KMtronic: 0x0100"),
        pytest.param("bauer-bsm-ws36a", "109ce4000102 0000", "109c e400 01", id="BSM: read-only"),
        pytest.param("sunspec-meter-20x", "0300000002", "8302", id="SunSpec: no chain at 0"),
        pytest.param("bender-rcmb300", "080000beef", "0800 00be ef", id="RCMB300: echo"),
        pytest.param(
            "bender-rcmb300", "0303e90002", "0304 5678 0052", id="RCMB300: from the middle"
        ),
        pytest.param("waveshare-modbus-rtu-relay", "0340000002", "8302", id="Waveshare: two"),
        pytest.param("etrel-inch", "0300000001", "8302", id="Etrel: FC 3"),
        pytest.param("phoenix-ev-cc-basic-ser", "1055f0000102 0005", "9003", id="SER: 5 A"),
    ],
)
def test_manners(model: str, request_: str, reply: str) -> None:
    """What a device refuses, ignores or leaves unanswered."""
    assert plain(Asked(model).ask(request_, after_s=0.0)) == plain(reply)


def test_identification_word_is_part_of_a_voltage_in_a_block() -> None:
    """0x000B read with its neighbour is the high word of the voltage between L3 and L1."""
    asked = Asked("cg-em300-et300")
    load(asked.device, 230.0, 10.0, 1.0)
    assert plain(asked.ask("04000a0002")) == plain("0404 0f90 0000")  # 398.4 V


def has(asked: Asked, phase: int) -> bool:
    return f"voltage_l{phase}" in asked.device.points
