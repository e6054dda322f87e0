"""Recordings survive the way to the file and back, and say plainly what is wrong with a file."""

from __future__ import annotations

import contextlib
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laddvakt_hal.frame import crc16
from laddvakt_hal.profile import load_profile
from laddvakt_hal.recording import Recording, RecordingError, decode, encode, load
from laddvakt_hal.recording_redact import naming_registers, redact
from laddvakt_hal.tap import Frame

SDM630 = Path(__file__).parents[1] / "data" / "recordings" / "sdm630-9600.lvrec"


def frame(at_s: float, raw: bytes, *, reply: bool = False, unit: int = 1, error: str = "") -> Frame:
    return Frame(
        at_s=at_s, last_s=at_s + len(raw) / 960, direction="reply" if reply else "request",
        raw=raw, unit=unit, error=error,
    )  # fmt: skip


def checked(body: bytes) -> bytes:
    return body + crc16(body).to_bytes(2, "little")


TWO = Recording(
    framing="rtu",
    about={"line": "line1", "baud": "9600", "format": "8N1"},
    frames=(
        frame(100.0, checked(b"\1\3\0\0\0\1")),
        frame(100.02, checked(b"\1\3\2\0\7"), reply=True),
        frame(1e6, checked(b"\2\4\0\0\0\2"), unit=2),
        frame(1e6 + 0.05, b"\2\4\4\xff", reply=True, unit=2, error="short"),
    ),
)
HEADER = len(encode(replace(TWO, frames=())))


def test_what_was_recorded_comes_back_with_times_from_zero() -> None:
    back = decode(encode(TWO))
    assert (back.framing, back.about, back.damage) == ("rtu", TWO.about, "")
    assert [(f.raw, f.unit, f.direction, f.error) for f in back.frames] == [
        (f.raw, f.unit, f.direction, f.error) for f in TWO.frames
    ]
    assert back.frames[0].at_s == 0.0
    for before, after in zip(TWO.frames, back.frames, strict=True):
        assert after.at_s == pytest.approx(before.at_s - 100.0, abs=2e-6)
        assert after.last_s - after.at_s == pytest.approx(before.last_s - before.at_s, abs=2e-6)


FRAMES = st.builds(
    Frame,
    at_s=st.floats(0, 1e5),
    last_s=st.floats(0, 1e5),
    direction=st.sampled_from(["request", "reply"]),
    raw=st.binary(max_size=300),
    unit=st.integers(0, 255),
    error=st.sampled_from(["", "crc", "short"]),
)


@given(st.lists(FRAMES, max_size=8))
def test_whatever_the_frames_their_characters_come_back(frames: list[Frame]) -> None:
    back = decode(encode(Recording(framing="tcp", frames=tuple(frames))))
    assert [(f.raw, f.unit, f.error) for f in back.frames] == [
        (f.raw, f.unit, f.error) for f in frames
    ]
    times = [f.at_s for f in back.frames]
    assert times == sorted(times)
    assert all(f.last_s >= f.at_s for f in back.frames)


@given(st.binary(max_size=400))
def test_any_file_is_a_recording_or_a_plain_no(data: bytes) -> None:
    """Damage raises nothing but the recording's own error."""
    with contextlib.suppress(RecordingError):
        assert decode(data).framing in ("rtu", "tcp")


@given(st.integers(HEADER, len(encode(TWO)) - 1))
def test_a_file_that_ends_early_keeps_its_whole_frames(length: int) -> None:
    back = decode(encode(TWO)[:length])
    kept = len(back.frames)
    whole = length == len(encode(replace(TWO, frames=TWO.frames[:kept])))
    assert [f.raw for f in back.frames] == [f.raw for f in TWO.frames[:kept]]
    assert bool(back.damage) is not whole


@given(st.integers(HEADER, len(encode(TWO)) - 1), st.integers(1, 255))
def test_a_damaged_byte_ends_the_recording_before_it(at: int, mask: int) -> None:
    data = bytearray(encode(TWO))
    data[at] ^= mask
    back = decode(bytes(data))
    kept = len(back.frames)
    assert kept < len(TWO.frames)
    assert [f.raw for f in back.frames] == [f.raw for f in TWO.frames[:kept]]
    assert "whole" in back.damage


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "does not begin with LVREC"),
        (b"PK\3\4 a zip file", "does not begin with LVREC"),
        (b"LVREC", "ends inside its header"),
        (encode(TWO)[: HEADER - 1], "ends inside its header"),
        (b"LVREC\2" + encode(TWO)[6:], "version 2, this program reads 1"),
        (encode(TWO)[:12] + b"X" + encode(TWO)[13:], "damaged header"),
    ],
    ids=["empty", "zip", "five bytes", "cut header", "newer", "flipped"],
)
def test_what_is_no_recording_says_why(data: bytes, said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        decode(data)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\1",
        b"\7\1\0\0\0",
        b"\0\1\xff",
        b"\0\1\0\0\1\xff",
        b"\0\1" + b"\xff" * 200 + b"\1\0\0",  # after more time than there is
    ],
)
def test_a_whole_record_that_makes_no_sense_is_damage(body: bytes) -> None:
    record = struct.pack(">H", len(body)) + body
    data = encode(replace(TWO, frames=())) + record + struct.pack(">I", zlib.crc32(record))
    assert "makes no sense" in decode(data).damage


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none\.lvrec: cannot be read"):
        load(tmp_path / "none.lvrec")


def test_redacting_takes_the_serial_number_and_nothing_else() -> None:
    profile = load_profile("eastron-sdm72d-m-v2")
    serial, code = b"\1\3\4\x12\x34\x56\x78", b"\1\3\2\0\x89"
    before = replace(
        TWO,
        frames=(
            frame(0, checked(b"\1\3\xfc\0\0\2")),
            frame(0.1, checked(serial), reply=True),
            frame(0.2, checked(b"\1\3\xfc\2\0\1")),
            frame(0.3, checked(code), reply=True),
            frame(0.4, checked(b"\1\3\xfc\0\0\2")),
            frame(0.5, serial, reply=True, error="short"),
            frame(0.6, checked(b"\1\3\xfc\0\0\2")),
            frame(0.7, checked(b"\1\x83\2"), reply=True),
        ),
    )
    after = redact(before, naming_registers(profile, 1)).frames
    assert after[1].raw == checked(b"\1\3\4\0\0\0\0")
    assert after[3] == before.frames[3]
    assert after[5].raw == bytes(len(serial))
    assert after[7] == before.frames[7]
    assert redact(before, naming_registers(profile, 2)) == before


def test_a_serial_number_that_comes_late_is_taken_out_too() -> None:
    """It stands behind the next request then, and nobody believed it."""
    profile = load_profile("eastron-sdm72d-m-v2")
    late = checked(b"\1\3\4\x12\x34\x56\x78")
    before = replace(
        TWO,
        frames=(
            frame(0, checked(b"\1\3\xfc\0\0\2")),
            frame(0.2, checked(b"\1\4\0\0\0\1")),
            frame(0.3, late, reply=True, error="function"),
        ),
    )
    assert redact(before, naming_registers(profile, 1)).frames[2].raw == bytes(len(late))


@pytest.mark.parametrize("base", [40000, 50000, 0])
def test_a_sunspec_serial_number_is_found_behind_every_marker(base: int) -> None:
    registers = naming_registers(load_profile("sunspec-meter-20x"), 5)
    assert {(5, 3, base + 52 + n) for n in range(16)} <= registers
    assert len(registers) == 3 * 16


def test_the_recording_in_this_repository_is_whole_and_names_nobody() -> None:
    recording = load(SDM630)
    assert (recording.framing, recording.damage) == ("rtu", "")
    assert len(recording.frames) == 33
    asked = naming_registers(load_profile("eastron-sdm630"), 1)
    assert asked
    assert redact(recording, asked) == recording
    assert SDM630.stat().st_size < 1000
