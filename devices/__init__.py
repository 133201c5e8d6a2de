"""What exists: one file per device kind, discovered by being there."""

import importlib
import pkgutil
from functools import cache

from devices.kind import DeviceKind
from schema.errors import Stop


@cache
def kinds() -> dict[str, DeviceKind]:
    """Every device kind by name; a duplicate name, or a file that declares no KIND, ends with Stop."""
    found: dict[str, DeviceKind] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name == "kind":
            continue
        kind = getattr(importlib.import_module(f"{__name__}.{module.name}"), "KIND", None)
        if not isinstance(kind, DeviceKind):
            raise Stop(f"devices/{module.name}.py declares no KIND; see devices/kind.py")
        if kind.name in found:
            raise Stop(f"two device kinds are named {kind.name!r}; rename the one in devices/{module.name}.py")
        found[kind.name] = kind
    return found
