"""A bench line that minds the rate its port was opened with."""

from __future__ import annotations

import termios
from pathlib import Path

import pytest

from laddvakt_sim.firmware.slave import intact, seal
from sim.rawline import raw_line, whole
from sim.running import running_bench

pytestmark = pytest.mark.integration

LINE = """
[[line]]
name = "{name}"
baud = 19200
format = "8E1"
strict_baud = true
echo = {echo}
[[line.device]]
model = "eastron-sdm630"
unit = 1
"""
REQUEST = seal(1, bytes.fromhex("0400000006"))  # 17 characters come back


@pytest.mark.alone
async def test_a_master_at_another_rate_is_not_understood(tmp_path: Path) -> None:
    """The devices hear garbage and keep silent; an adapter still hears itself. Then it is right."""
    layout = LINE.format(name="plain", echo="false") + LINE.format(name="loud", echo="true")
    async with running_bench(tmp_path / "b", layout) as bench:
        for speed in (termios.B0, termios.B2400, termios.B9600, termios.B38400, termios.B115200):
            with raw_line(bench.port("plain"), speed) as port:
                heard = await port.ask(REQUEST, length=17, timeout_s=0.1)
            assert not intact(heard), speed
        with raw_line(bench.port("loud"), termios.B9600) as port:
            assert await port.ask(REQUEST, length=25, timeout_s=0.1) == REQUEST
        with raw_line(bench.port("plain"), termios.B19200) as port:
            assert whole(await port.ask(REQUEST, length=17), unit=1, function=4)
        frames = (await bench.ask("GET", "/trace?line=plain"))["frames"]
    assert [frame["note"] for frame in frames][-2:] == ["", ""]
    assert "no valid frame" in [frame["note"] for frame in frames]
