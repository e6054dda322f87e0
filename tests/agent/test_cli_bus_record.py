"""A recording that ends because the agent went away is kept, and still names nobody."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from laddvakt_agent.cli import laddvakt
from laddvakt_hal.frame import crc16
from laddvakt_hal.recording import Encoder, load
from laddvakt_hal.tap import Direction, Frame

SERIAL = b"\x12\x34\x56\x78"
LINE = {
    "name": "line1", "port": "/dev/none1", "baud": 9600, "format": "8N1",
    "devices": [{"name": "meter1", "unit": 2, "profile": "eastron-sdm72d-m-v2"}],
}  # fmt: skip


def frame(direction: Direction, body: bytes) -> Frame:
    raw = body + crc16(body).to_bytes(2, "little")
    return Frame(at_s=1.0, last_s=1.0, direction=direction, raw=raw, unit=2)


def said() -> bytes:
    """The question for a meter's serial number, and its answer."""
    encoder = Encoder("rtu", {})
    asked = frame("request", b"\2\3\xfc\0\0\2")
    replied = frame("reply", b"\2\3\4" + SERIAL)
    return encoder.header() + encoder.record(asked) + encoder.record(replied)


class _Handler(BaseHTTPRequestHandler):
    server: DyingAgent

    def do_GET(self) -> None:
        self.send_response(200)
        if "/record" not in self.path:
            self.end_headers()
            self.wfile.write(json.dumps({"schema_version": 1, "lines": [LINE]}).encode())
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        body = self.server.body
        if body:  # one chunk, and never the last one
            self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")

    def log_message(self, *args: object) -> None:
        pass


class DyingAgent(socketserver.UnixStreamServer):
    """Tells of its line, and goes away in the midst of a recording."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Handler)
        self.path, self.body = path, b""

    def record(self, out: Path, *more: str) -> Result:
        words = ["bus", "record", "--out", str(out), "--socket", str(self.path), *more]
        return CliRunner().invoke(laddvakt, words)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[DyingAgent]:
    with DyingAgent(tmp_path / "api.sock") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("keep", [False, True])
def test_what_came_is_kept_without_names(agent: DyingAgent, tmp_path: Path, *, keep: bool) -> None:
    agent.body, out = said(), tmp_path / "x.lvrec"
    done = agent.record(out, *(["--keep-names"] if keep else []))
    assert done.exit_code == 75
    assert f"The agent went away.\n{out} keeps what came." in done.stderr
    assert len(load(out).frames) == 2
    assert (SERIAL in out.read_bytes()) is keep


def test_nothing_came_and_no_file_stays(agent: DyingAgent, tmp_path: Path) -> None:
    out = tmp_path / "x.lvrec"
    done = agent.record(out)
    assert done.exit_code == 75
    assert "before anything came" in done.stderr
    assert not out.exists()
