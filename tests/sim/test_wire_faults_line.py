"""The half-duplex line in virtual time: pacing, echo, collisions, babble, open cable, noise."""

from __future__ import annotations

import random

import pytest

from laddvakt_sim.bench_world import BenchWorld
from laddvakt_sim.firmware.slave import Silence, intact, seal
from laddvakt_sim.line_words import Noise
from laddvakt_sim.wire import UNIT_CHANGE_PAUSE_S, Wire, WireSpec
from laddvakt_sim.wire_damage import Adu
from sim.virtual_line import Plain, VirtualLine, read, reply

GOOD = reply(1)


@pytest.mark.parametrize(
    ("baud", "form", "bits"),
    [
        (2400, "8N1", 10),
        (9600, "8N1", 10),
        (19200, "8E1", 11),
        (57600, "8N2", 11),
        (115200, "8E2", 12),
    ],
)
def test_every_character_has_its_time(baud: int, form: str, bits: int) -> None:
    """Request, turnaround, then one character after the other, exactly."""
    line = VirtualLine(Plain(1, turnaround_s=0.004), baud=baud, form=form)
    start_s, char_s = line.now_s, bits / baud
    assert line.ask(read(1)) == GOOD
    begins_s = start_s + 8 * char_s + 0.004
    expected = [begins_s + (n + 1) * char_s for n in range(len(GOOD))]
    assert [at_s for at_s, _ in line.got] == pytest.approx(expected, abs=1e-6)


def test_early_reply() -> None:
    """A device faster than 3.5 characters answers all the same."""
    line = VirtualLine(Plain(1, turnaround_s=0.00015))
    start_s = line.now_s
    assert line.ask(read(1)) == GOOD
    assert line.got[0][0] - start_s == pytest.approx(9 * line.spec.char_s + 0.00015)


def test_echo() -> None:
    """The adapter hears its own characters while it sends them, then the reply."""
    line = VirtualLine(echo=True)
    start_s = line.now_s
    assert line.ask(read(1)) == read(1) + GOOD
    assert line.got[7][0] - start_s == pytest.approx(8 * line.spec.char_s)
    line.inject("unplugged")
    assert line.ask(read(1)) == read(1), "the echo does not need the cable"


def test_talking_into_a_reply() -> None:
    """Both are lost: garbage comes, as long as the reply, and nobody answers the second request."""
    line = VirtualLine()
    line.send(read(1))
    line.run(8 * line.spec.char_s + 0.005 + 3.5 * line.spec.char_s)
    line.send(read(2))
    line.run(0.2)
    assert len(line.heard) == len(GOOD)
    assert line.heard[:3] == GOOD[:3]
    assert not intact(line.heard)
    assert line.notes() == ["", "collision", "collision"]


def test_a_late_reply_destroys_a_request_on_its_way() -> None:
    """It begins while the master talks: the device does not hear, the master gets garbage."""
    line = VirtualLine()
    line.inject("late", unit=1, delay_ms=50, once=True)
    line.send(read(1))
    line.run(8 * line.spec.char_s + 0.047)
    assert line.ask(read(2)) != b""
    assert not intact(line.heard)
    assert [f["note"] for f in line.frames("reply")] == ["late, collision"]
    assert line.notes("request") == ["", "collision"]


def test_two_devices_at_once() -> None:
    """Two replies that overlap are garbage as long as both together need."""
    line = VirtualLine()
    line.inject("late", unit=1, delay_ms=30)
    line.send(read(1))
    line.run(8 * line.spec.char_s + 0.017)
    line.send(read(2))
    line.run(0.2)
    assert len(line.frames("reply")) == 2
    assert all("collision" in note for note in line.notes("reply"))
    assert GOOD not in line.heard
    assert reply(2) not in line.heard


@pytest.mark.parametrize(
    ("duty", "least", "most"), [(0.1, 0.07, 0.13), (0.5, 0.4, 0.6), (1, 0.9, 1)]
)
def test_babble_takes_its_share(duty: float, least: float, most: float) -> None:
    """Its characters come for `duty` of the time, nobody else is understood meanwhile."""
    line = VirtualLine()
    line.inject("babble", duty=duty, chars=10)
    line.run(10.0)
    assert least <= len(line.heard) * line.spec.char_s / 10.0 <= most
    chance, sound = random.Random(1), 0
    for _ in range(100):
        line.got.clear()
        line.send(read(1))
        line.run(0.1 + chance.random() / 10)
        sound += GOOD in line.heard
    assert sound == 0 if duty == 1 else 0 < sound < 100 if duty < 0.2 else sound < 60
    line.heal()
    line.run(0.5)
    assert line.ask(read(1)) == GOOD


def test_unplugged_in_the_middle_of_a_reply() -> None:
    """What was through is through, the rest is lost; plugged in again all is well."""
    line = VirtualLine()
    line.send(read(1))
    line.run(8 * line.spec.char_s + 0.005 + 4.5 * line.spec.char_s)
    line.inject("unplugged")
    line.run(0.1)
    assert line.heard == GOOD[:4]
    assert line.ask(read(1)) == b""
    assert line.notes("request")[-1] == "unplugged"
    line.heal()
    assert line.ask(read(1)) == GOOD


def test_noise_hits_only_its_time() -> None:
    """Characters within the window are damaged, in either direction, others never."""
    line = VirtualLine()
    char_s = line.spec.char_s
    begins_s = line.now_s + 8 * char_s + 0.005
    window = {"from_s": begins_s + 2 * char_s, "to_s": begins_s + 4 * char_s}
    line.core.noise(Noise(**window, rate=1.0, seed=1))
    got = line.ask(read(1))
    assert [a == b for a, b in zip(got, GOOD, strict=True)] == [n not in (2, 3) for n in range(9)]
    assert line.notes("reply") == ["noise"]
    assert line.frames("reply")[0]["shows"] == []
    line.core.noise(Noise(from_s=line.now_s, to_s=line.now_s + char_s, rate=1.0, seed=1))
    assert line.ask(read(1)) == b""
    assert line.notes("request") == ["", "noise"]
    assert line.ask(read(1)) == GOOD


def test_first_request_after_another_unit_is_lost() -> None:
    """As with the SDM120: the second one is heard, and so is one after a pause."""
    sensitive, other = Plain(1), Plain(2)
    sensitive.loses_first_after_change = True
    line = VirtualLine(sensitive, other)
    assert line.ask(read(1)) == GOOD
    assert line.ask(read(2), 0.05) == reply(2)
    assert line.ask(read(1), 0.05) == b""
    assert line.ask(read(1), 0.05) == GOOD
    assert line.ask(read(2), 0.03 + UNIT_CHANGE_PAUSE_S) == reply(2)
    assert line.ask(read(1)) == GOOD


def _gateway() -> tuple[Wire, Plain]:
    device = Plain(1)
    world = BenchWorld({"gw": (device,)}, 0.0)  # type: ignore[dict-item]
    spec = WireSpec(name="gw", rtu=False, baud=None, char_s=0.0, gateway_s=0.3)
    return Wire(spec, world), device


@pytest.mark.parametrize("unit", [1, 9])
def test_gateway_speaks_for_who_is_silent(unit: int) -> None:
    """An unknown unit and a silent one: exception 0x0B after the gateway's time-out."""
    wire, device = _gateway()
    asked = Adu(unit=unit, pdu=read(1)[1:-2], tid=7)
    if unit == 1:
        (answered,) = wire.serve(asked.raw(), (0.0, 0.0)).replies
        assert answered.raw == Adu(unit=1, pdu=GOOD[1:-2], tid=7).raw()
        device.read_registers = _silence  # type: ignore[method-assign]
    (returned,) = wire.serve(asked.raw(), (0.0, 0.0)).replies
    assert returned.raw == Adu(unit=unit, pdu=b"\x83\x0b", tid=7).raw()
    assert returned.delay_s == 0.3


def _silence(fc: int, addr: int, count: int) -> list[int]:
    raise Silence


def test_function_of_unknown_length_ends_by_silence() -> None:
    """FC 43 is refused once the line has been silent."""
    line = VirtualLine()
    assert line.ask(seal(1, bytes.fromhex("2b0e0100"))) == seal(1, b"\xab\x01")


@pytest.mark.parametrize(("gap_chars", "whole"), [(0.0, True), (3.4, True), (3.6, False)])
def test_a_gap_ends_a_frame(gap_chars: float, whole: bool) -> None:
    """Two pieces are one frame up to 3.5 characters of silence between them."""
    line = VirtualLine()
    line.send(read(1)[:3])
    line.run((3 + gap_chars) * line.spec.char_s)
    assert line.ask(read(1)[3:]) == (GOOD if whole else b"")
