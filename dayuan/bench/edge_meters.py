"""Simulated Modbus meters behind gateways: `python -m dayuan.bench.edge_meters UNITS PORT...`, UNITS behind each port.

Each has the registers of the map `generic` and answers any unit from 1 to UNITS.
"""

import asyncio
import struct
import sys

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def registers(unit: int) -> list[int]:
    """Energy as float64, then power, voltage, current, power factor and frequency as float32."""
    energy = struct.unpack(">4H", struct.pack(">d", float(unit)))
    gauges = struct.unpack(">10H", struct.pack(">5f", 1.5, 230.0, 10.0, 0.95, 50.0))
    return [*energy, *gauges]


async def serve(units: int, ports: list[int]) -> None:
    """Serve until killed."""
    async with asyncio.TaskGroup() as group:
        for port in ports:
            meters = [
                SimDevice(unit, [SimData(0, values=registers(unit), datatype=DataType.REGISTERS)])
                for unit in range(1, units + 1)
            ]
            group.create_task(ModbusTcpServer(meters, address=("127.0.0.1", port)).serve_forever())


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
