"""Certificates for tests: an authority, and what it signs for a node on loopback."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

DAY = timedelta(days=1)


class Authority:
    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "cert.pem"
        self.key = folder / "key.pem"
        self.file = folder / "ca.pem"
        self._key = generate_private_key(SECP256R1())
        self._name = _named("an authority")
        own = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))
        self.file.write_bytes(own.public_bytes(Encoding.PEM))

    def issue(self, *names: str, days: int = 30) -> int:
        """A new key and a certificate for it, each put in place whole; its serial number."""
        key = generate_private_key(SECP256R1())
        alternatives = x509.SubjectAlternativeName(
            [x509.IPAddress(ip_address("127.0.0.1")), *(x509.DNSName(name) for name in names)]
        )
        made = self._signed(_named("a node"), key, alternatives, days)
        _put(self.key, _pem(key))
        _put(self.certificate, made.public_bytes(Encoding.PEM))
        return made.serial_number

    def _signed(
        self,
        subject: x509.Name,
        key: EllipticCurvePrivateKey,
        extension: x509.ExtensionType,
        days: int = 30,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            self._name, subject, key.public_key(), x509.random_serial_number(), now - DAY, now + days * DAY
        )
        return builder.add_extension(extension, critical=False).sign(self._key, SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _put(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)
