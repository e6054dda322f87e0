"""Reads one block over and over with one Python client and prints what that cost.

`peer_python CLIENT PORT BAUD PARITY UNIT FUNCTION ADDRESS COUNT ROUNDS`, CLIENT laddvakt or
pymodbus; a process of its own, so that nothing else counts. Output: CPU and wall seconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from pymodbus.client import AsyncModbusSerialClient

from laddvakt_hal.bus import Bus, SerialSettings
from laddvakt_hal.frame import Function, Request

Read = Callable[[], Awaitable[int]]


async def _cost(read: Read, count: int, rounds: int) -> tuple[float, float]:
    """CPU and wall seconds of the rounds after the first.

    Raises:
        ValueError: a read brought something else than `count` words.
    """
    cpu_s = wall_s = 0.0
    for number in range(rounds + 1):
        if number == 1:
            cpu_s, wall_s = time.process_time(), time.monotonic()
        got = await read()
        if got != count:
            raise ValueError(f"{got} words instead of {count}")
    return time.process_time() - cpu_s, time.monotonic() - wall_s


async def _laddvakt(port: str, baud: int, parity: str, ask: Request, rounds: int) -> None:
    bus = Bus(SerialSettings(name="bench", port=port, baud=baud, parity=parity))
    await bus.start()
    while not bus.up:  # noqa: ASYNC110 - once
        await asyncio.sleep(0.01)

    async def read() -> int:
        return len((await bus.transact(ask)).words)

    _tell(await _cost(read, ask.count, rounds))
    await bus.close()


async def _pymodbus(port: str, baud: int, parity: str, ask: Request, rounds: int) -> None:
    client = AsyncModbusSerialClient(port, baudrate=baud, parity=parity, timeout=1, retries=0)
    if not await client.connect():
        raise OSError(f"{port} cannot be opened")
    reads = {3: client.read_holding_registers, 4: client.read_input_registers}

    async def read() -> int:
        answer = await reads[ask.function](ask.address, count=ask.count, device_id=ask.unit)
        return len(answer.registers)

    _tell(await _cost(read, ask.count, rounds))
    client.close()


def _tell(cost: tuple[float, float]) -> None:
    sys.stdout.write(f"{cost[0]:.6f} {cost[1]:.6f}\n")


def main() -> None:
    """Read as the arguments say."""
    name, port, baud, parity, *numbers, rounds = sys.argv[1:]
    unit, function, address, count = (int(number) for number in numbers)
    ask = Request(unit=unit, function=Function(function), address=address, count=count)
    client = {"laddvakt": _laddvakt, "pymodbus": _pymodbus}[name]
    asyncio.run(client(port, int(baud), parity, ask, int(rounds)))


if __name__ == "__main__":
    main()
