"""What an agent says of a device's health is kept with the device, until it says another thing."""

from pathlib import Path

from analytics.live.scene import health
from bus import messages
from bus.messages import Birth, Death, Trouble
from bus.topics import Topic
from schema.instant import SECOND
from schema.stream import Position
from schema.text import Text
from store.registry.places import Device
from tests.ingest.test_pipeline import METER, NOW, House


def told(trouble: Trouble | None, seq: int, topic: Topic = METER) -> tuple[str, bytes]:
    birth = Birth(title=Text("总表", "Main"), interval=60.0, trouble=trouble, position=Position("a", "e", seq))
    return topic._replace(channel="state").path(), messages.encode_state(birth)


def device(house: House) -> Device:
    with house.registry.reading() as session:
        found = session.get(Device, ("demo", "m1"))
        assert found is not None
        return found


def test_trouble_comes_and_goes_and_is_not_silence(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.feed(house.birth(seq=1), told(Trouble("unsteady", "energy read 9, then 1"), 2))
    known = device(house)
    assert (known.state, known.trouble, known.trouble_detail) == ("online", "unsteady", "energy read 9, then 1")
    assert known.state_since == NOW
    assert health(known, NOW, NOW) == "troubled"
    assert health(known, NOW - 600 * SECOND, NOW + 600 * SECOND) == "offline", "who is silent is that first"
    house.feed(told(None, 3))
    assert health(device(house), NOW, NOW) == "online"
    house.close()


def test_a_device_that_moved_is_not_gone_with_its_old_place(tmp_path: Path) -> None:
    house = House(tmp_path)
    moved = METER._replace(building="canteen")
    house.feed(house.birth(seq=1))
    farewell = messages.encode_state(Death(position=Position("a", "e", 2)))
    house.feed((METER._replace(channel="state").path(), farewell), told(None, 3, moved))
    assert (device(house).building, device(house).state) == ("canteen", "online")
    house.close()
