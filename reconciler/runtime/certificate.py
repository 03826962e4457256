"""The certificate that the API shows over TCP, and its key: read at the start, and anew when renewed.

Rules: TLS 1.2 is the least; a key that others can read is refused; what was renewed counts for the
connections that come after, and only once it is whole: until then the one before goes on.
"""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.errors import Invalid, Missing, Problem, Refused
from reconciler.settings import Api

OTHERS = 0o007
SOON = timedelta(days=7)
LEAST = ssl.TLSVersion.TLSv1_2

Stamp = tuple[tuple[int, ...], ...]


class Certificate:
    def __init__(self, settings: Api) -> None:
        if not (settings.tls_certificate and settings.tls_key):
            raise Missing(
                "of `api.tls_certificate` and `api.tls_key` only one is set", remedy="set both, or neither"
            )
        self._chain = Path(settings.tls_certificate).expanduser()
        self._key = Path(settings.tls_key).expanduser()
        self._stamp: Stamp = ()
        self._wrong: Problem | None = None  # with what is there now
        self.context = self._read()

    def renew(self) -> bool:
        """Take over what is new; whether there was something. Fails for as long as that cannot be taken."""
        try:
            if self._seen() != self._stamp:
                self.context, self._wrong = self._read(), None
                return True
        except Problem as problem:
            self._wrong = problem
        if self._wrong is not None:
            raise self._wrong
        return False

    def refuse_ending(self, now: datetime) -> None:
        """Fail while there is time left to renew it, and after."""
        if self.ends - now < SOON:
            raise Invalid(
                f"the certificate {self._chain} ends at {self.ends.isoformat()}",
                remedy="renew it: what is put in its place is taken over at once",
            )

    def _read(self) -> ssl.SSLContext:
        from cryptography.x509 import load_pem_x509_certificate

        self._stamp = self._seen()
        if self._key.stat().st_mode & OTHERS:
            raise Refused(f"{self._key} can be read by every user", remedy=f"chmod 600 {self._key}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = LEAST
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._chain, self._key, password="")  # else it would ask at the terminal
            self.ends = load_pem_x509_certificate(self._chain.read_bytes()).not_valid_after_utc
        except (OSError, ValueError) as error:
            raise Invalid(
                f"{self._chain} with {self._key}: {getattr(error, 'reason', None) or error}",
                remedy="give PEM files: the certificate before those that it is signed by, and its own key, "
                "which must not have a passphrase",
            ) from error
        return context

    def _seen(self) -> Stamp:
        try:
            found = [path.stat() for path in (self._chain, self._key)]
        except OSError as error:
            self._stamp = ()  # what comes back is read, even if it is the same
            raise Invalid(
                f"{error.filename} cannot be read: {error.strerror}",
                remedy="see `api.tls_certificate` and `api.tls_key`",
            ) from error
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size, one.st_mode) for one in found)


def certificate_of(settings: Api) -> Certificate | None:
    """None: it speaks in clear."""
    return Certificate(settings) if settings.tls_certificate or settings.tls_key else None
