"""Modbus frames, pure: what a request looks like and whether characters are its reply.

On RTU nothing in a reply says which request it answers. So a reply is believed only when unit,
function, byte count (or, for writes, the whole echo of address and value) and CRC all agree; the
rest – that no older reply can still be under way – is the bus's duty.
Source: Modbus Application Protocol V1.1b3, Modbus over Serial Line V1.02.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from laddvakt_hal.errors import Garbled, Refused

EXCEPTION_LENGTH = 5  # unit, function | 0x80, code, CRC
MAX_GLITCH = 2  # transceivers switching off may add a character or two of 0x00 or 0xFF
_GLITCHES = b"\x00\xff"
_EXCEPTIONS = {
    1: "function not supported",
    2: "address not there",
    3: "value not allowed",
    4: "device failure",
    5: "accepted, still working",
    6: "busy",
    8: "memory parity",
    10: "the gateway has no way to this unit; check its unit table and its own line",
    11: "silent behind the gateway; check the unit's power, wiring and address",
}


class Function(enum.IntEnum):
    """The Modbus functions the agent uses."""

    READ_COILS = 1
    READ_INPUTS = 2
    READ_HOLDING = 3
    READ_INPUT_REGISTERS = 4
    WRITE_COIL = 5
    WRITE_REGISTER = 6
    WRITE_COILS = 15
    WRITE_REGISTERS = 16


_BIT_READS = (Function.READ_COILS, Function.READ_INPUTS)
_READS = (*_BIT_READS, Function.READ_HOLDING, Function.READ_INPUT_REGISTERS)
_MAX_COUNT = {
    Function.READ_COILS: 2000,
    Function.READ_INPUTS: 2000,
    Function.READ_HOLDING: 125,
    Function.READ_INPUT_REGISTERS: 125,
    Function.WRITE_COIL: 1,
    Function.WRITE_REGISTER: 1,
    Function.WRITE_COILS: 1968,
    Function.WRITE_REGISTERS: 123,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question or command to one unit; `values` are bits or words to write."""

    unit: int
    function: Function
    address: int
    count: int = 1
    values: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no device could answer.

        Raises:
            ValueError: a number is outside the protocol's range.
        """
        if not (0 <= self.unit <= 255 and 0 <= self.address <= 0xFFFF):
            raise ValueError(f"unit 0..255 and address 0..65535 expected: {self!r}")
        if not 1 <= self.count <= _MAX_COUNT[self.function]:
            raise ValueError(f"count 1..{_MAX_COUNT[self.function]} expected: {self!r}")
        if self.address + self.count > 0x10000:
            raise ValueError(f"address and count reach beyond 65535: {self!r}")
        if len(self.values) != (0 if self.is_read else self.count):
            raise ValueError(f"as many values as the count expected: {self!r}")
        if any(not 0 <= value <= 0xFFFF for value in self.values):
            raise ValueError(f"values are 0..65535: {self!r}")

    @property
    def is_read(self) -> bool:
        """True when the reply carries data."""
        return self.function in _READS

    @property
    def echoes(self) -> bool:
        """True when a good RTU reply is character for character the request."""
        return self.function in (Function.WRITE_COIL, Function.WRITE_REGISTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What a reply carried: words or bits, empty for writes."""

    words: tuple[int, ...] = ()
    bits: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A reply with a good CRC stands at `start`..`end` in the buffer."""

    start: int
    end: int
    pdu: bytes


@dataclass(frozen=True, slots=True)
class Missing:
    """No reply yet; at least `count` more characters are needed."""

    count: int


def crc16(data: bytes | bytearray) -> int:
    """CRC-16/MODBUS of `data`; 0 over a whole frame means the frame is intact."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def encode_pdu(request: Request) -> bytes:
    """Function, address and what follows, without unit and CRC."""
    head = struct.pack(">BH", request.function, request.address)
    match request.function:
        case Function.WRITE_COIL | Function.WRITE_REGISTER:
            return head + struct.pack(">H", request.values[0])
        case Function.WRITE_REGISTERS:
            body = struct.pack(f">{request.count}H", *request.values)
        case Function.WRITE_COILS:
            body = _pack_bits(request.values)
        case _:
            return head + struct.pack(">H", request.count)
    return head + struct.pack(">HB", request.count, len(body)) + body


def encode_rtu(request: Request) -> bytes:
    """The request as characters on a serial line."""
    return _with_crc(bytes((request.unit,)) + encode_pdu(request))


def encode_tcp(request: Request, transaction: int) -> bytes:
    """The request as a Modbus TCP frame. `transaction` is 1..65535, never 0."""
    pdu = encode_pdu(request)
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, request.unit) + pdu


def rtu_request_length(request: Request) -> int:
    """Characters of the request on the line."""
    return len(encode_pdu(request)) + 3


def rtu_reply_length(request: Request) -> int:
    """Characters of a good reply on the line."""
    return 5 + _byte_count(request) if request.is_read else 8


def scan(buffer: bytes | bytearray, request: Request) -> Found | Missing:
    """Look for the reply to `request` anywhere in `buffer`, garbage before it skipped."""
    head = _reply_head(request)
    good, refused = rtu_reply_length(request), bytes((request.unit, request.function | 0x80))
    missing: int | None = None
    start = buffer.find(request.unit)
    while start >= 0:
        for prefix, length in ((head, good), (refused, EXCEPTION_LENGTH)):
            if not prefix.startswith(buffer[start : start + len(prefix)]):
                continue
            end = start + length
            if end > len(buffer):
                short = len(buffer) - start < len(prefix)
                wanted = EXCEPTION_LENGTH - (len(buffer) - start) if short else end - len(buffer)
                if missing is None:  # a head that began earlier is believed: fewer wake-ups
                    missing = max(wanted, 1)
            elif crc16(buffer[start:end]) == 0:
                return Found(start, end, bytes(buffer[start + 1 : end - 2]))
        start = buffer.find(request.unit, start + 1)
    return Missing(EXCEPTION_LENGTH if missing is None else missing)


def trailing_is_glitch(rest: bytes | bytearray) -> bool:
    """True when characters after a good frame are a transceiver's, not another frame's."""
    return len(rest) <= MAX_GLITCH and all(byte in _GLITCHES for byte in rest)


def judge(buffer: bytes | bytearray, request: Request) -> Garbled:
    """Name what is wrong with characters that never became the reply to `request`."""
    text = bytes(buffer[:16]).hex(" ")
    if len(buffer) >= EXCEPTION_LENGTH - 1 and crc16(buffer) == 0:
        if buffer[0] != request.unit:
            return Garbled("unit", f"unit {buffer[0]} answered for {request.unit}: {text}")
        if buffer[1] & 0x7F != request.function:
            return Garbled("function", f"function {buffer[1]} came: {text}")
        return Garbled("count", f"{len(buffer)} characters of another shape came: {text}")
    if len(buffer) < rtu_reply_length(request):
        return Garbled("short", f"{len(buffer)} of {rtu_reply_length(request)} came: {text}")
    return Garbled("crc", f"{len(buffer)} characters came: {text}")


def has_reply_shape(buffer: bytes | bytearray, request: Request) -> bool:
    """True for a whole reply of the right head and length whose check sum alone is wrong.

    The device has then said all it owed: nothing of it can come late.
    """
    length = rtu_reply_length(request)
    return len(buffer) == length and buffer[:3] == _reply_head(request)[:3]


def parse_pdu(pdu: bytes, request: Request) -> Payload:
    """What the reply carries.

    Raises:
        Refused: the device answered with an exception.
        Garbled: function, byte count or the echo of a write disagree.
    """
    if len(pdu) == 2 and pdu[0] == request.function | 0x80:
        raise Refused(pdu[1], _EXCEPTIONS.get(pdu[1], "unknown") + f" ({describe(request)})")
    if not pdu or pdu[0] != request.function:
        raise Garbled("function", f"{pdu[:8].hex(' ')} to {describe(request)}")
    if not request.is_read:
        if pdu != encode_pdu(request)[:5]:
            raise Garbled("count", f"{pdu[:8].hex(' ')} does not confirm {describe(request)}")
        return Payload()
    size = _byte_count(request)
    if len(pdu) != 2 + size or pdu[1] != size:
        raise Garbled("count", f"{len(pdu) - 2} bytes instead of {size} to {describe(request)}")
    if request.function in _BIT_READS:
        return Payload(bits=tuple(bool(pdu[2 + i // 8] >> i % 8 & 1) for i in range(request.count)))
    return Payload(words=struct.unpack(f">{request.count}H", pdu[2:]))


def describe(request: Request) -> str:
    """The request in a few words, for messages."""
    last = request.address + request.count - 1
    span = str(request.address) if request.count == 1 else f"{request.address}..{last}"
    return f"unit {request.unit} function {int(request.function)} address {span}"


def _byte_count(request: Request) -> int:
    bits = request.function in _BIT_READS
    return (request.count + 7) // 8 if bits else 2 * request.count


def _reply_head(request: Request) -> bytes:
    """All that is known of a good reply beforehand: for writes, everything."""
    if request.is_read:
        return bytes((request.unit, request.function, _byte_count(request)))
    return _with_crc(bytes((request.unit,)) + encode_pdu(request)[:5])


def _pack_bits(values: tuple[int, ...]) -> bytes:
    packed = bytearray((len(values) + 7) // 8)
    for index, value in enumerate(values):
        packed[index // 8] |= (1 if value else 0) << index % 8
    return bytes(packed)


def _with_crc(frame: bytes) -> bytes:
    return frame + struct.pack("<H", crc16(frame))


def _crc_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC_TABLE = tuple(_crc_entry(byte) for byte in range(256))
