"""`laddvakt-sim board`: start, serve until told to stop, leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

from aiohttp import web

from laddvakt_sim.board import Board
from laddvakt_sim.control import Control

if TYPE_CHECKING:
    from pathlib import Path


async def run_board(
    directory: Path, *, control_port: int, tcp_port: int, seed: int, exit_with_stdin: bool
) -> int:
    """Run the board until SIGTERM, SIGINT, or the end of stdin; return the exit code.

    Raises:
        OSError: a port is taken, the directory cannot be written.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if exit_with_stdin:
        _watch_stdin(loop, stop)
    board = Board(directory, seed=seed)
    runner = web.AppRunner(Control(board).app(), access_log=None)
    try:
        await board.start(tcp_port)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", control_port, shutdown_timeout=1.0)
        await site.start()
        host, port = runner.addresses[0][:2]
        board.announce(f"http://{host}:{port}")
        print(f"board ready: {board.directory / 'board.json'}", flush=True)  # noqa: T201
        gc.collect()
        gc.freeze()  # a full collection over the start's objects would make a reply late
        return await _until(stop, board)
    finally:
        await runner.cleanup()
        await board.stop()


async def _until(stop: asyncio.Event, board: Board) -> int:
    waits = {asyncio.create_task(stop.wait()), asyncio.create_task(board.failed.wait())}
    _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    if not board.failed.is_set():
        return 0
    message = f"the process of {board.dead_line} ended unexpectedly; start the board again"
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
