"""Stages for the tests of the API, all shown by one real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from api.app import create_app
from tests.api.stage import NOW, Stage, opened, served, stores


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, str]]:
    """The application, and where it is served; the stages put their stores into it in turn.

    It ends with this room: of two in one process, each clears away what NiceGUI keeps of the other's pages.
    """
    with stores(tmp_path_factory.mktemp("empty"), [NOW]) as context:
        app = create_app(context)
        with served(app) as base:
            yield app, base


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, server: tuple[FastAPI, str]) -> Iterator[Stage]:
    """One compound for all tests of a file; they leave it as it was, or work on names of their own."""
    with opened(tmp_path_factory.mktemp("api"), *server) as found:
        yield found


@pytest.fixture
def own_stage(tmp_path: Path, server: tuple[FastAPI, str]) -> Iterator[Stage]:
    """A compound for one test that changes it."""
    with opened(tmp_path, *server) as found:
        yield found
