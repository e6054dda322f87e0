"""The agent itself on an image: both connectors charge, the device's sectors are counted."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bench.loop_image import loop_image
from bench.service import _charge, _written
from laddvakt_agent.demo.play import template
from laddvakt_agent.demo.stage import Stage, now_s, stage, wait_for

FIRST_S = 960.0  # the first quarter of an hour is the start's; both logs have begun


def charged(directory: Path, seconds: float) -> tuple[dict[str, int], float]:
    """Bytes that reached the device and that the process had written, and in what time.

    The stage lies in memory, as /run does where the agent is installed: its sign of life each
    second costs no disk there.
    """
    with (
        loop_image(directory / "image") as image,
        tempfile.TemporaryDirectory(dir="/dev/shm") as memory,
        stage(Path(memory)) as scene,
    ):
        state = image.root / "state"
        scene.start_board()
        scene.start_backend()
        _start(scene, state)
        _charge(scene)
        _wait(FIRST_S)
        image.settle()
        begun_s, device, process = now_s(), image.written_bytes(), _process(scene)
        _wait(seconds)
        took_s = now_s() - begun_s
        written = {"process": _process(scene) - process, "device": image.settle() - device}
        scene.end()
        shutil.rmtree(state)
    return written, took_s


def _start(scene: Stage, state: Path) -> None:
    """The demo's station with its state on the image."""
    told = template()
    line = next(line for line in told.splitlines() if line.startswith("state_directory"))
    scene.start_agent(told.replace(line, f'state_directory = "{state}"'))


def _process(scene: Stage) -> int:
    return _written(scene.processes["agent"].pid)


def _wait(seconds: float) -> None:
    begun_s = now_s()
    wait_for("the steady time", seconds + 10, lambda: now_s() - begun_s >= seconds, every_s=1.0)
