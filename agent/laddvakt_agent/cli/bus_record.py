"""`bus record`: every frame of a line, with its times, into a file."""

from __future__ import annotations

import asyncio
import http.client
from pathlib import Path

import click

from laddvakt_agent.cli.bus_options import Options, line_options
from laddvakt_agent.cli.bus_profiles import profile_named
from laddvakt_agent.cli.bus_remote import stream
from laddvakt_agent.cli.bus_where import Where, give_up, resolve
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_hal.recording import RecordingError, encode, load
from laddvakt_hal.recording_redact import naming_registers, redact
from laddvakt_hal.survey_line import LineTrouble

CHUNK = 4096


@click.command()
@line_options
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Where the recording goes, FILE.lvrec; must not exist yet.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 3600),
    default=10.0,
    show_default=True,
    help="How long; Ctrl-C ends it earlier and keeps what came.",
)
@click.option("--keep-names", is_flag=True, help="Leave serial numbers and cards in the file.")
def record(where_options: Options, out: Path, seconds: float, keep_names: bool) -> None:
    """Record what the running agent and its devices say to each other.

    With --config and a stopped agent the line's devices are asked all they can be asked instead.
    Serial numbers, cards and vehicles are taken out of the replies of configured devices. Play the
    file with `bus replay`.
    """
    where = resolve(where_options)
    lost = ""
    if where.socket is not None:
        lost = _write(where, where.socket, out, seconds)
    elif where.devices:
        _capture(where, out, seconds)
    else:
        fail(
            Exit.USAGE,
            "Nobody would ask anything on that line: its devices are not known.",
            "Start the agent and name the line with --line, or add --config.",
        )
    _tell(out, frozenset() if keep_names else _naming(where))
    if lost:
        fail(Exit.TEMPORARY, lost, f"{out} keeps what came.")


def _write(where: Where, socket: Path, out: Path, seconds: float) -> str:
    """Write what comes; why that ended early, empty when it did not."""
    try:
        with out.open("xb") as file, stream(socket, where.settings.name, seconds) as response:
            if response.status != 200:
                out.unlink()
                fail(Exit.TEMPORARY, f"The agent will not record {where.settings.name}.")
            while chunk := response.read1(CHUNK):
                file.write(chunk)
    except KeyboardInterrupt:
        click.echo("Ended early; what came is kept.", err=True)
    except FileExistsError:
        fail(Exit.USAGE, f"--out: {out} is there already.", "Name a new file.")
    except (http.client.HTTPException, ConnectionError, TimeoutError):
        if not out.stat().st_size:
            out.unlink()
            fail(Exit.TEMPORARY, "The agent went away before anything came.", "Try again.")
        return "The agent went away."
    except OSError as error:
        fail(Exit.TEMPORARY, f"{out}: {error.strerror or error}.", "Name another folder.")
    return ""


def _capture(where: Where, out: Path, seconds: float) -> None:
    from laddvakt_agent.cli.bus_capture import capture  # noqa: PLC0415 - not for the agent's way

    try:
        with out.open("xb") as file:
            file.write(encode(asyncio.run(capture(where, seconds))))
    except FileExistsError:
        fail(Exit.USAGE, f"--out: {out} is there already.", "Name a new file.")
    except LineTrouble as error:
        out.unlink()
        give_up(error)
    except OSError as error:
        fail(Exit.TEMPORARY, f"{out}: {error.strerror or error}.", "Name another folder.")


def _naming(where: Where) -> frozenset[tuple[int, int, int]]:
    """The registers of this line's devices that name somebody."""
    return frozenset(
        register
        for device in where.devices
        for register in naming_registers(profile_named(device.profile), device.unit)
    )


def _tell(out: Path, registers: frozenset[tuple[int, int, int]]) -> None:
    try:
        recording = load(out)
        if registers:
            recording = redact(recording, registers)
            fresh = out.with_name(f"{out.name}.new")
            fresh.write_bytes(encode(recording))
            fresh.replace(out)
    except RecordingError as error:
        fail(Exit.TEMPORARY, str(error))
    except OSError as error:
        fail(Exit.TEMPORARY, f"{out}: {error.strerror or error}; serial numbers are still in it.")
    count, size = len(recording.frames), out.stat().st_size
    click.echo(f"{out}: {count} frames, {size} bytes")
    if not count:
        fail(Exit.FAULT, "Nothing was said on the line.", "See: laddvakt bus doctor.")
