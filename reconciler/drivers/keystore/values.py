"""The values of secrets, encrypted to the node.

Rules: all values of a secret stand in one file, so that they change together; what is stored has
been decrypted once, so that a value nobody can open is refused while the last good ones stay; a
value's version is a keyed digest, which tells that it has changed and nothing else.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256

from reconciler.drivers.keystore import age
from reconciler.drivers.keystore.folder import Folder
from reconciler.drivers.keystore.identity import Identity
from reconciler.drivers.keystore.sealed import Sealed
from reconciler.drivers.keystore.shelf import Record, Shelf
from reconciler.errors import Invalid, NotFound, TooLarge
from reconciler.model import Ref
from reconciler.ports.secrets import KnownSecret

DIGEST_KEY = "digest-key"
LARGEST = 256 * 1024


class Value(Record):
    declared: str  # SHA-256 of the ciphertext in the manifest
    encrypted: str
    version: str


class SecretRecord(Record):
    recipient: str  # whom the values are encrypted to
    values: Mapping[str, Value]
    ours: bool = True  # a resource declares it


class SecretBox:
    """Implements `SecretStore` with files."""

    def __init__(self, folder: Folder, shelf: Shelf[SecretRecord], identity: Identity) -> None:
        self._folder = folder
        self._shelf = shelf
        self._identity = identity
        self._key = Sealed(folder, DIGEST_KEY, identity)  # if it is lost, every value seems changed, once

    def get(self, secret: Ref, *, fresh: bool = False) -> KnownSecret | None:
        record = self._shelf.get(secret, fresh=fresh)
        if record is None:
            return None
        declared = {key: value.declared for key, value in record.values.items()}
        return KnownSecret(declared, record.recipient in self._identity.recipients, record.ours)

    def refs(self) -> frozenset[Ref]:
        return frozenset(ref for ref, record in self._shelf.all() if record.ours)

    def resolve(self, secret: Ref, key: str) -> str:
        record = self._shelf.get(secret)
        if record is None:
            raise NotFound(f"{secret} is not in the keystore", remedy="see why it is not Ready")
        if key not in record.values:
            raise NotFound(
                f"{secret} has no value '{key}'", remedy=f"it has: {', '.join(sorted(record.values))}"
            )
        return self._opened(secret, key, record.values[key].encrypted)

    def versions(self, secret: Ref) -> Mapping[str, str]:
        record = self._shelf.get(secret)
        return {} if record is None else {key: value.version for key, value in record.values.items()}

    async def put(self, secret: Ref, encrypted: Mapping[str, str]) -> None:
        await self._folder.write_aside(partial(self._put, secret, dict(encrypted)))

    async def release(self, secret: Ref) -> None:
        await self._folder.write_aside(partial(self._release, secret))

    async def drop(self, secret: Ref) -> None:
        await self._folder.write_aside(partial(self._drop, secret))

    def reencrypt(self) -> None:
        """All values that can be read, to the present identity. The lock must be held."""
        present = self._identity.recipient
        for ref, record in self._shelf.all():
            if record.recipient != present:
                with suppress(age.Undecryptable):  # its identity is lost, and may be found
                    values = {key: self._anew(value) for key, value in record.values.items()}
                    self._shelf.put(ref, SecretRecord(recipient=present, values=values, ours=record.ours))
        self._key.reencrypt()

    def _anew(self, value: Value) -> Value:
        opened = self._identity.decrypt(value.encrypted)
        return value.model_copy(update={"encrypted": self._identity.encrypt(opened)})

    def _put(self, secret: Ref, encrypted: Mapping[str, str]) -> None:
        with self._folder.locked():
            self._identity.ensure()
            opened = {key: self._opened(secret, key, text) for key, text in encrypted.items()}
            digest_key = self._digest_key()
            record = SecretRecord(
                recipient=self._identity.recipient,
                values={
                    key: Value(
                        declared=sha256(text.encode()).hexdigest(),
                        encrypted=self._identity.encrypt(opened[key].encode()),
                        version=version(digest_key, secret, key, opened[key]),
                    )
                    for key, text in encrypted.items()
                },
            )
            self._shelf.put(secret, record)

    def _release(self, secret: Ref) -> None:
        with self._folder.locked():
            record = self._shelf.get(secret, fresh=True)
            if record is not None and record.ours:
                self._shelf.put(secret, record.model_copy(update={"ours": False}))

    def _drop(self, secret: Ref) -> None:
        with self._folder.locked():
            self._shelf.remove(secret)

    def _opened(self, secret: Ref, key: str, text: str) -> str:
        """The value; whatever fails, nothing of it reaches the error."""
        where = f"the value '{key}' of {secret}"
        try:
            content = self._identity.decrypt(text)
        except age.Undecryptable as why:
            raise Invalid(
                f"{where} {why.message}",
                remedy="encrypt it to this node: "
                f"`holdfast secret encrypt --recipient {self._identity.recipient}`",
            ) from None
        return readable(content, where)

    def _digest_key(self) -> bytes:
        """Made at first use. The lock must be held."""
        key = self._key.read()
        if key is None:
            key = secrets.token_bytes(32)
            self._key.write(key)
        return key


def readable(content: bytes, where: str) -> str:
    """The text that a value is; how many bytes it may have is the manifest's limit, less the armor."""
    if len(content) > LARGEST:
        raise TooLarge(f"{where} is larger than {LARGEST // 1024} KiB", remedy="split it")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Invalid(f"{where} is no UTF-8 text", remedy="encode it, as base64 for instance") from None


def encrypted(value: bytes, recipients: Sequence[str]) -> str:
    """A value as it may stand in a manifest; needs no node, only the public half of its identity."""
    if not value:
        raise Invalid("the value is empty", remedy="was the variable or the file that it comes from empty?")
    readable(value, "the value")
    return age.encrypt(value, recipients)


def version(digest_key: bytes, secret: Ref, key: str, value: str) -> str:
    """Bound to its place, so that two equal values do not show that they are equal."""
    text = "\0".join((*secret, key, value))
    return hmac.new(digest_key, text.encode(), "sha256").hexdigest()[:32]
