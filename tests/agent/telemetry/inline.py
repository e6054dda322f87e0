"""An executor that carries everything out at once: virtual time needs no thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Inline(Executor):
    """`held` keeps what is submitted until `let_go`: a disk that hangs."""

    def __init__(self) -> None:
        self.held = False
        self._waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - handed to whoever asks
                future.set_exception(error)

        if self.held:
            self._waiting.append(run)
        else:
            run()
        return future

    def let_go(self) -> None:
        self.held = False
        for run in self._waiting:
            run()
        self._waiting.clear()
