"""`bus replay`: a recording as a device, on a pseudo-terminal or a TCP port."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import click

from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_hal.recording import Recording, RecordingError, load
from laddvakt_hal.replay import Replay
from laddvakt_hal.replay_server import serve_pty, serve_tcp


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--pty", type=click.Path(path_type=Path), help="A serial port to make there.")
@click.option("--tcp", type=click.IntRange(0, 65535), help="A Modbus TCP port; 0: any free one.")
@click.option("--seconds", type=click.FloatRange(0.1), help="End by itself; else with Ctrl-C.")
def replay(file: Path, pty: Path | None, tcp: int | None, seconds: float | None) -> None:
    """Answer requests as the devices in FILE did, after the same time.

    A request that was not recorded is refused with exception 2; a unit that was not is silent.
    """
    if (pty is None) == (tcp is None):
        raise click.UsageError("give --pty PATH or --tcp PORT")
    try:
        recording = load(file)
    except RecordingError as error:
        fail(Exit.CONFIG, str(error))
    if recording.damage:
        click.echo(f"{file}: {recording.damage}", err=True)
    given = asyncio.run(_serve(recording, pty, tcp, seconds))
    click.echo(f"{given} answers given.")


async def _serve(
    recording: Recording, pty: Path | None, tcp: int | None, seconds: float | None
) -> int:
    device = Replay(recording)
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    served: AbstractAsyncContextManager[int | None]
    served = serve_tcp(device, tcp) if tcp is not None else serve_pty(device, pty or Path())
    try:
        async with served as port:
            where = str(pty) if port is None else f"127.0.0.1:{port}"
            units = ", ".join(str(unit) for unit in sorted(device.units))
            click.echo(f"ready: {where}, {len(recording.frames)} frames of unit {units or '–'}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await over.wait()
    except OSError as error:
        place = f"--pty {pty}" if tcp is None else f"--tcp {tcp}"
        fail(Exit.TEMPORARY, f"{place}: {error.strerror or error}.", "Name another one.")
    return device.given
