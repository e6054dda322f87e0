"""Recording a line nobody else uses: its devices are asked everything their profiles can read."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from laddvakt_agent.cli.bus_profiles import profile_named
from laddvakt_hal.device import Device
from laddvakt_hal.errors import BusDown, HalError
from laddvakt_hal.recording import Recording
from laddvakt_hal.settings import SerialSettings, TcpSettings
from laddvakt_hal.survey_line import open_line, trouble_now

if TYPE_CHECKING:
    from laddvakt_agent.cli.bus_where import Where
    from laddvakt_hal.settings import LineSettings
    from laddvakt_hal.tap import Frame


async def capture(where: Where, seconds: float) -> Recording:
    """What the line's devices say in so many seconds, round after round; cancel to end earlier.

    Raises:
        LineTrouble: the line cannot be used.
    """
    frames: list[Frame] = []
    async with open_line(where.settings) as bus:
        bus.on_frame = frames.append
        devices = [
            Device(profile_named(known.profile), bus, known.unit, known.name)
            for known in where.devices
        ]
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):  # Ctrl-C: keep what came
            async with asyncio.timeout(seconds):
                while True:
                    for device in devices:
                        await _ask_all(device)
    return Recording(
        framing="tcp" if _speaks_tcp(where.settings) else "rtu",
        about=about(where.settings),
        frames=tuple(frames),
    )


def about(settings: LineSettings) -> dict[str, str]:
    """What a recording's header says of the line."""
    if isinstance(settings, SerialSettings):
        line = {"baud": str(settings.baud), "format": settings.format}
        return {"line": settings.name, **line}
    return {"line": settings.name}


async def _ask_all(device: Device) -> None:
    """Read every row once; what fails is in the recording, too."""
    for row in tuple(device.profile.rows.values()):
        if not row.readable or row.clears:
            continue
        try:
            await device.fetch(row.quantity)
        except BusDown as error:
            raise trouble_now(device.bus.settings, str(error)) from error
        except HalError:
            await asyncio.sleep(0)  # a failure that cost no time must not keep the loop


def _speaks_tcp(settings: LineSettings) -> bool:
    return isinstance(settings, TcpSettings) and settings.framing == "tcp"
