"""Is the server alive, is it ready, and what does it count."""

from collections import Counter
from collections.abc import Callable, Iterable
from http import HTTPStatus

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from sqlalchemy import func, select

from api.auth import Viewer
from api.context import Ctx
from schema.series import SeriesKey
from store.registry.alarms import open_alarms
from store.registry.deadletters import counts
from store.registry.places import sites
from store.registry.progress import StreamProgress
from store.registry.worklist import Unsettled

router = APIRouter(tags=["health"])

NOTHING = SeriesKey("none", "none", "none", "none", "none")


class Ready(BaseModel):
    """Each part the server needs: "ok", or what is wrong with it."""

    store: str
    registry: str


@router.get("/healthz", response_class=PlainTextResponse)
def healthz() -> str:
    """The process answers; open to all, says nothing else."""
    return "ok\n"


@router.get("/readyz", response_model=Ready, responses={503: {"model": Ready, "description": "A part is away"}})
def readyz(context: Ctx, _: Viewer) -> Response:
    """Whether store and registry answer; 503 when one does not."""

    def registry() -> object:
        with context.registry.reading() as session:
            return sites(session)

    found = Ready(store=_answer(lambda: context.store.read([NOTHING], 0, 1)), registry=_answer(registry))
    fine = found.store == found.registry == "ok"
    return JSONResponse(found.model_dump(), HTTPStatus.OK if fine else HTTPStatus.SERVICE_UNAVAILABLE)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(context: Ctx, caller: Viewer) -> PlainTextResponse:
    """Counters and gauges in the Prometheus text format, of all sites; scrape with a viewer's token."""
    if caller.site is not None:
        raise HTTPException(HTTPStatus.FORBIDDEN, f"of all sites; {caller.name} is limited to {caller.site!r}")
    with context.registry.reading() as session:
        streams = session.execute(select(func.sum(StreamProgress.seq), func.sum(StreamProgress.lost))).one()
        waiting = session.scalar(select(func.count()).select_from(Unsettled))
        letters = sorted(counts(session).items())
        open_ = Counter(alarm.priority for alarm in open_alarms(session))
    lines = [
        *_metric(
            "dayuan_stream_messages_total", "counter", "Agents' messages that are durable", [("", streams[0] or 0)]
        ),
        *_metric("dayuan_stream_lost_total", "counter", "Messages agents gave up unseen", [("", streams[1] or 0)]),
        *_metric(
            "dayuan_live_readings_total", "counter", "Readings seen live by this process", [("", context.hub.readings)]
        ),
        *_metric("dayuan_live_clients", "gauge", "Open live streams", [("", context.hub.clients)]),
        *_metric("dayuan_unsettled_series", "gauge", "Series with readings not yet booked", [("", waiting or 0)]),
        *_metric(
            "dayuan_dead_letters_total",
            "counter",
            "Messages or records parked",
            [(f'{{reason="{reason}"}}', count) for reason, count in letters],
        ),
        *_metric(
            "dayuan_open_alarms",
            "gauge",
            "Alarms that still ask for something",
            [(f'{{priority="{priority}"}}', open_[priority]) for priority in ("low", "medium", "high")],
        ),
    ]
    return PlainTextResponse("".join(f"{line}\n" for line in lines), media_type="text/plain; version=0.0.4")


def _metric(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *(f"{name}{labels} {value}" for labels, value in samples)]


def _answer(question: Callable[[], object]) -> str:
    try:
        question()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a part is the answer
        return f"{type(error).__name__}: {error}"
    return "ok"
