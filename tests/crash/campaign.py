"""Runs a day once and cuts it at many points: at each, a forked child dies, restarts and is judged.

The parent goes on as if nothing had happened, so one run of a story serves all of its points, and
the number of a point is always the same for the same story and seed. A child never returns to
where it was cut: it makes what the disk has kept of the folder, starts the agent on it in a new
loop, runs until everything is delivered, and tells its verdict through a pipe.
"""

from __future__ import annotations

import json
import logging
import os
import random
import select
import signal
import sqlite3
import tempfile
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import NoReturn

import structlog
from structlog.typing import EventDict

from crash.backend import MemoryClient
from crash.day import Day
from crash.death import Verdict, die, run
from crash.promise import Connection
from crash.vfs import Shim
from laddvakt_agent import hardware
from laddvakt_agent.uplink import sync
from laddvakt_hal.profile import load_profile

CHILD_S = 100  # of real time; what takes longer hangs
AT_ONCE = 2
_WRITE = os.write  # not the followed one


@dataclass(slots=True)
class Children:
    """At most `AT_ONCE` of them; each says one verdict."""

    verdicts: list[Verdict] = field(default_factory=list)
    _pipes: dict[int, tuple[int, Verdict, bytes]] = field(default_factory=dict)

    def bear(self, verdict: Verdict, day: Day, at: str) -> None:
        """Fork a child that dies here."""
        while len(self._pipes) >= AT_ONCE:
            self.wait()
        day.look()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            signal.alarm(CHILD_S)
            die(day, at, verdict, partial(_say, writing))
        os.close(writing)
        self._pipes[reading] = (pid, verdict, b"")

    def wait(self) -> None:
        """Take in what is said; return when one has ended, or none is left."""
        while self._pipes:
            for pipe in select.select(list(self._pipes), [], [])[0]:
                pid, verdict, said = self._pipes[pipe]
                data = os.read(pipe, 65536)
                self._pipes[pipe] = (pid, verdict, said + data)
                if not data:
                    self._end(pipe)
                    return

    def _end(self, pipe: int) -> None:
        pid, verdict, said = self._pipes.pop(pipe)
        os.close(pipe)
        _, status = os.waitpid(pid, 0)
        if said:
            self.verdicts.append(Verdict(**json.loads(said)))
        else:
            verdict.wrong.append(f"the child said nothing: status {status}")
            self.verdicts.append(verdict)

    @property
    def alive(self) -> bool:
        return bool(self._pipes)


def _say(pipe: int, verdict: Verdict) -> None:
    _send(pipe, json.dumps(asdict(verdict)))


def _send(pipe: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[_WRITE(pipe, data) :]


def played(
    name: str, seed: int, chosen: Callable[[int], bool], prepare: Callable[[], None] = lambda: None
) -> list[Verdict]:
    """`play` in a process of its own, in a folder in memory; `prepare` is called there first."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            prepare()
            with _scratch() as base:
                verdicts = play(name, seed, chosen, base)
        except BaseException:  # noqa: BLE001 - told as the verdict; this process ends either way
            lost = Verdict(story=name, seed=seed, point=0, at="", how="none")
            lost.wrong.append(traceback.format_exc())
            verdicts = [lost]
        _send(writing, json.dumps([asdict(verdict) for verdict in verdicts]))
        os._exit(0)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
    except KeyboardInterrupt:
        os.kill(pid, signal.SIGTERM)
        raise
    finally:
        os.waitpid(pid, 0)
    return [Verdict(**verdict) for verdict in json.loads(said)]


def play(name: str, seed: int, chosen: Callable[[int], bool], base: Path) -> list[Verdict]:
    """Run a story and cut it at every chosen point; the last verdict is of the day without any.

    Only once in a process: what it takes over of SQLite and `os` is not given back.
    """
    day, children = Day(name, seed, base), Children()
    _take_over(day)

    def on_tick(at: str) -> None:
        if chosen(day.ticks):
            how = random.Random(f"how {name} {seed} {day.ticks}").choice(("cut", "cut", "kill"))
            verdict = Verdict(story=name, seed=seed, point=day.ticks, at=at, how=how)
            children.bear(verdict, day, at)

    day.on_tick = on_tick
    whole = Verdict(story=name, seed=seed, point=0, at="", how="none")
    try:
        run(day)
    except Exception:  # noqa: BLE001 - told as the verdict
        whole.wrong.append(traceback.format_exc())
    while children.alive:
        children.wait()
    whole.wrong += day.wrong
    whole.point = day.ticks
    return [*children.verdicts, whole]


def _heed(day: Day, _logger: object, _method: str, event: EventDict) -> NoReturn:
    """A defect that the agent survives is one all the same; nothing else of the log counts."""
    if event.get("exc_info"):
        day.wrong.append(f"{event['event']}: {traceback.format_exc()}")
    raise structlog.DropEvent


def _take_over(day: Day) -> None:
    """Put the models beneath the product, for the rest of this process."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        processors=[partial(_heed, day)],
    )
    MemoryClient.backend = day.backend
    vars(sync)["Client"] = MemoryClient
    vars(hardware)["load_profile"] = cache(load_profile)  # each start reads the same files
    Connection.promise = day.promise
    sqlite3.connect = partial(sqlite3.connect, factory=Connection)  # type: ignore[assignment]
    dice = random.Random(f"ids {day.name} {day.seed}")
    os.urandom = dice.randbytes
    uuid.uuid4 = lambda: uuid.UUID(int=dice.getrandbits(128), version=4)
    Shim(day.record)
    day.record.install()


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder in memory."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="laddvakt-crash-", dir=place) as directory:
        yield Path(directory)
