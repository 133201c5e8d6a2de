"""The devices that stand in the simulated compound."""

from devices import kinds
from edge.settings import Device
from schema.text import Text

SUB_METERS = ("office-a-elec", "office-b-elec", "canteen-elec", "data-room-elec", "grounds-elec")
CABINETS = {"cold-kitchen": 4.0, "cold-store": -18.5}
"""Cold-chain cabinets and the air they hold, in degrees C."""


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
        device("main-water", "water_meter", "grounds", "总水表", "Main water meter"),
        device("canteen-water", "water_meter", "canteen", "食堂水表", "Canteen water", "main-water"),
        device("kitchen-gas", "gas_meter", "canteen", "厨房燃气表", "Kitchen gas"),
        device("weather", "weather_station", "grounds", "气象站", "Weather station"),
        device("gate-north", "gate", "grounds", "北门", "North gate"),
        device("gate-south", "gate", "grounds", "南门", "South gate"),
        device("canteen-meals", "canteen_terminal", "canteen", "就餐终端", "Canteen terminal"),
        device("canteen-plates", "plate_scale", "canteen", "餐盘回收秤", "Plate return scale"),
        device("cold-kitchen", "cold_chain", "canteen", "厨房冷藏柜", "Kitchen refrigerator"),
        device("cold-store", "cold_chain", "canteen", "冷冻库", "Freezer store"),
    )
