"""What a gate agent needs to ask the platform: a token of its own, and the pepper its credentials are hashed with."""

import base64
import json
import secrets
from contextlib import closing

from sqlalchemy import delete

from api.auth import digest
from bus.topics import is_segment
from dayuan.parts import make_folder, pepper, secret
from dayuan.settings import Settings
from dayuan.web import address
from schema.errors import Stop
from schema.instant import now
from store.registry.base import Registry
from store.registry.migrate import upgrade
from store.registry.people import ApiToken, audit
from store.registry.places import Site


def issue(registry: Registry, name: str, site: str) -> str:
    """A new token for the gate agent of that name at a site; the one it had before ends."""
    token = f"dayuan_{secrets.token_urlsafe(32)}"
    with registry.writing() as session:
        session.execute(delete(ApiToken).where(ApiToken.name == name, ApiToken.site == site, ApiToken.role == "gate"))
        session.add(ApiToken(name=name, digest=digest(token), role="gate", site=site, created=now(), expires=None))
        audit(session, now(), "dayuan", "token created", name, f"gate {site}")
    return token


def piece(settings: Settings, gate: str, site: str, building: str) -> str:
    """The part of an agent's configuration that tells of a gate, its secrets filled in; Stop where it cannot be one."""
    if wrong := [name for name in (gate, building) if not is_segment(name)]:
        raise Stop(f"{wrong[0]!r} must be 1 to 64 of a-z 0-9 _ -, beginning with a-z 0-9")
    make_folder(settings.data)
    with closing(Registry(settings.registry_url)) as registry:
        upgrade(registry)
        with registry.reading() as session:
            place = session.get(Site, site)
        if place is None:
            raise Stop(f"there is no site {site!r} yet; name another with --site")
        token = issue(registry, gate, site)
    key = base64.b64encode(pepper(secret(settings))).decode()
    title = json.dumps([gate, gate])
    return f"""\
[[gates]]
device = {{ id = "{gate}", kind = "gate", building = "{building}", title = {title} }}
zone = {{ id = "{building}", timezone = "{place.timezone}" }}
api = "{address(settings.web)}"
token = "{token}"
pepper = "{key}"
path = "{gate}.db"
"""
