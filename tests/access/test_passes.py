"""Permits at rest are the permits that decide."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from access.permit import Hours, Permit
from api.routes.gates import to_permit
from store.registry.base import Base, Registry
from store.registry.passes import PermitRow, permit_of, permits, version


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    Base.metadata.create_all(registry.engine)
    yield registry
    registry.close()


def row(name: str, credential: str, changed: int, **fields: object) -> PermitRow:
    return PermitRow(
        site="demo", id=name, credential=credential, subject="staff", valid_from=5, changed=changed, **fields
    )


def test_a_row_reads_as_a_permit(registry: Registry) -> None:
    hours = [([0, 1], 480, 1080)]
    with registry.writing() as session:
        session.add(row("a", "c1", 1, gates=["north"], schedule=hours, max_uses=3))
        session.add(row("b", "c2", 1, standing="revoked"))
    with registry.reading() as session:
        first, second = (to_permit(found) for found in permits(session, "demo"))
        assert permit_of(session, "demo", "c3") is None
        assert permit_of(session, "other", "c1") is None
        found = permit_of(session, "demo", "c2")
        assert found is not None
        assert found.id == "b"
    assert first == Permit(
        id="a",
        credential="c1",
        subject="staff",
        gates=("north",),
        valid_from=5,
        schedule=(Hours((0, 1), 480, 1080),),
        max_uses=3,
    )
    assert (second.standing, second.schedule, second.gates) == ("revoked", None, ())


def test_the_version_changes_with_the_list(registry: Registry) -> None:
    seen = []
    for change in (None, row("a", "c1", 1), row("b", "c2", 1), row("c", "c3", 9)):
        with registry.writing() as session:
            if change is not None:
                session.add(change)
        with registry.reading() as session:
            seen.append(version(session, "demo"))
    assert len(set(seen)) == 4


def test_a_credential_has_one_permit_a_site(registry: Registry) -> None:
    with pytest.raises(IntegrityError), registry.writing() as session:
        session.add_all([row("a", "c1", 1), row("b", "c1", 1)])
