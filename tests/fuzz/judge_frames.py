"""What must hold for any bytes a line or a peer can send: shared by both ways of fuzzing."""

from __future__ import annotations

import struct

from laddvakt_hal.errors import Garbled, Refused
from laddvakt_hal.frame import (
    EXCEPTION_LENGTH,
    Found,
    Function,
    Request,
    crc16,
    encode_pdu,
    encode_tcp,
    judge,
    parse_pdu,
    rtu_reply_length,
    scan,
    trailing_is_glitch,
)
from laddvakt_hal.tcp_link import frame_size

_HEAD = struct.Struct(">BBHBB")
HEAD_LENGTH = _HEAD.size
_FUNCTIONS = tuple(Function)
_BITS = (Function.READ_COILS, Function.READ_INPUTS, Function.WRITE_COILS)


def request_from(head: bytes) -> Request:
    """Any possible request, from a few bytes."""
    unit, chosen, address, count, value = _HEAD.unpack(head)
    function = _FUNCTIONS[chosen % len(_FUNCTIONS)]
    single = function in (Function.WRITE_COIL, Function.WRITE_REGISTER)
    count = 1 if single else 1 + count % 120
    address = min(address, 0x10000 - count)
    probe = Request(unit=unit, function=Function.READ_HOLDING, address=address)
    writes = function not in _FUNCTIONS[:4]
    return Request(
        unit=probe.unit,
        function=function,
        address=address,
        count=count,
        values=(value,) * count if writes else (),
    )


def check(data: bytes) -> None:
    """Judge `data` as head of a request and what came back for it.

    Raises:
        AssertionError: something was believed that must not be, or an error is not one of ours.
    """
    if len(data) < HEAD_LENGTH:
        return
    request, came = request_from(data[:HEAD_LENGTH]), data[HEAD_LENGTH:]
    _check_rtu(request, came)
    _check_pdu(request, came)
    _check_tcp(request, came)


def _check_rtu(request: Request, came: bytes) -> None:
    verdict = scan(came, request)
    if isinstance(verdict, Found):
        frame = came[verdict.start : verdict.end]
        assert crc16(frame) == 0
        assert frame[0] == request.unit
        assert frame[1] & 0x7F == request.function
        assert len(frame) in (EXCEPTION_LENGTH, rtu_reply_length(request))
        assert verdict.pdu == frame[1:-2]
        assert isinstance(scan(frame, request), Found)
        _check_pdu(request, verdict.pdu)
        trailing_is_glitch(came[verdict.end :])
    else:
        assert 1 <= verdict.count <= rtu_reply_length(request)
        if came:
            assert isinstance(judge(came, request), Garbled)


def _check_pdu(request: Request, pdu: bytes) -> None:
    payload, refused = None, None
    try:
        payload = parse_pdu(pdu, request)
    except Garbled:
        return
    except Refused as error:
        refused = error
    if refused is not None:
        assert pdu == bytes((request.function | 0x80, refused.exception_code))
        return
    assert payload is not None
    assert pdu[0] == request.function
    if not request.is_read:
        assert pdu == encode_pdu(request)[:5]
    elif request.function in _BITS:
        assert len(payload.bits) == request.count
    else:
        assert struct.pack(f">{request.count}H", *payload.words) == pdu[2:]


def _check_tcp(request: Request, came: bytes) -> None:
    """Frames come off a stream whole, in order, and not one byte is lost."""
    own = encode_tcp(request, 7)
    assert frame_size(own) == len(own)
    stream, taken = bytearray(own + came), 0
    while (size := frame_size(stream)) is not None:
        if size < 0:
            return
        assert 8 <= size <= 260
        assert stream[2:4] == b"\0\0"
        del stream[:size]
        taken += size
    assert taken >= len(own)
    assert taken + len(stream) == len(own) + len(came)
    assert len(stream) < 260
