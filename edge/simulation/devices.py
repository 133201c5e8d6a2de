"""The devices that stand in the simulated compound."""

from functools import cache

from devices import kinds
from edge.settings import Device
from schema.text import Text

OFFICES = ("office-a", "office-b")
GATES = ("gate-north", "gate-south")
SUB_METERS = ("office-a-elec", "office-b-elec", "canteen-elec", "data-room-elec", "grounds-elec")
WATER_METERS = ("canteen-water", "office-a-water", "office-b-water", "grounds-water")
HEAT_METERS = ("office-a-heat", "office-b-heat", "canteen-heat")
CABINETS = {"cold-kitchen": 4.0, "cold-store": -18.5}
"""Cold-chain cabinets and the air they hold, in degrees C."""
LIFTS = {"lift-a-1": "office-a", "lift-a-2": "office-a", "lift-b-1": "office-b"}
ROOMS = {"room-a-305": "office-a", "room-b-210": "office-b"}
PV = "pv-roof"

_HOUSES = {"office-a": ("A 办公楼", "Office building A"), "office-b": ("B 办公楼", "Office building B")}


def compound_devices(interval: float) -> tuple[Device, ...]:
    """Every device; electricity is read each `interval` seconds, the rest no faster than its kind asks."""

    def device(name: str, kind: str, building: str, zh: str, en: str, parent: str | None = None) -> Device:
        every = max(interval, 0 if kind == "electricity_meter" else kinds()[kind].interval)
        return Device(id=name, kind=kind, building=building, title=Text(zh, en), parent=parent, interval=every)

    return (
        device("main-elec", "electricity_meter", "grounds", "总进线电表", "Main supply"),
        device("office-a-elec", "electricity_meter", "office-a", "A 办公楼电表", "Office building A", "main-elec"),
        device("office-b-elec", "electricity_meter", "office-b", "B 办公楼电表", "Office building B", "main-elec"),
        device("canteen-elec", "electricity_meter", "canteen", "食堂电表", "Canteen", "main-elec"),
        device("data-room-elec", "electricity_meter", "office-a", "机房电表", "Data room", "main-elec"),
        device("grounds-elec", "electricity_meter", "grounds", "公共动力电表", "Grounds and lifts", "main-elec"),
        device(PV, "pv_inverter", "grounds", "屋顶光伏", "PV on the roof", "main-elec"),
        device("main-water", "water_meter", "grounds", "总水表", "Main water meter"),
        device("canteen-water", "water_meter", "canteen", "食堂水表", "Canteen water", "main-water"),
        device("grounds-water", "water_meter", "grounds", "绿化保洁水表", "Grounds water", "main-water"),
        *(
            device(f"{house}-water", "water_meter", house, f"{zh}水表", f"{en} water", "main-water")
            for house, (zh, en) in _HOUSES.items()
        ),
        device("kitchen-gas", "gas_meter", "canteen", "厨房燃气表", "Kitchen gas"),
        device("main-heat", "heat_meter", "grounds", "换热站总热量表", "Heat substation"),
        device("canteen-heat", "heat_meter", "canteen", "食堂热量表", "Canteen heat", "main-heat"),
        *(
            device(f"{house}-heat", "heat_meter", house, f"{zh}热量表", f"{en} heat", "main-heat")
            for house, (zh, en) in _HOUSES.items()
        ),
        device("weather", "weather_station", "grounds", "气象站", "Weather station"),
        device("gate-north", "gate", "grounds", "北门", "North gate"),
        device("gate-south", "gate", "grounds", "南门", "South gate"),
        device("canteen-meals", "canteen_terminal", "canteen", "就餐终端", "Canteen terminal"),
        device("canteen-plates", "plate_scale", "canteen", "餐盘回收秤", "Plate return scale"),
        device("canteen-bin", "waste_bin", "canteen", "厨余桶秤", "Kitchen waste bin"),
        device("cold-kitchen", "cold_chain", "canteen", "厨房冷藏柜", "Kitchen refrigerator"),
        device("cold-store", "cold_chain", "canteen", "冷冻库", "Freezer store"),
        device("lift-a-1", "lift", "office-a", "A 办公楼 1 号梯", "Office A, lift 1", "grounds-elec"),
        device("lift-a-2", "lift", "office-a", "A 办公楼 2 号梯", "Office A, lift 2", "grounds-elec"),
        device("lift-b-1", "lift", "office-b", "B 办公楼 1 号梯", "Office B, lift 1", "grounds-elec"),
        device("room-a-305", "room_sensor", "office-a", "A305 会议室", "Meeting room A305"),
        device("room-b-210", "room_sensor", "office-b", "B210 办公室", "Office room B210"),
    )


@cache
def catalogue() -> dict[str, Device]:
    """Every device by its id."""
    return {device.id: device for device in compound_devices(1)}


def above(device: str) -> tuple[str, ...]:
    """The meters above a device, the nearest first."""
    parent = catalogue()[device].parent
    return (parent, *above(parent)) if parent else ()
