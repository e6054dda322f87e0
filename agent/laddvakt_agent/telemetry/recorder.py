"""Telemetry in the running agent: one look a second, one commit in a quarter of an hour.

Nothing here may stop the agent or wait for a disk: the loop only takes numbers down; writing,
dropping and measuring happen on a thread of their own, one job at a time. What the disk refuses
waits for the next commit; what waits too long goes and is counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from laddvakt_agent.clock import Moment
from laddvakt_agent.hardware import Hardware
from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.ledger.quota import Use
from laddvakt_agent.telemetry.figures import LineFigures, OwnFigures
from laddvakt_agent.telemetry.keeping import Keeping
from laddvakt_agent.telemetry.means import QUARTER_S
from laddvakt_agent.telemetry.sampler import Sampler
from laddvakt_agent.telemetry.space import Looked, Space
from laddvakt_agent.telemetry.store import Row, TelemetryStore
from laddvakt_agent.telemetry.waiting import Batch, Waiting

# A commit costs some 25 kB of the disk however little is in it: every five minutes these would
# be 7 MB a day, a third of what may be written.
BATCH_S = 900.0
# Just before a sign of life of the ledger: the file system then commits its journal for both.
FIRST_BATCH_S = BATCH_S - 1.0
SPACE_S = 60.0
CLOSE_S = 2.0

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Telemetry:
    """Records; `look` is one of the supervisor's keepers."""

    sampler: Sampler
    hardware: Hardware
    store: TelemetryStore
    space: Space
    keeping: Keeping
    moment: Callable[[], Moment]
    started_s: float
    executor: Executor | None = None  # runs one job after the other; by default a thread
    own: OwnFigures = field(default_factory=OwnFigures)
    lines: LineFigures = field(default_factory=LineFigures)
    waiting: Waiting = field(default_factory=Waiting)
    use: Use | None = None  # as last measured
    failing: str = ""  # why the disk refuses
    _writing: Batch | None = None
    _job: Future[Looked | None] | None = None
    _dropped: Counter[str] = field(default_factory=Counter)  # not yet noted in the ledger
    _batch_s: float = field(init=False)
    _space_s: float = field(init=False)
    _quarter: int | None = None
    _empty: bool = False  # nothing is left that could be dropped
    _broken: bool = False

    def __post_init__(self) -> None:
        self._batch_s = self.started_s + FIRST_BATCH_S
        self._space_s = self.started_s + SPACE_S

    def look(self, now_s: float) -> None:
        """Take down this second; a mistake here is told once and harms nobody else."""
        if self._broken:
            return
        try:
            self._look(now_s)
        except Exception:
            self._broken = True
            log.exception("telemetry_failed", effect="no measurements are recorded any more")

    def freeze(self, reason: str, now_s: float) -> bool:
        """Keep the last quarter of an hour, see `Sampler.freeze`."""
        return self.sampler.freeze(reason, now_s)

    async def close(self) -> None:
        """Write what there is and let the file go; a disk that hangs is not waited for."""
        if self.executor is None:
            return
        self.sampler.end()
        self._gather()
        last = self.executor.submit(self._last_words, self.waiting.take())
        try:
            await asyncio.wait_for(asyncio.wrap_future(last), CLOSE_S)
        except (TimeoutError, StorageError) as error:
            log.warning("telemetry_not_written", error=str(error))
        self.executor.shutdown(wait=False)

    def _look(self, now_s: float) -> None:
        if self.executor is None:
            self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="telemetry")
        self.own.look(now_s)
        self.sampler.look(now_s)
        self._note_quarter(now_s)
        self._gather()
        self._take_result()
        self.keeping.look(now_s, use=self.use, telemetry_empty=self._empty)
        if self._job is None and now_s >= self._batch_s:
            self._batch_s = now_s + BATCH_S
            self._begin_batch(self.executor)
        elif self._job is None and now_s >= self._space_s:
            self._space_s = now_s + SPACE_S
            self._job = self.executor.submit(self.space.look, self.keeping.ledger_free)

    def _note_quarter(self, now_s: float) -> None:
        place = int(now_s // QUARTER_S)
        if self._quarter is not None and place != self._quarter:
            moment = self.moment()
            counted = self.lines.records(self.hardware)
            self.waiting.add(Row(table="agent", moment=moment, record=self.own.record(now_s)))
            for record in counted:
                self.waiting.add(Row(table="line_counts", moment=moment, record=record))
        self._quarter = place

    def _gather(self) -> None:
        """Take over what is ready."""
        for row in self.sampler.rows:
            self.waiting.add(row)
        if self.sampler.cuts:  # what may explain a fault does not wait for the quarter's end
            self._batch_s = min(self._batch_s, self.sampler.cuts[0].moment.at_s)
        self.waiting.cuts += self.sampler.cuts
        self.sampler.rows.clear()
        self.sampler.cuts.clear()
        self._dropped["fault_snapshots"] += self.sampler.refused
        self.sampler.refused = 0

    def _begin_batch(self, executor: Executor) -> None:
        batch = self.waiting.take()
        self._dropped["not_written"] += self.waiting.take_dropped()
        if self._empty and self.use is not None and self.use.short > 0:
            self._dropped["not_written"] += len(batch)  # no room, and none to be made
        elif len(batch):
            self._writing = batch
            self._job = executor.submit(self._write, batch)
        self.keeping.note(self._dropped)
        self._dropped = Counter()

    def _take_result(self) -> None:
        """What became of the job; the disk's refusal is told when it begins."""
        if self._job is None or not self._job.done():
            return
        job, self._job = self._job, None
        batch, self._writing = self._writing, None
        try:
            looked = job.result()
        except StorageError as error:
            if not self.failing:
                log.warning("telemetry_not_written", error=str(error), effect="tried again")
            self.failing = str(error)
            if batch is not None:
                self.waiting.put_back(batch)
            return
        if batch is not None:
            self.failing = ""
        for path, reason in self.store.take_set_aside():
            log.warning("telemetry_set_aside", path=str(path), reason=reason)
        if looked is not None:
            self._take_use(looked)

    def _take_use(self, looked: Looked) -> None:
        self.use, self._empty = looked.use, looked.empty
        self._dropped += looked.dropped
        if looked.giving:
            self._space_s = 0.0  # the next step comes with the next second

    # On telemetry's thread

    def _write(self, batch: Batch) -> None:
        self.store.write(batch.all_rows())

    def _last_words(self, batch: Batch) -> None:
        try:
            if len(batch):
                self._write(batch)
        finally:
            self.store.close()
