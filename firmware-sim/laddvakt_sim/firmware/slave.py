"""Modbus slave core: frame lengths, CRC, PDU handling. Wire rules only, no device knowledge.

Modbus Application Protocol 1.1b3 §6; Modbus over Serial Line 1.02 §2.5.1.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Protocol

MAX_READ_REGISTERS = 125
MAX_WRITE_REGISTERS = 123
MAX_READ_BITS = 2000
MAX_WRITE_BITS = 1968


class ExceptionCode(enum.IntEnum):
    """Why a slave refuses."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3


class Refusal(Exception):
    """The device answers with a Modbus exception."""

    def __init__(self, code: ExceptionCode) -> None:
        super().__init__(f"exception {int(code)}")
        self.code = code


class Silence(Exception):
    """The device says nothing at all; `serve` makes an empty answer of it."""


class Device(Protocol):
    """A register image. Every method raises `Refusal` for what the real device refuses."""

    name: str
    unit: int
    turnaround_s: float  # last character of the request to first character of the reply

    def read_registers(self, fc: int, addr: int, count: int) -> list[int]:
        """FC 3 and 4."""
        ...

    def write_registers(self, fc: int, addr: int, values: list[int]) -> None:
        """FC 6 and 16."""
        ...

    def read_bits(self, fc: int, addr: int, count: int) -> list[bool]:
        """FC 1 and 2."""
        ...

    def write_bit(self, addr: int, raw: int) -> None:
        """FC 5; `raw` is the value word as it came."""
        ...

    def write_bits(self, addr: int, values: list[bool]) -> None:
        """FC 15."""
        ...

    def diagnose(self, subfunction: int, data: bytes) -> bytes:
        """FC 8."""
        ...

    def other(self, fc: int, data: bytes) -> bytes:
        """Any other function; returns what follows the function code in the reply."""
        ...

    def shows(self, fc: int, addr: int, count: int) -> tuple[str, ...]:
        """Names of the faults that can be seen in these registers right now."""
        ...


class RefusingDevice:
    """Refuses every function; a device overrides what it knows."""

    def read_registers(self, fc: int, addr: int, count: int) -> list[int]:
        """Refuse FC 3 and 4."""
        raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)

    def write_registers(self, fc: int, addr: int, values: list[int]) -> None:
        """Refuse FC 6 and 16."""
        raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)

    def read_bits(self, fc: int, addr: int, count: int) -> list[bool]:
        """Refuse FC 1 and 2."""
        raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)

    def write_bit(self, addr: int, raw: int) -> None:
        """Refuse FC 5; `raw` is the value word as it came."""
        raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)

    def write_bits(self, addr: int, values: list[bool]) -> None:
        """Refuse FC 15."""
        raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)

    def diagnose(self, subfunction: int, data: bytes) -> bytes:
        """Refuse FC 8."""
        raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)

    def other(self, fc: int, data: bytes) -> bytes:
        """Refuse every other function."""
        raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)

    def shows(self, fc: int, addr: int, count: int) -> tuple[str, ...]:
        """Show nothing."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply PDU and what it lets the reader see; without a PDU nothing goes onto the wire."""

    pdu: bytes
    shows: tuple[str, ...] = ()


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS of `data`; goes onto the wire low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def seal(unit: int, pdu: bytes) -> bytes:
    """An RTU frame around `pdu`."""
    body = bytes((unit,)) + pdu
    return body + struct.pack("<H", crc16(body))


def intact(frame: bytes) -> bool:
    """True when the frame's CRC is right."""
    return len(frame) >= 4 and struct.unpack("<H", frame[-2:])[0] == crc16(frame[:-2])


def request_length(start: bytes) -> int | None:
    """Length of the RTU request that begins with `start`; None while it cannot be known."""
    if len(start) < 2:
        return None
    match start[1]:
        case 1 | 2 | 3 | 4 | 5 | 6 | 8:
            return 8
        case 15 | 16:
            return None if len(start) < 7 else 9 + start[6]
        case _:
            return None


def serve(pdu: bytes, device: Device) -> Answer:
    """Carry out one request PDU on `device`."""
    fc = pdu[0] if pdu else 0
    try:
        return _carry_out(fc, pdu, device)
    except Refusal as refusal:
        return Answer(pdu=bytes((fc | 0x80, refusal.code)))
    except Silence:
        return Answer(pdu=b"")


def _carry_out(fc: int, pdu: bytes, device: Device) -> Answer:
    match fc:
        case 1 | 2:
            return _read_bits(fc, pdu, device)
        case 3 | 4:
            return _read_registers(fc, pdu, device)
        case 5 | 6:
            return _write_single(fc, pdu, device)
        case 15:
            return _write_bits(pdu, device)
        case 16:
            return _write_registers(pdu, device)
        case _:
            return _other(fc, pdu, device)


def _other(fc: int, pdu: bytes, device: Device) -> Answer:
    if fc == 8:
        subfunction, data = _head(pdu, 3)[0], pdu[3:]
        return Answer(pdu=pdu[:3] + device.diagnose(subfunction, data))
    return Answer(pdu=pdu[:1] + device.other(fc, pdu[1:]))


def _head(pdu: bytes, length: int) -> tuple[int, ...]:
    if len(pdu) < length:
        raise Refusal(ExceptionCode.ILLEGAL_VALUE)
    return struct.unpack(f">{(length - 1) // 2}H", pdu[1:length])


def _counted(pdu: bytes, most: int) -> tuple[int, int]:
    addr, count = _head(pdu, 5)
    if not 1 <= count <= most:
        raise Refusal(ExceptionCode.ILLEGAL_VALUE)
    if addr + count > 0x10000:
        raise Refusal(ExceptionCode.ILLEGAL_ADDRESS)
    return addr, count


def _read_bits(fc: int, pdu: bytes, device: Device) -> Answer:
    addr, count = _counted(pdu, MAX_READ_BITS)
    bits = device.read_bits(fc, addr, count)
    packed = bytearray((count + 7) // 8)
    for index, bit in enumerate(bits):
        packed[index // 8] |= bit << (index % 8)
    return Answer(pdu=bytes((fc, len(packed))) + packed, shows=device.shows(fc, addr, count))


def _read_registers(fc: int, pdu: bytes, device: Device) -> Answer:
    addr, count = _counted(pdu, MAX_READ_REGISTERS)
    shows = device.shows(fc, addr, count)  # first: some registers are cleared by reading
    words = device.read_registers(fc, addr, count)
    body = struct.pack(f">{count}H", *words)
    return Answer(pdu=bytes((fc, len(body))) + body, shows=shows)


def _write_single(fc: int, pdu: bytes, device: Device) -> Answer:
    addr, value = _head(pdu, 5)
    if fc == 5:
        device.write_bit(addr, value)
    else:
        device.write_registers(fc, addr, [value])
    return Answer(pdu=pdu[:5])


def _write_bits(pdu: bytes, device: Device) -> Answer:
    addr, count = _counted(pdu, MAX_WRITE_BITS)
    data = pdu[6:]
    if len(pdu) < 6 or pdu[5] != (count + 7) // 8 or len(data) != pdu[5]:
        raise Refusal(ExceptionCode.ILLEGAL_VALUE)
    device.write_bits(addr, [bool(data[i // 8] >> (i % 8) & 1) for i in range(count)])
    return Answer(pdu=pdu[:5])


def _write_registers(pdu: bytes, device: Device) -> Answer:
    addr, count = _counted(pdu, MAX_WRITE_REGISTERS)
    data = pdu[6:]
    if len(pdu) < 6 or pdu[5] != 2 * count or len(data) != pdu[5]:
        raise Refusal(ExceptionCode.ILLEGAL_VALUE)
    device.write_registers(16, addr, list(struct.unpack(f">{count}H", data)))
    return Answer(pdu=pdu[:5])


def _crc_entry(index: int) -> int:
    for _ in range(8):
        index = (index >> 1) ^ 0xA001 if index & 1 else index >> 1
    return index


_CRC_TABLE = tuple(_crc_entry(index) for index in range(256))
