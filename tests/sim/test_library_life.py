"""What the library's devices do by themselves: pauses, counters, variants, glitches, relays."""

from __future__ import annotations

import pytest

from laddvakt_sim.firmware import library
from sim.one_device import Asked, load, plain


@pytest.mark.parametrize(
    ("model", "request_", "pause_s"),
    [("keba-p30-p40", "0303e80002", 0.5), ("keba-p30-p40", "06138c1770", 5.0)],
)
def test_too_early_is_silence(model: str, request_: str, pause_s: float) -> None:
    """A KEBA asked before its pause is over says nothing; the pause counts from its last answer."""
    asked = Asked(model)
    assert asked.ask(request_)
    assert not asked.ask(request_, after_s=pause_s * 0.6)
    assert asked.ask(request_, after_s=pause_s * 0.6)


def test_registers_are_renewed_at_their_own_pace() -> None:
    """A change shows with the next renewal, not before."""
    asked = Asked("eastron-sdm72d-m-v2")
    before = asked.ask("0400000002", after_s=0.1)
    asked.device.set("voltage_l1", 200.0)
    assert asked.ask("0400000002", after_s=0.1) == before
    assert plain(asked.ask("0400000002", after_s=0.5)) == plain("0404 4348 0000")


def test_counters_count() -> None:
    """An hour at 3 × 1 kW is 3 kWh more, and only in the direction it flows."""
    asked = Asked("eastron-sdm630")
    load(asked.device, 100.0, 10.0, 1.0)
    before = [asked.device.truth(f"energy_{way}_total") for way in ("import", "export")]
    asked.ask("0400000002", after_s=3600.0)
    after = [asked.device.truth(f"energy_{way}_total") for way in ("import", "export")]
    assert after[0] == pytest.approx(float(before[0] or 0) + 3.0, abs=1e-6)
    assert after[1] == before[1]


@pytest.mark.parametrize("model", ["eastron-sdm120", "eastron-sdm230"])
def test_one_phase_counts_one_phase(model: str) -> None:
    """A meter on one phase counts what flows there and no more."""
    asked = Asked(model)
    load(asked.device, 100.0, 10.0, 1.0)
    before = asked.device.truth("energy_import_total")
    asked.ask("0400000002", after_s=3600.0)
    assert asked.device.truth("energy_import_total") == pytest.approx(float(before or 0) + 1.0)
    assert not [name for name in asked.device.settable() if name.endswith(("_l2", "_l3"))]


@pytest.mark.parametrize("model", library.models())
def test_what_can_be_set_shows(model: str) -> None:
    """Nothing that is measured can be set without a register that tells, an hour later at most."""
    one, other = (Asked(model).device for _ in range(2))
    idle = []
    for quantity in sorted({*one.settable()} - {*one.settings}):
        one.set(quantity, 0.77 if quantity.startswith("pf_") else 3.25)
        for device in (one, other):
            device.tell_time(device.now_s + 3600.0)
        if all(one.truth(name) == other.truth(name) for name in one.quantities()):
            idle.append(quantity)
        one, other = (Asked(model).device for _ in range(2))
    assert not idle


@pytest.mark.parametrize(
    ("model", "quantity", "request_", "reply"),
    [
        ("abb-b23-b24", "power_l2", "035b180002", "0304 7fff ffff"),
        ("abb-b23-b24", "energy_export_total", "0350040004", "0308 ffff ffff ffff ffff"),
        ("sunspec-meter-20x", "current_l3", "039c8b0001", "0302 8000"),
        ("bender-cc612-cc613", "power_total", "0300dc0002", "0304 ffff ffff"),
        ("alfen-ng910", "voltage_l1", "0301320002", "0304 7fc0 0000"),
    ],
)
def test_absent_values(model: str, quantity: str, request_: str, reply: str) -> None:
    """What is not installed reads as each vendor's pattern for it, and has no truth."""
    asked = Asked(model)
    asked.device.absent.add(quantity)
    assert plain(asked.ask(request_)) == plain(reply)
    assert asked.device.truth(quantity) is None


@pytest.mark.parametrize(
    ("model", "firmware", "request_", "reply"),
    [
        pytest.param("bender-cc612-cc613", "5.21", "03007c0001", "0302 0000", id="124 before 5.22"),
        pytest.param("bender-cc612-cc613", "5.22", "03007c0001", "0302 0001", id="124 from 5.22"),
        pytest.param("bender-cc612-cc613", "5.9", "03007c0001", "0302 0000", id="5.9 is older"),
        pytest.param("bender-cc612-cc613", "5.21", "0300de0002", "0304 ffff ffff", id="no volts"),
        pytest.param("phoenix-ev-cc-ac1-m3-eth", "1.11", "0302100001", "0302 0012", id="1 A"),
        pytest.param("phoenix-ev-cc-ac1-m3-eth", "2.04", "0302100001", "0302 00b4", id="0.1 A"),
        pytest.param("simpleevse-wb-din", "16", "0303ed0001", "0302 0010", id="firmware word"),
        pytest.param("cg-em24-din-rtu", "H", "04005c0002", "0404 0405 0000", id="export, dial H"),
        pytest.param("sunspec-meter-20x", "50000", "03c3500002", "0304 5375 6e53", id="base 50000"),
        pytest.param("sunspec-meter-20x", "0", "0300460002", "0304 00cb 0069", id="base 0"),
    ],
)
def test_firmware_variants(model: str, firmware: str, request_: str, reply: str) -> None:
    """The same register, another firmware."""
    assert plain(Asked(model, firmware).ask(request_)) == plain(reply)


@pytest.mark.parametrize(("firmware", "amps"), [("16", 12.0), ("18", 0.12)])
def test_fine_steps_need_firmware_17(firmware: str, amps: float) -> None:
    """Bit 7 of 2005 makes register 1000 count hundredths, where the firmware knows that."""
    asked = Asked("simpleevse-wb-din", firmware)
    assert plain(asked.ask("1007d5000102 0080")) == plain("1007 d500 01")
    assert plain(asked.ask("1003e8000102 000c")) == plain("1003 e800 01")
    assert asked.device.truth("current_limit") == pytest.approx(amps)
    assert plain(asked.ask("0303e80001")) == plain("0302 000c")


def test_reversed_availability_stops_the_charge() -> None:
    """Writing 1 to 124 makes an old board unavailable and a new one available."""
    for firmware, charges in (("5.21", False), ("5.22", True)):
        asked = Asked("bender-cc612-cc613", firmware)
        asked.ask("06007c0001")
        asked.ask("0300640002")  # later: the meter has seen it
        assert (asked.device.truth("current_l1") != 0.0) is charges


def test_glitches_come_seeded_and_go() -> None:
    """Now and then a Bender power reads as not available; the same ones with the same unit."""
    runs = []
    for _ in range(2):
        asked = Asked("bender-cc612-cc613", unit=7)
        replies = [plain(asked.ask("0300ce0002", after_s=0.01)) for _ in range(300)]
        runs.append([reply == plain("0304 ffff ffff") for reply in replies])
    assert runs[0] == runs[1]
    assert 1 <= sum(runs[0]) <= 30
    assert not any(a and b for a, b in zip(runs[0], runs[0][1:], strict=False))


def test_maxima_are_cleared_by_reading() -> None:
    """A peak is shown once, then the present value."""
    asked = Asked("bender-rcmb300")
    asked.device.set("residual_current_dc", 0.006)
    asked.device.set("residual_current_dc", 0.0)
    assert plain(asked.ask("031f520002")) == plain("0304 3bc4 9ba6")
    assert plain(asked.ask("031f520002")) == plain("0304 0000 0000")
    assert asked.device.truth("alarm_count") == 4


@pytest.mark.parametrize(
    ("model", "write", "read", "reply"),
    [
        ("eletechsup-r4d3b16", "0600010100", "0300010001", "0302 0001"),
        ("eletechsup-r4d3b16", "0600000700", "0300100001", "0302 0001"),
        ("eletechsup-r4d3b16", "0600010300", "0300010001", "0302 0001"),
        ("kmtronic-relay", "050000ff00", "0100000008", "0101 01"),
        ("kmtronic-relay", "0f0000000801a5", "0100000008", "0101 a5"),
        ("c0135-relay-board", "0500020100", "0100010004", "0101 02"),
        ("waveshare-modbus-rtu-relay", "050003ff00", "0100000008", "0101 08"),
        ("phoenix-em-cp-pp-eth", "0501900000", "0101900001", "0101 00"),
    ],
)
def test_coils(model: str, write: str, read: str, reply: str) -> None:
    """What is switched reads back in the board's own encoding."""
    asked = Asked(model)
    assert asked.ask(write)
    assert plain(asked.ask(read, after_s=0.1)) == plain(reply)


def test_timed_relays_let_go() -> None:
    """R4D3B16: 0x0603 is on for three seconds."""
    asked = Asked("eletechsup-r4d3b16")
    asked.ask("0600020603")
    assert plain(asked.ask("0300020001", after_s=2.9)) == plain("0302 0001")
    assert plain(asked.ask("0300020001", after_s=0.2)) == plain("0302 0000")


def test_latched_relays_are_alone() -> None:
    """R4D3B16: 0x0400 closes one and opens all others, a timed one too."""
    asked = Asked("eletechsup-r4d3b16")
    asked.ask("0600010100")
    asked.ask("0600020609")
    asked.ask("0600030400", after_s=0.1)
    assert plain(asked.ask("0300010004", after_s=0.1)) == plain("0308 0000 0000 0001 0000")


def test_unit_address_can_be_written() -> None:
    """A C0135 answers at its new address from then on."""
    asked = Asked("c0135-relay-board")
    asked.ask("0640000009")
    assert asked.device.unit == 9


def test_early_and_sensitive_devices_say_so() -> None:
    """What the line has to know: the C0135's 0.15 ms, the SDM120's lost first request."""
    assert Asked("c0135-relay-board").device.turnaround_s == pytest.approx(0.00015)
    sensitive = [m for m in library.models() if Asked(m).device.loses_first_after_change]
    assert sensitive == ["eastron-sdm120"]


def test_all_is_set_or_nothing() -> None:
    """Of several changes with one mistake none is made."""
    device = Asked("heidelberg-energy-control").device
    device.set_all({"current_l1": 7.5, "pilot": "B"})
    before = (device.settings["pilot"], device.physics.get("voltage_l1"))
    with pytest.raises(ValueError, match="takes 0 to"):
        device.set_all({"pilot": "C", "voltage_l1": 200.0, "current_l2": -1.0})
    assert (device.settings["pilot"], device.physics.get("voltage_l1")) == before


def test_unknown_devices_and_quantities() -> None:
    """Mistakes are named, not guessed."""
    with pytest.raises(ValueError, match="device 'sdm630' is unknown; known: abb-b23-b24"):
        Asked("sdm630")
    device = Asked("eastron-sdm630").device
    with pytest.raises(KeyError, match="has no 'power'"):
        device.truth("power")
    with pytest.raises(KeyError, match="cannot be set; these can"):
        device.set("power_l1", 5.0)


@pytest.mark.parametrize(
    ("model", "quantity", "value", "told"),
    [
        ("eastron-sdm630", "voltage_l1", -1.0, "'voltage_l1' takes 0 to"),
        ("eastron-sdm630", "pf_l1", 1.1, "'pf_l1' takes -1 to 1"),
        ("eastron-sdm630", "voltage_l1", "230", "'voltage_l1' takes a number"),
        ("eastron-sdm630", "voltage_l1", float("nan"), "'voltage_l1' takes 0 to"),
        ("keba-p30-p40", "pilot", "G", "pilot is one of A, B, C, D, E, F"),
        ("keba-p30-p40", "pilot", 1, "'pilot' takes a text"),
        ("keba-p30-p40", "errors", "none", "'errors' takes a number"),
        ("keba-p30-p40", "current_limit", float("inf"), "takes a finite number"),
        ("sunspec-meter-20x", "power_exponent", 99, "takes -10 to 10"),
        ("cg-em580-ocmf", "signed_map", "no hex", "non-hexadecimal"),
    ],
)
def test_impossible_settings(model: str, quantity: str, value: float | str, told: str) -> None:
    """What no device could measure or show is refused, and changes nothing."""
    device = Asked(model).device
    before = device.truth(quantity) if quantity in device.points else None
    with pytest.raises(ValueError, match=told):
        device.set(quantity, value)
    if quantity in device.points:
        assert device.truth(quantity) == before


@pytest.mark.parametrize(
    ("model", "firmware", "told"),
    [
        ("eastron-sdm630", "1.2", "comes with one firmware only"),
        ("bender-cc612-cc613", "new", "cannot have firmware 'new'; one like '5.22'"),
        ("simpleevse-wb-din", "17a", "cannot have firmware '17a'; one like '18'"),
        ("sunspec-meter-20x", "here", "cannot have firmware 'here'; one like '40000'"),
    ],
)
def test_impossible_firmware(model: str, firmware: str, told: str) -> None:
    """A firmware that means nothing is refused when the device is made."""
    with pytest.raises(ValueError, match=told):
        Asked(model, firmware)
