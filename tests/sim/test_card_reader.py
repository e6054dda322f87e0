"""The simulated card reader: what it writes, and that its cable can be pulled."""

from __future__ import annotations

import asyncio
import os
import time
import tty
from pathlib import Path

import pytest

from laddvakt_sim.card_reader import FORMATS, CardError, CardReader
from sim.running import running_board

pytestmark = pytest.mark.integration

# What the real ones were seen to write, see the readers' manuals.
SEEN = {
    "uid-line": ("04a1b2c3d4e5f6", b"04A1B2C3D4E5F6\r\n"),
    "rdm6300": ("010063E9AE", b"\x02010063E9AE25\x03"),
    "colon-sum": ("1122334455", b":112233445501\r\n"),
}


def _heard(fd: int, least: int) -> bytes:
    got, until_s = b"", time.monotonic() + 3.0
    while len(got) < least and time.monotonic() < until_s:
        try:
            got += os.read(fd, 512)
        except BlockingIOError:
            time.sleep(0.005)
    return got


def _open(path: str) -> int:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(fd)
    return fd


@pytest.mark.parametrize("how", FORMATS)
def test_what_it_writes(tmp_path: Path, how: str) -> None:
    reader = CardReader(str(tmp_path / "reader"))
    reader.plug_in()
    uid, wanted = SEEN[how]
    fd = _open(reader.link)
    reader.hold(uid, how, times=2)
    assert _heard(fd, 2 * len(wanted)) == wanted * 2
    os.close(fd)
    reader.pull_out()
    assert not Path(reader.link).exists()
    with pytest.raises(CardError, match="unplugged"):
        reader.hold(uid, how)


async def test_over_the_control_api(tmp_path: Path) -> None:
    async with running_board(tmp_path) as board:
        port = board.config["reader"]["port"]
        fd = _open(port)
        answer = await board.ask("POST", "/reader/card", {"uid": "04A1B2C3"})
        assert (answer["there"], answer["presented"]) == (True, 1)
        assert await asyncio.to_thread(_heard, fd, 10) == b"04A1B2C3\r\n"
        await board.ask("PATCH", "/reader", {"babble": "TWN4/B1.06\r\n"})
        assert await asyncio.to_thread(_heard, fd, 12) == b"TWN4/B1.06\r\n"
        os.close(fd)
        card: dict[str, object] = {"uid": "04A1B2C3"}
        wrong: tuple[dict[str, object], ...] = (
            {"uid": "04A1"}, {"format": "morse"}, {"format": "rdm6300"}, {"times": 0},
        )  # fmt: skip
        for one in wrong:
            said = await board.ask("POST", "/reader/card", {**card, **one}, status=400)
            assert "allowed" in said["error"] or "hexadecimal" in said["error"]
        assert (await board.ask("PATCH", "/reader", {"there": False}))["there"] is False
