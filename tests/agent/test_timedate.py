"""Asking systemd-timedated over a bus that is pretended byte by byte."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from laddvakt_agent.timedate import BusError, TimeDate, ask_timedated

pytestmark = pytest.mark.integration

YES, NO = b"\x01b\x00\x00" + b"\x01\0\0\0", b"\x01b\x00\x00" + b"\0\0\0\0"


def message(kind: int, fields: bytes, body: bytes = b"", *, order: str = "<") -> bytes:
    """A message as the D-Bus specification lays it out; the fields come ready made."""
    mark = b"l" if order == "<" else b"B"
    head = mark + bytes((kind, 1, 1)) + struct.pack(f"{order}III", len(body), 7, len(fields))
    return head + fields + bytes(-len(fields) % 8) + body


def reply_to(serial: int, *, order: str = "<") -> bytes:
    """REPLY_SERIAL, then SIGNATURE and SENDER: fields of three shapes, each at a multiple of 8."""
    number = bytes((5, 1)) + b"u\0" + struct.pack(f"{order}I", serial)
    signature = bytes((8, 1)) + b"g\0" + b"\x01v\0"
    sender = bytes((7, 1)) + b"s\0" + struct.pack(f"{order}I", 4) + b":1.9\0"
    return number + signature + bytes(1) + sender


SIGNAL = message(4, bytes((1, 1)) + b"o\0" + struct.pack("<I", 5) + b"/here\0", b"\x01\0\0\0")


@contextmanager
def bus(path: Path, *sent: bytes, greeting: bytes = b"OK 0123\r\n") -> Iterator[list[bytes]]:
    """A bus that lets one in, takes two calls and says `sent`."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                heard.append(line.recv(100))
                line.sendall(greeting)
                heard.append(line.recv(4096))
                for data in sent:
                    line.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield heard
        thread.join(5)


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize(("body", "synced"), [(YES, True), (NO, False)], ids=["yes", "no"])
def test_it_says_whether_the_clock_is_synchronised(
    tmp_path: Path, body: bytes, synced: bool, order: str
) -> None:
    body = body if order == "<" else body[:4] + body[:3:-1]
    hello = message(2, reply_to(1, order=order), b"\0" * 12, order=order)
    answer = message(2, reply_to(2, order=order), body, order=order)
    with bus(tmp_path / "bus", hello, SIGNAL, answer) as heard:
        assert ask_timedated(tmp_path / "bus") is synced
    assert heard[0] == b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n"
    assert heard[1].startswith(b"BEGIN\r\nl\x01\x00\x01")
    for part in (b"Hello", b"org.freedesktop.timedate1", b"NTPSynchronized", b"Get", b"\x02ss\0"):
        assert part + b"\0" in heard[1] or part in heard[1]
    first, second = heard[1].index(b"l\x01\x00\x01"), heard[1].rindex(b"l\x01\x00\x01")
    assert (second - first) % 8 == 0, "a message without a body ends where its header does"


@pytest.mark.parametrize(
    ("sent", "greeting"),
    [
        pytest.param((), b"REJECTED EXTERNAL\r\n", id="not let in"),
        pytest.param((message(3, reply_to(2)),), b"OK 0\r\n", id="an error"),
        pytest.param((message(2, reply_to(2), b"\x01s\0\0abcd"),), b"OK 0\r\n", id="no boolean"),
        pytest.param((b"l\x02\x01",), b"OK 0\r\n", id="the line is closed"),
        pytest.param((b"l\x02\x01\x01" + b"\xff" * 12,), b"OK 0\r\n", id="far too long"),
    ],
)
def test_what_is_no_answer(tmp_path: Path, sent: tuple[bytes, ...], greeting: bytes) -> None:
    with bus(tmp_path / "bus", *sent, greeting=greeting), pytest.raises(BusError):
        ask_timedated(tmp_path / "bus")


def test_without_a_bus_there_is_nobody_to_ask(tmp_path: Path) -> None:
    asked = TimeDate(lambda: ask_timedated(tmp_path / "none"))
    asked.look()
    assert asked._answer is None


def test_an_answer_from_before_a_step_is_none() -> None:
    """The clock was set while timedated was being asked: it is asked again."""

    def answer() -> bool:
        asked.forget()
        return True

    asked = TimeDate(answer)
    asked.look()
    assert asked._answer is False


def test_the_thread_asks_by_itself() -> None:
    told = threading.Event()

    def answer() -> bool:
        told.set()
        return True

    asked = TimeDate(answer)
    asked.synced()
    assert told.wait(5)
    asked.forget()
    told.clear()
    assert told.wait(5), "a step is asked about at once"
