"""What people see: pages of NiceGUI inside the web application, everything served from here."""

from functools import partial
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from nicegui import core, ui

from api.context import Context
from api.pages.alarms import ack, alarm, alarms, care, performance
from api.pages.devices import device, devices
from api.pages.frame import preference, sign_in
from api.pages.frame.entrance import door, missing, page
from api.pages.letters import letter, letters
from api.pages.live import compound
from api.pages.live.watch import Watch

_STATIC = Path(__file__).parent / "static"


def mount(app: FastAPI, context: Context) -> None:
    """Serve the pages at every path the application does not answer itself; call it last.

    NiceGUI knows one application a process: a second one takes the place of the first.
    """
    core.app.middleware_stack = None
    core.app.user_middleware.clear()
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    preference.serve(app)
    sign_in.serve(app, context)
    ack.serve(app, context)
    page(context, "/", partial(compound.show, watch=Watch(context)))
    page(context, "/devices", devices.show)
    page(context, "/devices/{site}/{device}", device.show)
    page(context, "/alarms", alarms.show)
    page(context, "/alarms/care", care.show, role="operator")
    page(context, "/alarms/performance", performance.show)
    page(context, "/alarms/{id}", alarm.show)
    page(context, "/dead-letters", letters.show, role="operator")
    page(context, "/dead-letters/{id}", letter.show, role="operator")
    ui.run_with(
        app,
        root=door(context, missing),
        title="Dayuan",
        favicon=_STATIC / "favicon.svg",
        dark=None,
        tailwind=False,
        storage_secret=context.secret,
        show_welcome_message=False,
    )
