"""`laddvakt-sim board` and `bench`: start, serve until told to stop, leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_sim.rig import Rig


async def run_rig(
    make: Callable[[], tuple[Rig, web.Application]], *, control_port: int, exit_with_stdin: bool
) -> int:
    """Run a board or a bench until SIGTERM, SIGINT, or the end of stdin; return the exit code.

    Args:
        make: builds the rig and its control API; called once the loop runs.
        control_port: 0 for any free one.
        exit_with_stdin: end when standard input closes.

    Raises:
        OSError: a port is taken, the directory cannot be written.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if exit_with_stdin:
        _watch_stdin(loop, stop)
    rig, app = make()
    runner = web.AppRunner(app, access_log=None)
    try:
        await rig.start()
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", control_port, shutdown_timeout=1.0)
        await site.start()
        host, port = runner.addresses[0][:2]
        rig.announce(f"http://{host}:{port}")
        print(f"{rig.what} ready: {rig.directory / rig.what}.json", flush=True)  # noqa: T201
        gc.collect()
        gc.freeze()  # a full collection over the start's objects would make a reply late
        return await _until(stop, rig)
    finally:
        await runner.cleanup()
        await rig.stop()


async def _until(stop: asyncio.Event, rig: Rig) -> int:
    waits = {asyncio.create_task(stop.wait()), asyncio.create_task(rig.failed.wait())}
    _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    if not rig.failed.is_set():
        return 0
    message = f"the process of {rig.dead_line} ended unexpectedly; start the {rig.what} again"
    print(message, file=sys.stderr)  # noqa: T201
    return 1


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    def readable() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin)
            stop.set()

    try:
        loop.add_reader(sys.stdin, readable)
    except PermissionError:  # a file or /dev/null: nobody is at the other end
        stop.set()
