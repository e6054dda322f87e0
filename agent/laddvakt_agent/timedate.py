"""Asks systemd-timedated whether the clock is synchronised: where the kernel may not be asked.

A sandbox that keeps a service from the clock keeps it from asking about it too. timedated looks at
the kernel's own error bound, so its `NTPSynchronized` holds for timesyncd, chrony, ntpd and PTP. It
is asked over the system bus, by hand and from a thread: it may have to be started first, and
nobody waits for it.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

SYSTEM_BUS = Path("/run/dbus/system_bus_socket")
TIMEOUT_S = 20.0  # it may have to be started on a slow controller
SOON_S = 10.0
LATER_S = 60.0  # once nobody synchronised the clock for a while, or somebody has
SOON_FOR = 30  # times

_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")
_GET = (
    "org.freedesktop.timedate1",
    "/org/freedesktop/timedate1",
    "org.freedesktop.DBus.Properties",
    "Get",
)
_ASKED = ("org.freedesktop.timedate1", "NTPSynchronized")
_CALL, _RETURN = 1, 2  # D-Bus specification, Message Types
_PATH, _INTERFACE, _MEMBER, _REPLY_SERIAL, _DESTINATION, _SIGNATURE = 1, 2, 3, 5, 6, 8
_MOST_BYTES = 1 << 16


class BusError(Exception):
    """The bus, or who was asked over it, gave no answer; said as it is."""


class TimeDate:
    """The last answer, renewed from time to time by a thread that begins with the first look."""

    def __init__(self, ask: Callable[[], bool] | None = None) -> None:
        self._ask = ask if ask is not None else ask_timedated
        self._answer: bool | None = False  # nobody has said so yet
        self._questions = 0  # an answer to an older one than the last step is none
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def synced(self) -> bool | None:
        """Whether the clock is synchronised, as last heard; `None`: there is nobody to ask."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="timedate", daemon=True)
            self._thread.start()
        return self._answer

    def forget(self) -> None:
        """The clock was set: what was said before is worth nothing, it is asked anew."""
        self._questions += 1
        self._answer = False
        self._wake.set()

    def look(self) -> None:
        """Ask once, and wait for the answer."""
        question = self._questions
        try:
            answer: bool | None = self._ask()
        except (BusError, OSError):
            answer = None  # no bus here, or not now: it is asked again
        if question == self._questions:
            self._answer = answer

    def _run(self) -> None:
        for asked in itertools.count():
            self._wake.clear()
            self.look()
            self._wake.wait(SOON_S if asked < SOON_FOR and not self._answer else LATER_S)


def ask_timedated(bus: Path = SYSTEM_BUS) -> bool:
    """Whether timedated says that the clock is synchronised.

    Raises:
        BusError: no usable answer.
        OSError: no bus, or it does not answer in time.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(TIMEOUT_S)
        line.connect(str(bus))
        user = str(os.getuid()).encode().hex()
        line.sendall(f"\0AUTH EXTERNAL {user}\r\n".encode())
        said = line.recv(256)
        if not said.startswith(b"OK "):
            raise BusError(f"the bus does not let us in: {said!r}")
        line.sendall(b"BEGIN\r\n" + _message(1, _BUS) + _message(2, _GET, *_ASKED))
        with line.makefile("rb") as stream:
            return _boolean(_reply(stream.read, 2))


def _message(serial: int, call: tuple[str, str, str, str], *arguments: str) -> bytes:
    """A method call whose arguments are strings (D-Bus specification, Message Format)."""
    destination, path, interface, member = call
    body = b""
    for argument in arguments:
        body += _padded(len(body), 4) + _text(argument)
    fields = b""
    named = ((_PATH, "o", path), (_INTERFACE, "s", interface), (_MEMBER, "s", member),
             (_DESTINATION, "s", destination))  # fmt: skip
    for code, kind, value in named:
        fields += _padded(len(fields), 8) + bytes((code, 1)) + kind.encode() + b"\0" + _text(value)
    if arguments:
        signature = b"s" * len(arguments)
        fields += _padded(len(fields), 8) + bytes((_SIGNATURE, 1)) + b"g\0"
        fields += bytes((len(signature),)) + signature + b"\0"
    head = struct.pack("<cBBBIII", b"l", _CALL, 0, 1, len(body), serial, len(fields))
    return head + fields + _padded(len(fields), 8) + body


def _reply(read: Callable[[int], bytes], serial: int) -> bytes:
    """The body of the answer to a call; others pass by."""
    while True:
        head = _exactly(read, 16)
        order = "<" if head[:1] == b"l" else ">"
        body_bytes, _, field_bytes = struct.unpack(f"{order}III", head[4:])
        if body_bytes + field_bytes > _MOST_BYTES:
            raise BusError("an answer that long is none")
        fields = _exactly(read, field_bytes + len(_padded(field_bytes, 8)))[:field_bytes]
        body = _exactly(read, body_bytes)
        if (_REPLY_SERIAL, serial) not in _numbers(fields, order):
            continue
        if head[1] != _RETURN:
            raise BusError("timedated gives no answer")
        return body


def _numbers(fields: bytes, order: str) -> Iterator[tuple[int, int]]:
    """The header fields whose value is a number."""
    at = 0
    while at + 4 <= len(fields):
        code, kind = fields[at], fields[at + 2 : at + 3]
        at += 4  # code, signature of one letter
        if kind == b"g":
            at += 1 + fields[at] + 1
        else:
            (value,) = struct.unpack_from(f"{order}I", fields, at)
            if kind == b"u":
                yield code, value
            at += 4 if kind == b"u" else 4 + value + 1
        at += len(_padded(at, 8))


def _boolean(body: bytes) -> bool:
    """A variant that holds a boolean."""
    if body[:3] != b"\1b\0" or len(body) < 8:
        raise BusError(f"not what was asked for: {body[:16]!r}")
    return any(body[4:8])


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def _padded(length: int, to: int) -> bytes:
    return b"\0" * (-length % to)


def _exactly(read: Callable[[int], bytes], count: int) -> bytes:
    data = read(count)
    if len(data) < count:
        raise BusError("the bus has closed the line")
    return data
