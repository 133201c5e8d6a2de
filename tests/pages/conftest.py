"""A real server and a real Chromium for the page tests."""

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect, sync_playwright

from api.app import create_app
from tests.pages import compound
from tests.servers import free_port, program

OUTPUT = Path(__file__).parents[1] / "output"
PASSWORD = "a calm instrument 42"
_PATIENCE = 60_000.0
"""Milliseconds that a page on a busy machine may take; only a failure waits so long."""
expect.set_options(timeout=_PATIENCE)
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@dataclass(frozen=True)
class Served:
    """A compound behind a running server; `signed_in` is what a browser keeps after its administrator's sign-in."""

    compound: compound.Compound
    address: str
    signed_in: StorageState | None = None


class View(NamedTuple):
    """A person's browser: what it speaks, its size in px, and its appearance."""

    locale: str
    width: int = 1440
    height: int = 900
    scheme: Literal["light", "dark"] = "light"


CHINESE = View("zh-CN")
ENGLISH = View("en-GB")


@contextmanager
def serving(filled: compound.Compound) -> Iterator[Served]:
    """The whole web application on a free port of 127.0.0.1."""
    app = create_app(filled.context)
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, name="page server")
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield Served(filled, f"http://127.0.0.1:{port}")
    finally:
        filled.context.hub.close()
        server.should_exit = True
        thread.join(60)
        filled.context.store.close()
        filled.context.registry.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium, or a skip with a clear line; while it lives, no other event loop runs in this thread."""
    path = program("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        yield browser
        browser.close()


class Visitor:
    """A browser window; `close` fails the test when the console said an error."""

    def __init__(self, browser: Browser, served: Served, view: View) -> None:
        self.context: BrowserContext = browser.new_context(
            viewport={"width": view.width, "height": view.height},
            locale=view.locale,
            color_scheme=view.scheme,
            base_url=served.address,
            timezone_id="Europe/London",
            storage_state=served.signed_in,
        )
        self.context.set_default_timeout(_PATIENCE)
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self._local(request.url, served.address))

    def _local(self, url: str, address: str) -> None:
        if not re.match(rf"{re.escape(address)}|ws://127\.0\.0\.1|data:|blob:", url):
            self.faults.append(f"left this server: {url}")

    def shot(self, name: str) -> None:
        """Keep what is seen under the test output."""
        OUTPUT.mkdir(exist_ok=True)
        self.page.screenshot(path=OUTPUT / f"{name}.png", full_page=True)

    def sign_in(self, name: str, password: str) -> None:
        """Fill in and send the sign-in form."""
        self.page.goto("/sign-in")
        self.page.fill("input[name=user]", name)
        self.page.fill("input[name=password]", password)
        self.page.click("button[type=submit].primary")
        self.page.wait_for_url(re.compile(r"/(password)?(\?.*)?$|fault="))

    def close(self) -> None:
        """Close the window."""
        self.context.close()
        assert not self.faults


@contextmanager
def visiting(browser: Browser, served: Served, view: View = CHINESE) -> Iterator[Visitor]:
    """A fresh browser window, signed in where `served` says so."""
    visitor = Visitor(browser, served, view)
    try:
        yield visitor
    except BaseException:
        visitor.shot("failed." + re.sub(r"\W+", "-", os.environ["PYTEST_CURRENT_TEST"]))
        visitor.context.close()
        raise
    visitor.close()


@pytest.fixture(scope="module")
def served(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A filled compound whose administrator has chosen a password and signed in."""
    with serving(compound.filled(tmp_path_factory.mktemp("pages"))) as found:
        compound.choose_password(found.compound, PASSWORD)
        with visiting(chromium, found) as visitor:
            visitor.sign_in("admin", PASSWORD)
            state = visitor.context.storage_state()
        yield replace(found, signed_in=state)
