"""The ledger's own thread: the loop never waits for a disk unless it asks to.

What the disk refuses is kept and tried again in its order, see `queue.Waiting`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.ledger.queue import Intent, Waiting, intent_of

P = ParamSpec("P")
T = TypeVar("T")


class LedgerThread:
    """Runs calls one after the other, in the order they were made, on one thread.

    `on_error` gets, in the loop, what a posted call raised; also what a call raised whose caller
    had stopped waiting. A call once made is always carried out. `executor` runs one call after
    the other, in order; by default a thread of its own.

    `heal` is asked on that thread when the ledger turned out to be damaged; True: try again.
    `note_dropped` writes down how many records of each kind there was no room to keep.
    """

    def __init__(
        self, on_error: Callable[[BaseException], None], executor: Executor | None = None
    ) -> None:
        self._on_error = on_error
        self._executor: Executor = executor or ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="ledger"
        )
        self._loop = asyncio.get_running_loop()
        self._backlog = 0
        self._waiting = Waiting()
        self.worked = 0  # writes taken so far
        self._refused: StorageError | None = None  # why the oldest of them waits
        self._held = False
        self._first: list[Intent] | None = None
        self._retrying = False
        self.heal: Callable[[StorageError], bool] = _no_remedy
        self.note_dropped: Callable[[dict[str, int]], None] = _nothing_noted

    @property
    def backlog(self) -> int:
        """Calls made and not finished; a growing one means that the disk hangs."""
        return self._backlog

    @property
    def waiting(self) -> int:
        """Writes that the disk has refused so far."""
        return len(self._waiting)

    @property
    def refused(self) -> StorageError | None:
        """Why the oldest of them waits."""
        return self._refused if self._waiting else None

    async def call(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it and wait: what it wrote is on the disk.

        Raises:
            Exception: whatever `fn` raises.
        """
        return await self._answer(self._submit(self._ask, partial(fn, *args, **kwargs)))

    async def persist(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        """Write it and wait; refused by the disk, it is kept like what is posted.

        Raises:
            StorageError: it is not on the disk yet.
            Exception: whatever else `fn` raises.
        """
        intent = intent_of(fn, args, partial(fn, *args, **kwargs))
        await self._answer(self._submit(self._write, intent))

    def post(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        """Write it without waiting, in order; must be called in the loop's thread.

        What the disk refuses is tried again until it is taken; a mistake is only told.
        """
        intent = intent_of(fn, args, partial(fn, *args, **kwargs))
        if self._first is not None:
            self._first.append(intent)
            return
        self._submit(self._write, intent).add_done_callback(self._report)

    def once(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        """Write it without waiting; refused, it is not kept: a later one will say more."""
        written = partial(self._written, partial(fn, *args, **kwargs))
        self._submit(written).add_done_callback(self._report)

    def aside(self, fn: Callable[[], object]) -> None:
        """Look at something that may hang, without waiting."""
        self._submit(fn).add_done_callback(self._report)

    def retry(self) -> None:
        """Offer the disk again what it has refused; to be called about once a second."""
        if not self._retrying:
            self._retrying = True
            self._submit(self._drain).add_done_callback(self._retried)

    def hold(self) -> None:
        """On the ledger's thread: keep everything waiting until `ahead`."""
        self._held = True

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """What is posted in here is written before all that waits; then nothing is held back."""
        self._first = []
        try:
            yield
        finally:
            first, self._first = self._first, None
            self._submit(self._go_on, first).add_done_callback(self._report)

    async def close(self) -> None:
        """Carry out what was asked for, then end the thread."""
        await self.call(_nothing)
        self._submit(self._drain).add_done_callback(self._report)
        await self.call(_nothing)
        self._executor.shutdown(wait=True)

    # On the ledger's thread

    def _written(self, call: Callable[[], object]) -> None:
        self._ask(call)
        self.worked += 1

    def _write(self, intent: Intent) -> None:
        if self._held or self._stuck():
            self._waiting.add(intent)
            if self._refused is not None:
                raise self._refused.with_traceback(None)
            return
        try:
            self._written(intent.call)
        except StorageError as error:
            self._refused = error
            self._waiting.add(intent)
            raise
        self._waiting.overtaken_by(intent)

    def _stuck(self) -> bool:
        """Whether what comes must wait; not for a latches' file, which refuses for itself alone."""
        return bool(self._waiting) and (self._refused is None or of_the_whole(self._refused))

    def _ask(self, call: Callable[[], T]) -> T:
        """Run it; once more where the ledger was damaged and is whole again."""
        try:
            return call()
        except StorageError as error:
            if error.kind is not StorageKind.DAMAGED or not self._healed(error) or self._held:
                raise
            return call()

    def _healed(self, error: StorageError) -> bool:
        """A mistake in healing is told; what was to be written waits all the same."""
        try:
            return self.heal(error)
        except Exception as mistake:  # noqa: BLE001 - told below
            self._loop.call_soon_threadsafe(self._on_error, mistake)
            return False

    def _drain(self) -> None:
        """Write what waits, oldest first, until the disk refuses."""
        if self._held or not self._waiting:
            return
        self._refused = None
        for intent in self._waiting:
            try:
                self._written(intent.call)
            except StorageError as error:
                self._refused = error
                if of_the_whole(error):
                    break
                continue  # one of the latches' own files: the others may still go
            except Exception as error:  # noqa: BLE001 - told below; trying again would not help
                self._loop.call_soon_threadsafe(self._on_error, error)
            self._waiting.done(intent)
        if self._refused is not None:
            raise self._refused.with_traceback(None)
        dropped = self._waiting.take_dropped()
        if dropped:
            self.note_dropped(dropped)

    def _go_on(self, first: list[Intent]) -> None:
        self._held = False
        for intent in reversed(first):
            self._waiting.put_first(intent)
        self._drain()

    # In the loop

    async def _answer(self, future: asyncio.Future[T]) -> T:
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(self._report)
            raise

    def _submit(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        work: Future[T] = self._executor.submit(fn, *args, **kwargs)
        future = asyncio.wrap_future(work, loop=self._loop)
        self._backlog += 1
        future.add_done_callback(self._finished)
        return future

    def _finished(self, _future: asyncio.Future[T]) -> None:
        self._backlog -= 1

    def _retried(self, future: asyncio.Future[None]) -> None:
        self._retrying = False
        self._report(future)

    def _report(self, future: asyncio.Future[T]) -> None:
        error = future.exception()
        if error is not None:
            self._on_error(error)


def of_the_whole(error: StorageError) -> bool:
    """Whether the database itself refused: then nothing else will be taken either."""
    return not error.where.name.startswith("latches")


def _no_remedy(_error: StorageError) -> bool:
    return False


def _nothing_noted(_dropped: dict[str, int]) -> None:
    """Nobody counts."""


def _nothing() -> None:
    """Whatever was asked for before this has been done."""
