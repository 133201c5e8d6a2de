"""A real pymodbus server in a process of its own: `python -m tests.edge.drivers.modbus_server PORT|TTY UNITS`.

UNITS is JSON: {"unit": {"address": [registers]}}; what is not told is an illegal address, other units are silent.
"""

import asyncio
import json
import sys

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


async def serve(where: str, units: dict[str, dict[str, list[int]]]) -> None:
    """Serve until killed."""
    devices = [
        SimDevice(
            int(unit),
            [SimData(int(at), values=registers, datatype=DataType.REGISTERS) for at, registers in blocks.items()],
        )
        for unit, blocks in units.items()
    ]
    if where.isdecimal():
        server = ModbusTcpServer(devices, address=("127.0.0.1", int(where)), ignore_missing_devices=True)
    else:
        server = ModbusSerialServer(devices, port=where, baudrate=115200, ignore_missing_devices=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], json.loads(sys.argv[2])))
