"""An independent Modbus implementation at the other end of the socket."""

from __future__ import annotations

import asyncio

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hal.slave import until
from laddvakt_hal.bus import Bus, TcpSettings
from laddvakt_hal.errors import Refused
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.settings import Framing

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("framing", "framer"),
    [("tcp", FramerType.SOCKET), ("rtu", FramerType.RTU)],
    ids=["modbus-tcp", "rtu-over-tcp"],
)
async def test_reads_and_writes_a_pymodbus_server(framing: Framing, framer: FramerType) -> None:
    data = [SimData(100, values=[1, 2, 3, 4], datatype=DataType.REGISTERS)]
    server = ModbusTcpServer(SimDevice(1, data), framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    assert server.transport is not None
    port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined] # a Server
    bus = Bus(TcpSettings(name="t", host="127.0.0.1", port=port, framing=framing))
    await bus.start()
    try:
        await until(lambda: bus.up)
        read = Request(unit=1, function=Function.READ_HOLDING, address=100, count=4)
        assert (await bus.transact(read)).words == (1, 2, 3, 4)
        write = Request(
            unit=1, function=Function.WRITE_REGISTERS, address=101, count=2, values=(8, 9)
        )
        await bus.transact(write)
        await bus.transact(
            Request(unit=1, function=Function.WRITE_REGISTER, address=103, values=(7,))
        )
        assert (await bus.transact(read)).words == (1, 8, 9, 7)
        with pytest.raises(Refused) as caught:
            await bus.transact(
                Request(unit=1, function=Function.READ_HOLDING, address=900, count=1)
            )
        assert caught.value.exception_code == 2
    finally:
        await bus.close()
        await server.shutdown()  # type: ignore[no-untyped-call] # pymodbus leaves it so
        await asyncio.sleep(0)
