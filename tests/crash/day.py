"""One story on its way, with everything that outlives the agent."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from crash import oracle, stories
from crash.backend import Backend
from crash.disk import Disk
from crash.life import Life
from crash.oracle import Latches, Memory
from crash.promise import Promise
from crash.record import Record
from crash.world import START_S, World
from laddvakt_sim.charger import Charger

LASTS_S = 1500.0  # no day is longer, however late everything is delivered
Asking = Callable[[str, Latches], None]


class Day:
    """One story on its way, with everything that outlives the agent."""

    def __init__(self, name: str, seed: int, base: Path) -> None:
        self.name, self.seed, self.base = name, seed, base
        self.story = stories.tell(name, seed, START_S)
        charger = Charger.plain(now_s=START_S, seed=seed, connectors=self.story.connectors)
        self.world = World(charger, list(self.story.events), START_S)
        self.backend = Backend(dice=random.Random(f"net {name} {seed}"))
        self.world.backend_away = self._set_away
        self.world.backend_lossy = self._set_lossy
        if self.story.clock_unset:
            self.world.unset_clock()
        self.memory, self.promise = Memory(), Promise()
        self.promise.checkpoint_pages = random.Random(f"{name} {seed}").choice((8, 40, 1000))
        self.wrong: list[str] = []
        self.folder = base / "0"
        make(self.folder)
        self.record = Record(Disk.adopt(self.folder / "state"), self.tick)
        self.ticks = 0
        self.on_tick: Callable[[str], None] = lambda at: None
        self.life: Life | None = None
        self.left: tuple[dict[str, bytes], dict[str, bytes]] = ({}, {})
        self.backend.tick = self.promise.tick = self.tick
        self.backend.sending = self._sends

    def tick(self, at: str) -> None:
        """A point at which the supply may be cut."""
        self.ticks += 1
        self.on_tick(at)

    def look(self) -> None:
        """Take down what a killed process leaves; the parent of a child goes on changing it."""
        run = [path for path in (self.folder / "run").iterdir() if path.is_file()]
        self.left = self.record.disk.after_kill(), {path.name: path.read_bytes() for path in run}

    async def live(self) -> bool:
        """Start the agent and run until all is delivered; whether that came about."""
        self.memory.lives += 1
        self.promise.path = self.folder / "state" / "ledger.db"
        seed = f"{self.name} {self.seed} {self.folder.name}"
        self.life = life = Life(self.world, self.folder, self.story.connectors, seed)
        self.wrong += oracle.kept_latches(life, self.memory)
        self._watch_latches(life)
        await life.begin(self._closes)
        if not await life.until_quiet(LASTS_S):
            self.wrong.append(f"not delivered: {life.pending()}")
            return False
        self.wrong += oracle.agree(life, self.world, self.backend, self.memory)
        await life.end()
        return True

    def _sends(self, url: str, body: dict[str, object]) -> None:
        self.wrong += oracle.may_tell(self.promise, url, body)

    def _closes(self, name: str) -> None:
        assert self.life is not None
        wrong = oracle.may_close(self.life, self.memory, self.promise, name)
        self.wrong += [text for text in wrong if text not in self.wrong]
        self.tick("hold")

    def _watch_latches(self, life: Life) -> None:
        """Note what the core asks to be kept, and what it is told is kept."""
        memory, save = self.memory, life.ledger.save_latches
        state = self.folder / "state"

        @wraps(save)
        def saving(connector: str, latches: Latches, now_s: float) -> None:
            memory.under_way = (connector, latches)
            save(connector, latches, now_s)
            memory.kept[connector] = latches
            memory.under_way, memory.files = None, oracle.latch_sequences(state)

        life.ledger.save_latches = saving  # type: ignore[method-assign]
        for guard in life.guards.values():
            asking = guard.save_latches

            def asked(name: str, latches: Latches, asking: Asking = asking) -> None:
                memory.asked[name] = latches
                asking(name, latches)

            guard.save_latches = asked
        memory.kept |= life.ledger.load_latches()[0]
        memory.asked = dict(memory.kept)

    def _set_away(self, away: bool) -> None:
        self.backend.reachable = not away

    def _set_lossy(self, share: float) -> None:
        self.backend.lost_share = share


def make(folder: Path) -> None:
    for name in ("state", "run"):
        (folder / name).mkdir(parents=True)
