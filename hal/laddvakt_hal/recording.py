"""Recordings of a line: frames with their times in a compact file, `.lvrec`.

Layout: `LVREC`, version, framing (one byte each), length (u16) and text of a JSON object about the
line, CRC-32 of all that. Then one record per frame: length (u16), body, CRC-32 of both. A body is
direction and unit (one byte each), then as varints the microseconds since the frame before began
and those the frame lasted, then the error kind (length byte, ASCII) and the raw frame. Big endian.
A file that ends early or is damaged keeps every record before the damage.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from laddvakt_hal.errors import HalError
from laddvakt_hal.tap import Frame

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from laddvakt_hal.tap import Direction

Framing: TypeAlias = Literal["rtu", "tcp"]

MAGIC = b"LVREC"
VERSION = 1
LONGEST_RAW = 2048  # two whole frames and a babbling transceiver; more is no frame
_HEAD = struct.Struct(">5sBBH")
_LENGTH = struct.Struct(">H")
_CRC = struct.Struct(">I")
_FRAMINGS: tuple[Framing, ...] = ("rtu", "tcp")
_DIRECTIONS: tuple[Direction, ...] = ("request", "reply")


class RecordingError(HalError):
    """A file is no recording, or none this version can read; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Frames of one line; their times begin at 0. `damage` says where reading had to stop."""

    framing: Framing
    about: Mapping[str, str] = field(default_factory=dict)  # line, baud, format, begun (UTC)
    frames: tuple[Frame, ...] = ()
    damage: str = ""


class Encoder:
    """Turns frames into the file's bytes, one after the other."""

    def __init__(self, framing: Framing, about: Mapping[str, str]) -> None:
        self._framing = framing
        self._about = dict(about)
        self._before_us: int | None = None

    def header(self) -> bytes:
        """What the file begins with.

        Raises:
            ValueError: more is said about the line than a header holds.
        """
        about = json.dumps(self._about, ensure_ascii=False).encode()
        if len(about) > 0xFFFF:
            raise ValueError(f"{len(about)} bytes about a line are too many")
        head = _HEAD.pack(MAGIC, VERSION, _FRAMINGS.index(self._framing), len(about)) + about
        return head + _CRC.pack(zlib.crc32(head))

    def record(self, frame: Frame) -> bytes:
        """One frame; what is longer than any frame is cut off."""
        at_us = round(frame.at_s * 1e6)
        since_us = 0 if self._before_us is None else max(0, at_us - self._before_us)
        self._before_us = at_us if self._before_us is None else self._before_us + since_us
        error = frame.error.encode("ascii", "replace")[:255]
        body = b"".join(
            (
                bytes((_DIRECTIONS.index(frame.direction), frame.unit)),
                _varint(since_us),
                _varint(max(0, round((frame.last_s - frame.at_s) * 1e6))),
                bytes((len(error),)),
                error,
                frame.raw[:LONGEST_RAW],
            )
        )
        whole = _LENGTH.pack(len(body)) + body
        return whole + _CRC.pack(zlib.crc32(whole))


def encode(recording: Recording) -> bytes:
    """The whole recording as a file's content."""
    encoder = Encoder(recording.framing, recording.about)
    return encoder.header() + b"".join(encoder.record(frame) for frame in recording.frames)


def decode(data: bytes) -> Recording:
    """The recording in a file's content; what comes after damage is left out.

    Raises:
        RecordingError: the header is not one of a recording this version reads.
    """
    framing, about, offset = _header(data)
    frames: list[Frame] = []
    at_us = 0
    while offset < len(data):
        taken = _record(data, offset, at_us)
        if isinstance(taken, str):
            whole = "1 frame" if len(frames) == 1 else f"{len(frames)} frames"
            damage = f"{taken} at byte {offset}; the {whole} before it are whole"
            return Recording(framing=framing, about=about, frames=tuple(frames), damage=damage)
        frame, at_us, offset = taken
        frames.append(frame)
    return Recording(framing=framing, about=about, frames=tuple(frames))


def load(path: Path) -> Recording:
    """The recording in that file.

    Raises:
        RecordingError: it cannot be read or is no recording.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return decode(data)
    except RecordingError as error:
        raise RecordingError(f"{path}: {error}") from None


def _header(data: bytes) -> tuple[Framing, dict[str, str], int]:
    if not data.startswith(MAGIC):
        raise RecordingError("is no recording: it does not begin with LVREC")
    if len(data) < _HEAD.size:
        raise RecordingError("ends inside its header: record again")
    _, version, framing, length = _HEAD.unpack_from(data)
    if version != VERSION:
        raise RecordingError(f"has version {version}, this program reads {VERSION}: update it")
    end = _HEAD.size + length
    if len(data) < end + _CRC.size:
        raise RecordingError("ends inside its header: record again")
    if _CRC.unpack_from(data, end)[0] != zlib.crc32(data[:end]) or framing >= len(_FRAMINGS):
        raise RecordingError("has a damaged header: record again")
    try:
        about = json.loads(data[_HEAD.size : end])
    except ValueError as error:
        raise RecordingError("has a header that is no JSON: record again") from error
    if not isinstance(about, dict):
        raise RecordingError("has a header that is no JSON object: record again")
    texts = {str(key): str(value) for key, value in about.items()}
    return _FRAMINGS[framing], texts, end + _CRC.size


def _record(data: bytes, offset: int, before_us: int) -> tuple[Frame, int, int] | str:
    """A frame, when it began and where the next record is, or what is wrong with it."""
    if len(data) < offset + _LENGTH.size:
        return "the file ends"
    (length,) = _LENGTH.unpack_from(data, offset)
    end = offset + _LENGTH.size + length
    if len(data) < end + _CRC.size:
        return "the file ends"
    if _CRC.unpack_from(data, end)[0] != zlib.crc32(data[offset:end]):
        return "a record is damaged"
    try:
        frame, at_us = _frame(data[offset + _LENGTH.size : end], before_us)
    except (IndexError, UnicodeDecodeError, OverflowError):  # whole, but written by something else
        return "a record makes no sense"
    return frame, at_us, end + _CRC.size


def _frame(body: bytes, before_us: int) -> tuple[Frame, int]:
    direction, unit = body[0], body[1]
    since_us, offset = _take_varint(body, 2)
    lasted_us, offset = _take_varint(body, offset)
    length = body[offset]
    error = body[offset + 1 : offset + 1 + length].decode("ascii")
    at_us = before_us + since_us
    frame = Frame(
        at_s=at_us / 1e6,
        last_s=(at_us + lasted_us) / 1e6,
        direction=_DIRECTIONS[direction],
        raw=body[offset + 1 + length :],
        unit=unit,
        error=error,
    )
    return frame, at_us


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _take_varint(data: bytes, offset: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[offset]
        value |= (byte & 0x7F) << shift
        offset, shift = offset + 1, shift + 7
        if byte < 0x80:
            return value, offset
