"""Register images: what the devices answer and refuse, byte by byte."""

from __future__ import annotations

import struct

import pytest

from laddvakt_sim.firmware.slave import crc16, intact, request_length, seal
from laddvakt_sim.plant.words import VehicleSpec
from sim.asking import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_crc_of_the_specification() -> None:
    """Modbus over Serial Line §6.2.2 gives 0x1241 on the wire for 02 07."""
    assert crc16(bytes((0x02, 0x07))) == 0x1241
    assert seal(2, bytes((7,))) == bytes((2, 7, 0x41, 0x12))


@pytest.mark.parametrize("length", range(5))
def test_truncated_frames_are_not_intact(length: int) -> None:
    """A cut frame is never taken for a whole one."""
    assert not intact(seal(1, b"\x03\x00\x00\x00\x01")[:length])


@pytest.mark.parametrize(
    ("start", "length"),
    [
        pytest.param("01", None, id="one byte"),
        pytest.param("0103", 8, id="read"),
        pytest.param("0105", 8, id="coil"),
        pytest.param("011003e80001", None, id="write, count not there yet"),
        pytest.param("011003e8000102", 11, id="write one"),
        pytest.param("012b", None, id="unknown function"),
    ],
)
def test_request_length(start: str, length: int | None) -> None:
    """The frame's end is known from its head."""
    assert request_length(bytes.fromhex(start)) == length


@pytest.mark.parametrize(
    ("device", "pdu", "exception"),
    [
        pytest.param("evse1", "0303e80008", 2, id="evse: 1007 is not in the block"),
        pytest.param("evse1", "0403e80001", 1, id="evse: no input registers"),
        pytest.param("evse1", "0603e80010", 1, id="evse: FC16 only"),
        pytest.param("evse1", "1003ed0001020001", 2, id="evse: firmware is read-only"),
        pytest.param("evse1", "1003e80001020051", 3, id="evse: 81 A"),
        pytest.param("evse1", "0307d00013", 2, id="evse: settings end at 2017"),
        pytest.param("meter1", "0400000003", 3, id="sdm: odd count"),
        pytest.param("meter1", "0400010002", 2, id="sdm: odd address"),
        pytest.param("meter1", "040000003e", 3, id="sdm: 62 registers"),
        pytest.param("meter1", "0400c80002", 2, id="sdm: nothing at 200"),
        pytest.param("meter1", "0100000001", 1, id="sdm: no coils"),
        pytest.param("meter1", "0400000000", 3, id="count 0"),
        pytest.param("meter1", "040000007e", 3, id="count 126"),
        pytest.param("meter1", "04ffff0002", 2, id="beyond the last address"),
        pytest.param("relay1", "0100000009", 2, id="relay: 8 channels"),
        pytest.param("relay1", "050000abcd", 3, id="relay: neither on nor off"),
        pytest.param("relay1", "0502000000", 3, id="relay: flash for no time"),
        pytest.param("relay1", "0502080014", 2, id="relay: no ninth channel"),
        pytest.param("relay1", "0380000002", 2, id="relay: registers one at a time"),
        pytest.param("rcm1", "041f400002", 1, id="rcm: holding only"),
        pytest.param("rcm1", "031f600002", 2, id="rcm: beyond the maxima"),
        pytest.param("charx1", "0305170001", None, id="charx: holding"),
        pytest.param("charx1", "0405170001", None, id="charx: input, the same"),
        pytest.param("charx1", "10051500010200ff", 3, id="charx: 255 A"),
        pytest.param("charx1", "1005150001020005", 3, id="charx: 5 A"),
        pytest.param("charx1", "1004d00001020000", 2, id="charx: voltage is read-only"),
        pytest.param("charx1", "10051400020400", 3, id="byte count does not fit"),
        pytest.param("charx1", "2b0e0100", 1, id="unknown function"),
        pytest.param("charx1", "0305", 3, id="cut PDU"),
    ],
)
def test_refusals(bench: Bench, device: str, pdu: str, exception: int | None) -> None:
    """Exceptions as the vendor documents and the field have them."""
    request = bytes.fromhex(pdu)
    answer = bench.ask(device, request).pdu
    if exception is None:
        assert answer[0] == request[0]
    else:
        assert answer == bytes((request[0] | 0x80, exception))


def test_evse_status_follows_the_vehicle(bench: Bench) -> None:
    """State, PWM, relay bit and read-back through plug, charge and stop."""
    assert bench.read("evse1", 3, 1000, 7) == (6, 0, 1, 32, 0, 18, 1)
    bench.charge()
    assert bench.read("evse1", 3, 1000, 7) == (16, 16, 3, 32, 0, 18, 2)
    assert bench.read("evse1", 3, 1007, 1) == (1,)
    bench.write("evse1", 1000, 0)
    assert bench.read("evse1", 3, 1000, 7) == (0, 0, 3, 32, 0, 18, 3)
    bench.hold(3.0)
    assert bench.read("evse1", 3, 1002, 1) == (2,)
    assert bench.read("evse1", 3, 1007, 1) == (0,)


def test_evse_centiampere_steps(bench: Bench) -> None:
    """Bit 7 of register 2005 turns the limit into 0.01 A."""
    bench.write("evse1", 2005, 1 << 7)
    bench.write("evse1", 1000, 1050)
    bench.station.plug("1", VehicleSpec(), bench.now_s)
    assert bench.read("evse1", 3, 1000, 2) == (1050, 10)
    assert bench.station.connectors["1"].board.offered_a == 10.5


@pytest.mark.parametrize(
    ("control", "config", "pwm_on"),
    [
        pytest.param(0, 0, True, id="free"),
        pytest.param(1, 0, False, id="switched off"),
        pytest.param(2, 0, False, id="self-test"),
        pytest.param(0, 1 << 14, False, id="disabled"),
    ],
)
def test_evse_control(bench: Bench, control: int, config: int, pwm_on: bool) -> None:
    """What stands in the PWM's way; a self-test ends after 30 s."""
    bench.write("evse1", 2005, config)
    bench.write("evse1", 1004, control)
    bench.station.plug("1", VehicleSpec(), bench.now_s)
    assert bench.station.connectors["1"].board.pwm_on is pwm_on
    bench.wait(31.0)
    assert bench.station.connectors["1"].board.pwm_on is (pwm_on or control == 2)


@pytest.mark.parametrize(("allowed", "closes"), [(False, False), (True, True)])
def test_evse_ventilation(bench: Bench, allowed: bool, closes: bool) -> None:
    """State D closes the relay only where it is configured; else bit 2 of 1007 says so."""
    bench.write("evse1", 2005, 8 if allowed else 0)
    bench.charge(VehicleSpec(ventilation=True))
    assert bench.read("evse1", 3, 1002, 1) == (4,)
    assert bench.read("evse1", 3, 1007, 1) == (1 if closes else 4,)


def test_meter_floats(bench: Bench) -> None:
    """Voltages, currents, powers and energy as float32, the most significant word first."""
    bench.charge()
    bench.wait(0.5)
    words = bench.read("meter1", 4, 0, 18)
    values = struct.unpack(">9f", struct.pack(">18H", *words))
    assert values[:3] == pytest.approx((230.0,) * 3, abs=1.0)
    assert values[3:6] == pytest.approx((16.0,) * 3, abs=0.1)
    assert values[6:] == pytest.approx((3680.0,) * 3, abs=40.0)
    assert bench.float_at("meter1", 4, 52) == pytest.approx(sum(values[6:]), abs=0.01)
    energy_kwh = bench.float_at("meter1", 4, 72)
    assert energy_kwh * 1000 == pytest.approx(
        bench.station.connectors["1"].meter.shown.energy_wh, abs=0.07
    )
    assert bench.read("meter1", 3, 0xFC02, 1) == (0x0089,)


def test_neutral_current(bench: Bench) -> None:
    """Balanced phases leave nothing in the neutral, a single one all of it."""
    bench.charge(VehicleSpec(phases=1))
    bench.hold(1.0)
    assert bench.float_at("meter1", 4, 224) == pytest.approx(16.0, abs=0.1)


@pytest.mark.parametrize(
    ("writes", "outputs"),
    [
        pytest.param([(2, 0xFF00)], 0b100, id="on"),
        pytest.param([(2, 0xFF00), (2, 0x0000)], 0, id="off"),
        pytest.param([(2, 0x5500)], 0b100, id="toggle"),
        pytest.param([(0x00FF, 0xFF00)], 0xFF, id="all on"),
        pytest.param([(0x01FF, 0)], 0xFF, id="all toggle"),
        pytest.param([(0x0201, 7)], 0b10, id="flash on"),
        pytest.param([(1, 0xFF00), (0x0401, 7)], 0, id="flash off"),
        pytest.param([(0x0200, 20), (0, 0x0000)], 0, id="off ends a flash"),
    ],
)
def test_relay_commands(bench: Bench, writes: list[tuple[int, int]], outputs: int) -> None:
    """Every form of FC 5."""
    for addr, raw in writes:
        assert bench.coil(addr, raw) == struct.pack(">BHH", 5, addr, raw)
    assert bench.ask("relay1", bytes.fromhex("0100000008")).pdu == bytes((1, 1, outputs))


def test_relay_flashes_fall_back(bench: Bench) -> None:
    """Flash-on ends open, flash-off ends closed, after value × 100 ms."""
    bench.coil(0x0200, 7)
    bench.coil(0x0401, 7)
    for wait_s, outputs in ((0.69, 0b01), (0.02, 0b10)):
        bench.wait(wait_s)
        assert bench.ask("relay1", bytes.fromhex("0100000002")).pdu[2] == outputs


def test_relay_mask(bench: Bench) -> None:
    """FC 15 sets all eight."""
    assert bench.ask("relay1", bytes.fromhex("0f0000000801a5")).pdu == bytes.fromhex("0f00000008")
    assert bench.ask("relay1", bytes.fromhex("0100000008")).pdu[2] == 0xA5


def test_relay_identity(bench: Bench) -> None:
    """Unit address and software version."""
    assert bench.read("relay1", 3, 0x4000, 1) == (3,)
    assert bench.read("relay1", 3, 0x8000, 1) == (300,)


def test_monitor_values_and_maxima(bench: Bench) -> None:
    """Trip bits stand while over the threshold; maxima keep a past peak until they are read."""
    bench.charge()
    bench.inject("residual_current_dc", "1", ma=9.6)
    assert bench.float_at("rcm1", 3, 8002) == pytest.approx(0.010)
    assert bench.float_at("rcm1", 3, 8006) == 155.0
    assert bench.read("rcm1", 3, 8014, 2) == (0, 1 << 4)
    bench.coil(0, 0)
    bench.wait(0.1)
    assert bench.float_at("rcm1", 3, 8002) == 0.0
    assert bench.read("rcm1", 3, 8014, 2) == (0, 0)
    assert bench.float_at("rcm1", 3, 8018) == pytest.approx(0.010)
    assert bench.float_at("rcm1", 3, 8018) == 0.0
    assert bench.read("rcm1", 3, 1000, 2) == (0x1234, 0x5678)


def test_monitor_echoes_diagnostics(bench: Bench) -> None:
    """FC 8 sub-function 0 returns its data."""
    request = bytes.fromhex("080000beef")
    assert bench.ask("rcm1", request).pdu == request
    assert bench.ask("rcm1", bytes.fromhex("080001beef")).pdu == bytes.fromhex("8803")


def test_charx_block(bench: Bench) -> None:
    """One read of 1232..1308 carries everything."""
    bench.charge()
    bench.read("charx1", 3, 1299, 1)
    bench.wait(0.5)
    words = bench.read("charx1", 3, 1232, 77)
    raw = struct.pack(">77H", *words)
    volts = struct.unpack(">3i", raw[0:12])
    amps = struct.unpack(">3i", raw[12:24])
    assert volts == pytest.approx((230_000,) * 3, abs=1000)
    assert amps == pytest.approx((16_000,) * 3, abs=100)
    energy = struct.unpack(">q", raw[36:44])[0]
    assert energy == bench.station.connectors["2"].meter.shown.energy_wh
    assert words[67] == 0x4332  # "C2"
    assert words[68:70] == (1, 16)
    assert words[74:76] == (0, 2)


def test_charx_unguarded(bench: Bench) -> None:
    """Watchdog registers acknowledge and forget."""
    bench.inject("unguarded_board", "2")
    assert bench.write("charx1", 1306, 0, 2)[0] == 16
    assert bench.read("charx1", 3, 1306, 2) == (16, 65535)
    bench.charge()
    bench.wait(30.0)
    assert bench.station.connectors["2"].contactor.closed


def test_charx_residual_trip_stands_until_released(bench: Bench) -> None:
    """Bit 30 stands after the leakage has ended, until release is written 0."""
    bench.charge()
    bench.inject("residual_current_dc", "2", ma=8.0)
    bench.heal()
    assert bench.read("charx1", 3, 1293, 2) == (1 << 14, 0)
    bench.write("charx1", 1300, 0)
    assert bench.read("charx1", 3, 1293, 2) == (0, 0)
