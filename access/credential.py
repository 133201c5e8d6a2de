"""Credentials: a keyed hash stands for a card, plate or code, so that the number itself never leaves the edge."""

import hashlib
import hmac
import unicodedata

from schema.errors import Stop

SHORTEST_PEPPER = 16


def keyed_hash(pepper: bytes, raw: str) -> str:
    """HMAC-SHA256 of what the reader read, in hex; case, width and surrounding space do not matter.

    Card numbers are few enough to try them all against a plain hash, hence the key; Stop when it is too short.
    """
    if len(pepper) < SHORTEST_PEPPER:
        raise Stop(f"the credential pepper has {len(pepper)} bytes; set one of at least {SHORTEST_PEPPER} random bytes")
    normal = unicodedata.normalize("NFKC", raw).strip().upper()
    # Whatever a reader sends has a hash: an error here would keep someone from leaving.
    return hmac.new(pepper, normal.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
