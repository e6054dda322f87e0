"""The ledger's own thread: the loop never waits for a disk unless it asks to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LedgerThread:
    """Runs calls one after the other, in the order they were made, on one thread.

    `on_error` gets, in the loop, what a posted call raised; also what a call raised whose caller
    had stopped waiting. A call once made is always carried out. `executor` runs one call after
    the other, in order; by default a thread of its own.
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

    @property
    def backlog(self) -> int:
        """Calls made and not finished; a growing one means that the disk hangs."""
        return self._backlog

    async def call(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it and wait: what it wrote is on the disk.

        Raises:
            Exception: whatever `fn` raises.
        """
        future = self._submit(fn, *args, **kwargs)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(self._report)
            raise

    def post(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run it without waiting; must be called in the loop's thread."""
        self._submit(fn, *args, **kwargs).add_done_callback(self._report)

    async def close(self) -> None:
        """Carry out what was asked for, then end the thread."""
        await self.call(_nothing)
        self._executor.shutdown(wait=True)

    def _submit(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        work: Future[T] = self._executor.submit(fn, *args, **kwargs)
        future = asyncio.wrap_future(work, loop=self._loop)
        self._backlog += 1
        future.add_done_callback(self._finished)
        return future

    def _finished(self, _future: asyncio.Future[T]) -> None:
        self._backlog -= 1

    def _report(self, future: asyncio.Future[T]) -> None:
        error = future.exception()
        if error is not None:
            self._on_error(error)


def _nothing() -> None:
    """Whatever was asked for before this has been done."""
