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
    at = 6 if where.isdecimal() else 0

    def silence(sending: bool, packet: bytes) -> bytes:
        return b"" if sending and str(packet[at]) not in units else packet

    server: ModbusTcpServer | ModbusSerialServer
    if where.isdecimal():
        server = ModbusTcpServer(devices, address=("127.0.0.1", int(where)), trace_packet=silence)
    else:
        server = ModbusSerialServer(devices, port=where, baudrate=115200, trace_packet=silence)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], json.loads(sys.argv[2])))
