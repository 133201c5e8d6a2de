"""TLS of an address that devices post to: its certificate, and whose certificates their own have to be signed by."""

import ssl

import msgspec

from edge.source import Source
from edge.tomlfile import Wrong


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PEM files: the certificate with its chain, its key, and the CA of devices that have to show one as well."""

    certificate: Source
    key: Source
    client_ca: Source | None = None

    def context(self) -> ssl.SSLContext:
        """What a connection is secured with, TLS 1.2 or later; Wrong says which file does not serve, and why."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            # An empty password: without one OpenSSL would ask for that of an encrypted key on the terminal.
            context.load_cert_chain(self.certificate.path, self.key.path, password="")
        except OSError as error:
            raise Wrong("tls", f"certificate and key cannot be used: {_said(error)}", "certificate") from error
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca.path)
            except OSError as error:
                raise Wrong("tls", f"it cannot be used: {_said(error)}", "client_ca") from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _said(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"{error.reason or error}; PEM files are wanted, the key without a password and that of the certificate"
    return f"{error.strerror}; name files the agent may read"
