"""A token as text: a JSON Web Token (RFC 7519) that is signed with RSA and SHA-256, and nothing else. Pure.

Rules: the header has three members with one form, so nobody chooses an algorithm, brings a key along or asks
for an extension; nothing of what a token claims is read before its signature has been found good; a text that
is longer than any of ours is not looked at.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from reconciler.runtime.refusal import Refusal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    from reconciler.model import JsonValue

ALGORITHM: Final = "RS256"
LONGEST: Final = 4096
LONGEST_HEADER: Final = 256
REMEMBERED: Final = 1000
SHAPE: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


def is_one(text: str) -> bool:
    """It has the form of a token; of an API key's secret it is not."""
    return text.count(".") == 2  # noqa: PLR2004 - header, claims, signature


def write(type: str, claims: Mapping[str, JsonValue], key_id: str, key: RSAPrivateKey) -> str:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    header = {"alg": ALGORITHM, "kid": key_id, "typ": type}
    signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(dict(claims)).encode())}"
    return f"{signed}.{_encoded(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def read(text: str, type: str, keys: Mapping[str, RSAPublicKey]) -> Mapping[str, Any] | Refusal:
    """What it claims, if one of these keys has signed it as a token of this type."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    parts = SHAPE.fullmatch(text) if len(text) <= LONGEST else None
    if parts is None or len(parts[1]) > LONGEST_HEADER:
        return Refusal.MALFORMED
    header, signature = _object(parts[1]), _decoded(parts[3])
    if header is None or signature is None:
        return Refusal.MALFORMED
    key_id = header.get("kid")
    if not isinstance(key_id, str) or header != {"alg": ALGORITHM, "kid": key_id, "typ": type}:
        return Refusal.FOREIGN
    key = keys.get(key_id)
    if key is None:
        return Refusal.UNKNOWN
    try:
        key.verify(signature, text[: parts.end(2)].encode(), PKCS1v15(), SHA256())
    except InvalidSignature:
        return Refusal.FORGED
    claims = _object(parts[2])
    return Refusal.MALFORMED if claims is None else claims


class Verified:
    """Remembers what was found good while the keys are the same: to verify takes longer than all else."""

    def __init__(self) -> None:
        self._keys: Mapping[str, RSAPublicKey] = {}
        self._claims: dict[tuple[str, str], Mapping[str, Any]] = {}

    def read(self, text: str, type: str, keys: Mapping[str, RSAPublicKey]) -> Mapping[str, Any] | Refusal:
        if keys is not self._keys or len(self._claims) >= REMEMBERED:
            self._keys, self._claims = keys, {}
        found = self._claims.get((type, text))
        if found is not None:
            return found
        claims = read(text, type, keys)
        if not isinstance(claims, Refusal):
            self._claims[type, text] = claims
        return claims


def published(key_id: str, key: RSAPublicKey) -> dict[str, str]:
    """A key to verify with, as JSON Web Key (RFC 7517)."""
    numbers = key.public_numbers()
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": ALGORITHM,
        "kid": key_id,
        "n": _encoded(_bytes(numbers.n)),
        "e": _encoded(_bytes(numbers.e)),
    }


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes | None:
    """None as well for what encodes to another text: each content has one form."""
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return content if _encoded(content) == text else None


def _object(text: str) -> dict[str, Any] | None:
    content = _decoded(text)
    try:
        found = json.loads(content, object_pairs_hook=_each_once) if content is not None else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands there twice")
    return found
