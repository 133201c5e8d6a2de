"""Units as people write them."""

_WRITTEN = {"m3": "m³", "Cel": "°C", "count": "", "/": "", "%RH": "%", "W/m2": "W/m²", "m3/h": "m³/h"}


def unit(symbol: str) -> str:
    """A SenML unit as people write it."""
    return _WRITTEN.get(symbol, symbol).replace("/m2", "/m²")
