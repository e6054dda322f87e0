"""The receiver as a process: starts, says where it is, ends cleanly."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from laddvakt_sim.backend.server import Server, ServerSettings
from laddvakt_sim.backend.storage import MODULES, Storage

if TYPE_CHECKING:
    from pathlib import Path

_HOST = "127.0.0.1"
_SHUTDOWN_S = 0.5  # requests under way get this long; a silent one would wait for ever


async def serve(
    directory: Path, port: int, planned: ServerSettings, *, exit_with_stdin: bool
) -> None:
    """Receive until SIGTERM, SIGINT or the end of stdin; `port` 0 takes a free one.

    The base URL of the `planned` settings is replaced by the one that comes of it.

    Raises:
        OSError: the port is taken or the folder, which must exist, cannot be written.
        sqlite3.Error: `backend.sqlite` is no database.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if exit_with_stdin:
        threading.Thread(target=_wait_for_stdin, args=(loop, stop), daemon=True).start()
    storage = Storage(directory / "backend.sqlite")
    try:
        with socket.create_server((_HOST, port), reuse_port=False) as listener:
            base_url = f"http://{_HOST}:{listener.getsockname()[1]}"
            settings = replace(planned, base_url=base_url)
            await _run(Server(storage, settings), listener, directory, settings, stop)
    finally:
        storage.close()


async def _run(
    server: Server,
    listener: socket.socket,
    directory: Path,
    settings: ServerSettings,
    stop: asyncio.Event,
) -> None:
    runner = web.AppRunner(
        server.application(),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=_SHUTDOWN_S,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        announce(directory / "backend.json", settings)
        print(f"backend ready: {directory / 'backend.json'}", flush=True)  # noqa: T201
        await stop.wait()
    finally:
        await runner.cleanup()


def announce(path: Path, settings: ServerSettings) -> None:
    """Write where the receiver is, all at once: a reader sees the whole file or none."""
    content = {
        "url": settings.base_url,
        "versions_url": settings.versions_url,
        "endpoints": {module: settings.endpoint(module) for module in MODULES},
        "tariffs": settings.endpoint("tariffs"),
        "pid": os.getpid(),
    }
    partial = path.with_suffix(".json.part")
    partial.write_text(json.dumps(content))
    partial.replace(path)


def _wait_for_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Stop when the other end of stdin is closed, that is: when the parent is gone."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    if not loop.is_closed():
        loop.call_soon_threadsafe(stop.set)
