"""The agent's end at one point, and its next life on what the disk has kept of the first."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from crash import oracle
from crash.day import Day, make
from crash.disk import Disk
from crash.world import Event, World
from hal.virtual.loop import VirtualLoop

SECOND_SHARE = 0.15  # of the children die once more while they recover
LONG_S, LONG_SHARE = 1200.0, 0.15  # longer than any session is kept
SHORT_S: tuple[Callable[[random.Random], float], ...] = (
    lambda dice: dice.uniform(0.5, 4.0),  # systemd starts it anew
    lambda dice: dice.uniform(1.0, 40.0),
)
LOOPS: list[VirtualLoop] = []  # of every life in this process, the newest last


@dataclass(slots=True, kw_only=True)
class Verdict:
    """How one point ended."""

    story: str
    seed: int
    point: int
    at: str  # what was being done
    how: str  # "kill", "cut", or "none": the day without any
    off_s: float = 0.0
    second: str = ""  # the same of a second death
    wrong: list[str] = field(default_factory=list)
    windows_s: list[float] = field(default_factory=list)
    resumed: bool = False


def die(day: Day, at: str, verdict: Verdict, say: Callable[[Verdict], None]) -> NoReturn:
    """The agent, or the whole controller, ends here; restart it, judge it, leave the process."""
    try:
        dice = random.Random(f"{verdict.story} {verdict.seed} {verdict.point} {at}")
        _forget_loop()
        _fall(day, verdict, dice)
        if not verdict.second and dice.random() < SECOND_SHARE:
            _die_again(day, verdict, dice.randint(1, 250), say)
        else:
            day.on_tick = lambda at: None
        run(day)
    except BaseException:  # noqa: BLE001 - told as the verdict; this process ends either way
        verdict.wrong.append(traceback.format_exc())
    verdict.wrong += day.wrong
    verdict.resumed = day.memory.resumed
    verdict.windows_s = day.world.windows_s
    say(verdict)
    os._exit(0)


def _die_again(day: Day, verdict: Verdict, after: int, say: Callable[[Verdict], None]) -> None:
    last = day.ticks + after

    def on_tick(at: str) -> None:
        if day.ticks >= last:
            verdict.second = at
            day.look()
            die(day, at, verdict, say)

    day.on_tick = on_tick


def _fall(day: Day, verdict: Verdict, dice: random.Random) -> None:
    """Make the folder that is left, let the time without agent pass, check what was promised."""
    world, disk = day.world, day.record.disk
    cut = verdict.how == "cut" if not verdict.second else dice.random() < 0.5
    world.advance(world.time())
    here_s = world.now_s
    world.time = lambda: world.now_s
    kept = disk.after_cut(dice) if cut else day.left[0]
    folder = day.base / f"{verdict.point}-{day.ticks}"
    make(folder)
    for name, data in kept.items():
        (folder / "state" / name).write_bytes(data)
    if cut:
        world.powered_off()
        off_s = LONG_S if dice.random() < LONG_SHARE else dice.uniform(3.0, 30.0)
    else:
        for name, data in day.left[1].items():
            (folder / "run" / name).write_bytes(data)
        world.killed()
        off_s = LONG_S if dice.random() < LONG_SHARE else dice.choice(SHORT_S)(dice)
    verdict.off_s += off_s
    world.advance(here_s + off_s)
    if cut:
        _boot(day, dice)
    day.folder = folder
    _judge_folder(day, folder)
    day.record.disk = Disk.adopt(folder / "state")


def _boot(day: Day, dice: random.Random) -> None:
    """The controller has its supply again; its clock may have lost the time."""
    world, kept = day.world, dice.random() < 0.5
    world.reboot(clock_kept=kept and world.dials.synced)
    if not world.dials.synced:
        at_s = world.now_s + dice.uniform(15.0, 60.0)
        world.add(Event(at_s=at_s, act=World.sync_clock))
    world.advance(world.now_s + dice.uniform(8.0, 15.0))


def _judge_folder(day: Day, folder: Path) -> None:
    found, wrong = oracle.found_content(folder / "state")
    day.wrong += wrong + oracle.kept_rows(found, day.promise)
    day.wrong += oracle.kept_latch_files(folder / "state", day.memory)
    day.promise.kept, day.promise.under_way = found, None


def _forget_loop() -> None:
    """This process is about to begin another life; the loop of the old one never goes on."""
    gc.disable()
    old = LOOPS[-1]  # asyncio itself does not know it any more once the process was forked
    task = asyncio.current_task(old)
    if task is not None:
        asyncio.tasks._leave_task(old, task)
    asyncio._set_running_loop(None)


def run(day: Day) -> None:
    """Let the agent live on a virtual loop that goes on where the world is."""
    loop = VirtualLoop()
    LOOPS.append(loop)
    loop._leap.now_s = day.world.now_s
    loop.run_until_complete(day.live())
