"""The compound written into files: readings, events, devices, and the labels of what is wrong in them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import tzinfo
from pathlib import Path

import msgspec

from edge.simulation.compound import Compound
from edge.simulation.devices import compound_devices
from edge.simulation.faults import Fault, label
from edge.simulation.span import Span
from schema.errors import Stop
from schema.event import Event
from schema.instant import SECOND, to_datetime
from schema.reading import Reading


def write(
    span: Span, faults: tuple[Fault, ...], step: int, folder: Path, progress: Callable[[int, int], object]
) -> None:
    """Write all files of a span, `step` us between two readings; Stop when the disk refuses.

    `progress` is told how far it came, and with how many readings more.
    """
    compound = Compound(span.seed, span.first, span.zone, faults)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "labels.jsonl").write_bytes(
            b"".join(label(fault, span.zone) + b"\n" for fault in sorted(faults, key=lambda fault: fault.begin))
        )
        (folder / "devices.jsonl").write_bytes(b"".join(_devices(step)))
        with ExitStack() as stack:
            table = stack.enter_context((folder / "readings.csv").open("w", encoding="ascii", newline="\n"))
            journal = stack.enter_context((folder / "events.jsonl").open("wb"))
            table.write("time,device,point,value,unit\n")
            for day in range(span.days):
                start, end = span.midnight(day), span.midnight(day + 1)
                rows = [reading for readings in compound.between(start, end, step) for reading in readings]
                table.writelines(_rows(rows, span.zone))
                journal.writelines(_events(compound.events(start - 1, end - 1)))
                progress(end, len(rows))
    except OSError as error:
        raise Stop(f"cannot write into {folder}: {error.strerror}; name another folder with --out") from error


def _rows(readings: Iterable[Reading], zone: tzinfo) -> Iterator[str]:
    last, said = -1, ""
    for device, point, time, value, unit in readings:
        if time != last:
            last, said = time, to_datetime(time).astimezone(zone).isoformat()
        yield f"{said},{device},{point},{value!r},{unit}\n"


def _events(found: dict[str, list[Event]]) -> Iterator[bytes]:
    for device, events in found.items():
        for event in events:
            yield msgspec.json.encode({"device": device, "event": event}) + b"\n"


def _devices(step: int) -> Iterator[bytes]:
    for device in compound_devices(step / SECOND):
        said = {
            "id": device.id,
            "kind": device.kind,
            "building": device.building,
            "parent": device.parent,
            "title": device.title._asdict(),
            "interval": device.interval,
        }
        yield msgspec.json.encode(said) + b"\n"
