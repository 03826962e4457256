"""The keys that the API's tokens are signed with: made when one is needed, and followed by the next in time.

Rules: they lie in the keystore, encrypted to the node; one that signs no more goes on verifying until the
last token that it has signed has ended; without the file all tokens end, and the next has a new key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reconciler.model import EMPTY
from reconciler.runtime import signed_token

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    from reconciler.drivers.keystore.sealed import Sealed

BITS: Final = 2048


class Key(NamedTuple):
    id: str
    made_at: datetime
    pair: RSAPrivateKey


class TokenKeys:
    def __init__(self, file: Sealed) -> None:
        self._file = file
        self._read: bytes | None = None
        self._keys: tuple[Key, ...] = ()  # the newest first
        self._publics: Mapping[str, RSAPublicKey] = EMPTY

    async def to_sign(self, now: datetime, lasts: timedelta, kept: timedelta) -> Key:
        """The newest, or a new one if that is older than it lasts; older ones are kept as long as said."""
        if not self._fresh(now, lasts):

            def grown(content: bytes | None) -> bytes:
                keys = tuple(_parsed(content))
                if not (keys and now - keys[0].made_at < lasts):  # else somebody else was faster
                    keys = (_made(now), *keys)
                return _written([one for one in keys if now - one.made_at < lasts + kept])

            await self._file.change(grown)
        return self._all()[0]

    def to_verify(self) -> Mapping[str, RSAPublicKey]:
        self._all()
        return self._publics

    def published(self) -> list[dict[str, str]]:
        return [signed_token.published(name, key) for name, key in self.to_verify().items()]

    def _fresh(self, now: datetime, lasts: timedelta) -> bool:
        keys = self._all()
        return bool(keys) and now - keys[0].made_at < lasts

    def _all(self) -> tuple[Key, ...]:
        content = self._file.read()
        if content is not self._read:
            self._keys = tuple(_parsed(content))
            self._publics = {one.id: one.pair.public_key() for one in self._keys}
            self._read = content
        return self._keys


def _made(now: datetime) -> Key:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    return Key(token_hex(8), now, generate_private_key(65537, BITS))


def _parsed(content: bytes | None) -> Iterator[Key]:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    for one in json.loads(content) if content is not None else ():
        pair: Any = load_pem_private_key(one["private"].encode(), None)
        yield Key(one["id"], datetime.fromisoformat(one["madeAt"]), pair)


def _written(keys: list[Key]) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    form = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    return json.dumps(
        [
            {
                "id": one.id,
                "madeAt": one.made_at.isoformat(),
                "private": one.pair.private_bytes(*form).decode(),
            }
            for one in keys
        ]
    ).encode()
