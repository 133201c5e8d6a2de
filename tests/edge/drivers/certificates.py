"""Certificates for tests, made by openssl: an authority, and what it signs."""

import subprocess
from pathlib import Path
from typing import NamedTuple


class Pair(NamedTuple):
    """The PEM files of a certificate and its key."""

    certificate: Path
    key: Path

    @property
    def told(self) -> dict[str, str]:
        """As a `tls` table tells it."""
        return {"certificate": str(self.certificate), "key": str(self.key)}


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self.own = Pair(folder / f"{name}.pem", folder / f"{name}.key")
        _openssl("req", "-x509", *_key(self.own), "-out", self.own.certificate, "-subj", f"/CN={name}", "-days", "2")

    def sign(self, name: str) -> Pair:
        """A certificate of 127.0.0.1, written over the one of that name."""
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        signed = ("-CA", self.own.certificate, "-CAkey", self.own.key, "-days", "2")
        names = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1")
        _openssl("req", "-x509", *_key(pair), *signed, *names, "-out", pair.certificate)
        return pair

    def lock(self, pair: Pair) -> Pair:
        """The same with a password on its key."""
        locked = self._folder / "locked.key"
        _openssl("ec", "-in", pair.key, "-aes128", "-passout", "pass:word", "-out", locked)
        return Pair(pair.certificate, locked)


def _key(pair: Pair) -> tuple[str | Path, ...]:
    return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", pair.key


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
