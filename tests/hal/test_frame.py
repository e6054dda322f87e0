"""Frames, pure: what is believed and what is not, whatever stands around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest

from hal.slave import crc, framed, obey, registers
from laddvakt_hal.errors import Garbled, Refused
from laddvakt_hal.frame import (
    Found,
    Function,
    Missing,
    Request,
    crc16,
    encode_rtu,
    encode_tcp,
    parse_pdu,
    rtu_reply_length,
    scan,
)

READ = Request(unit=7, function=Function.READ_HOLDING, address=10, count=2)
requests = st.one_of(
    st.builds(
        lambda unit, function, address, count: Request(
            unit=unit, function=function, address=address, count=count
        ),
        st.integers(1, 247),
        st.sampled_from([Function.READ_HOLDING, Function.READ_INPUT_REGISTERS]),
        st.integers(0, 60000),
        st.integers(1, 125),
    ),
    st.builds(
        lambda unit, function, address, value: Request(
            unit=unit, function=function, address=address, values=(value,)
        ),
        st.integers(1, 247),
        st.sampled_from([Function.WRITE_COIL, Function.WRITE_REGISTER]),
        st.integers(0, 65535),
        st.integers(0, 65535),
    ),
)


@given(st.binary(max_size=300))
def test_check_sum_agrees_with_two_others(data: bytes) -> None:
    ours = crc16(data).to_bytes(2, "little")
    assert ours == crc(data)
    assert ours == FramerRTU.compute_CRC(data).to_bytes(2, "big")
    assert crc16(data + ours) == 0


def test_frames_agree_with_pymodbus() -> None:
    theirs = ReadHoldingRegistersRequest(address=10, count=2, dev_id=7)
    assert encode_rtu(READ) == FramerRTU(DecodePDU(is_server=False)).buildFrame(theirs)


@pytest.mark.parametrize(
    ("request_", "wire"),
    [
        pytest.param(READ, "07 03 00 0a 00 02", id="read"),
        pytest.param(
            Request(unit=3, function=Function.WRITE_COIL, address=0x200, values=(20,)),
            "03 05 02 00 00 14",
            id="flash-on",
        ),
        pytest.param(
            Request(
                unit=255, function=Function.WRITE_REGISTERS, address=1300, count=2, values=(0, 0)
            ),
            "ff 10 05 14 00 02 04 00 00 00 00",
            id="write-two",
        ),
        pytest.param(
            Request(
                unit=1, function=Function.WRITE_COILS, address=0, count=9, values=(1, 0) * 4 + (1,)
            ),
            "01 0f 00 00 00 09 02 55 01",
            id="write-coils",
        ),
    ],
)
def test_requests_on_the_wire(request_: Request, wire: str) -> None:
    body = bytes.fromhex(wire)
    assert encode_rtu(request_) == framed(body)
    head = bytes((0x12, 0x34, 0, 0, 0, len(body)))
    assert encode_tcp(request_, 0x1234) == head + body


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": 256},
        {"address": -1},
        {"count": 126},
        {"count": 0},
        {"address": 65535, "count": 2},
        {"values": (1,)},
        {"function": Function.WRITE_REGISTER, "values": (65536,)},
        {"function": Function.WRITE_REGISTERS, "count": 2, "values": (1,)},
    ],
    ids=str,
)
def test_impossible_requests_cannot_be_built(wrong: dict[str, object]) -> None:
    good: dict[str, object] = {"unit": 1, "function": Function.READ_HOLDING, "address": 0}
    with pytest.raises(ValueError, match=r"expected|values|reach"):
        Request(**(good | wrong))  # type: ignore[arg-type] # wrong on purpose


@given(requests, st.binary(max_size=6), st.data())
def test_good_reply_is_found_behind_garbage_and_never_early(
    request: Request, garbage: bytes, data: st.DataObject
) -> None:
    reply = obey(encode_rtu(request))
    whole = garbage + reply
    found = scan(whole, request)
    assert isinstance(found, Found)
    assert found.pdu == whole[found.start + 1 : found.end - 2]
    assert crc16(whole[found.start : found.end]) == 0
    cut = data.draw(st.integers(0, len(reply) - 1))
    early = scan(reply[:cut], request)
    assert isinstance(early, Missing)
    assert 1 <= early.count <= len(reply) - cut


@given(requests, st.integers(0, 2000), st.integers(0, 7))
def test_one_wrong_bit_is_never_a_reply(request: Request, where: int, bit: int) -> None:
    reply = bytearray(obey(encode_rtu(request)))
    reply[where % len(reply)] ^= 1 << bit
    assert isinstance(scan(reply, request), Missing)


@given(requests, requests)
def test_reply_to_one_is_no_reply_to_another_of_different_shape(one: Request, two: Request) -> None:
    """Reads of the same unit, function and length cannot be told apart: that is the bus's part."""
    same_read = (one.unit, one.function, one.count) == (two.unit, two.function, two.count)
    if one == two or (one.is_read and two.is_read and same_read):
        return
    assert isinstance(scan(obey(encode_rtu(one)), two), Missing)


@given(st.binary(max_size=260))
def test_any_pdu_is_judged_not_crashed_on(pdu: bytes) -> None:
    try:
        payload = parse_pdu(pdu, READ)
    except (Garbled, Refused):
        return
    assert len(payload.words) == 2


def test_exception_frame_is_found_and_named() -> None:
    frame = framed(b"\x07\x83\x02")
    found = scan(frame, READ)
    assert isinstance(found, Found)
    with pytest.raises(Refused, match=r"address not there \(unit 7 function 3 address 10\.\.11\)"):
        parse_pdu(found.pdu, READ)


def test_reply_length_is_known_beforehand() -> None:
    assert rtu_reply_length(READ) == len(registers(7, 3, [1, 2]))
