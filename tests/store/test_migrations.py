"""Migrations: what a new database gets, and what an old one keeps."""

import os
import socket
import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from schema.errors import RetryLater, Stop
from store.registry.base import Registry
from store.registry.migrate import configuration, pending, tables, upgrade
from store.registry.places import Site, sites


def differences(registry: Registry) -> list[object]:
    """What autogenerate would still change."""
    with registry.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        return list(compare_metadata(context, tables().metadata))


def test_an_empty_database_gets_exactly_the_tables_of_the_models(registry: Registry) -> None:
    assert differences(registry) == []
    assert set(inspect(registry.engine).get_table_names()) == {*tables().metadata.tables, "alembic_version"}
    assert pending(registry) == 0


def test_a_missing_column_would_be_seen(registry: Registry) -> None:
    with registry.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE site DROP COLUMN people")
    assert len(differences(registry)) == 1


def test_a_second_upgrade_keeps_what_is_there(registry: Registry) -> None:
    with registry.writing() as session:
        session.add(Site(id="demo", title_zh="示范", title_en="Demo"))
    upgrade(registry)
    with registry.reading() as session:
        assert [site.title_zh for site in sites(session)] == ["示范"]


def test_a_database_of_a_newer_version_is_left_alone(registry: Registry) -> None:
    with registry.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Stop, match="'9999': a newer version"):
        upgrade(registry)


def test_the_whole_way_back_leaves_nothing_and_the_way_forth_everything(registry: Registry) -> None:
    config = configuration()
    with registry.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        connection.commit()
    assert inspect(registry.engine).get_table_names() == ["alembic_version"]
    assert pending(registry) > 0
    upgrade(registry)
    assert differences(registry) == []


def test_services_that_start_together_upgrade_one_after_the_other(registry_url: str) -> None:
    words = "import sys; from store.registry import base, migrate; migrate.upgrade(base.Registry(sys.argv[1]))"
    command = [sys.executable, "-c", words, registry_url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) for _ in range(3)]
    for process in started:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    registry = Registry(registry_url)
    assert differences(registry) == []
    registry.close()


@pytest.mark.postgres
def test_a_database_that_is_away_is_to_be_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        registry = Registry(f"postgresql+psycopg://dayuan@127.0.0.1:{taken.getsockname()[1]}/x")
        with pytest.raises(RetryLater, match="registry database"):
            upgrade(registry)
        registry.close()
