"""Whose secret this is: the API keys that are wanted now, found by the hash of what a caller presents.

Rules: a key counts from the moment that its wish is in force, and no longer; what is refused says why to
the log and never to the caller; nothing here ever holds a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from reconciler.access import Permission, Permissions
from reconciler.engine.loop import Engine
from reconciler.engine.wishes import Wishes
from reconciler.model import EMPTY, Ref
from reconciler.ports.store import Note
from reconciler.records import dataclass
from reconciler.runtime.refusal import Refusal

if TYPE_CHECKING:
    from reconciler.kinds.apikey.spec import ApiKeySpec, Limited, Rate

KIND: Final = "ApiKey"
NOTE: Final = "api-keys-used"  # of the store
MINUTE: Final = timedelta(minutes=1)
SHAPE: Final = re.compile(r"sk-[A-Za-z0-9_-]{43}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A secret of ours, or the UUID of an imported key: what is none of both is not even looked up."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever has the secret of a key that counts."""

    key: Ref
    actor: str  # the same, as operations and events name it: `apikey/ci`
    hash: str  # of the secret that was presented
    permissions: Permissions
    rate: Rate | None = None  # its own
    session: str = ""  # in which it was exchanged for the token that was presented
    until: datetime | None = None  # the end of that token


@dataclass(frozen=True, slots=True)
class _Known:
    spec: ApiKeySpec
    newest: bool  # of its hashes
    holder: Holder


class Keyring:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read: Wishes | None = None
        self._by_hash: Mapping[str, _Known] = EMPTY
        self._used: dict[str, datetime] | None = None
        self.moved = False  # since it was saved

    def find(self, secret: str, now: datetime) -> Holder | Refusal:
        if not SHAPE.fullmatch(secret):
            return Refusal.MALFORMED
        return self.of_hash(hash_of(secret), now)

    def use(self, holder: Holder, now: datetime) -> None:
        """Somebody came with it; noted to the minute, so that it is seldom written down."""
        name = holder.actor
        before = self._uses.get(name)
        if before is None or now - before >= MINUTE:
            self._uses[name] = now
            self.moved = True

    def used(self, ref: Ref) -> datetime | None:
        """When somebody came with it last."""
        return self._uses.get(str(ref))

    @property
    def _uses(self) -> dict[str, datetime]:
        """Those of earlier processes as well."""
        if self._used is None:
            kept: Any = self._engine.notes.get(NOTE)
            self._used = {key: datetime.fromisoformat(at) for key, at in (kept or {}).items()}
        return self._used

    def saved(self) -> Note:
        """To be written down: when each key that there is was used last."""
        self.moved = False
        known = {str(ref) for ref, _ in self.declared()}
        return Note(NOTE, {ref: at.isoformat() for ref, at in self._uses.items() if ref in known})

    def counts(self, holder: Holder, now: datetime) -> bool:
        """Does whoever was let in by this key still belong in here?"""
        found = self.of_hash(holder.hash, now)
        return isinstance(found, Holder) and found.permissions == holder.permissions

    def of_hash(self, text: str, now: datetime) -> Holder | Refusal:
        """Whose key has this hash, if it counts."""
        known = self._known.get(text)
        if known is None:
            return Refusal.UNKNOWN
        spec = known.spec
        if not spec.enabled:
            return Refusal.DISABLED
        if spec.expires_at is not None and spec.expires_at <= now:
            return Refusal.EXPIRED
        if not known.newest and spec.rotated_at is not None and spec.rotated_at <= now:
            return Refusal.ROTATED
        return known.holder

    @property
    def _known(self) -> Mapping[str, _Known]:
        """Read anew whenever something else is wanted than last time."""
        wishes = self._engine.wishes
        if wishes is not self._read:
            self._read = wishes
            self._by_hash = {
                text: _Known(spec, number == 0, Holder(ref, str(ref), text, permissions(spec), spec.rate))
                for ref, spec in self.declared()
                for number, text in enumerate(spec.hashes)
            }
        return self._by_hash

    def declared(self) -> Iterator[tuple[Ref, ApiKeySpec]]:
        """Every key that is wanted, or was taken from a source that this process has not read yet."""
        engine = self._engine
        for entry in engine.book:
            if entry.ref.kind != KIND:
                continue
            want = engine.wishes.wants.get(entry.ref)
            if want is None and engine.snapshot(engine.book.source(entry.ref)) is None:
                want = engine.book.standing(entry.ref)
            if want is not None:
                yield entry.ref, want.wish


def hash_of(secret: str) -> str:
    """As the manifest has it. A secret has 256 random bits: nobody guesses it, however fast the hash is."""
    return f"sha256:{sha256(secret.encode()).hexdigest()}"


def permissions(spec: ApiKeySpec) -> Permissions:
    return Permissions(tuple(_permission(one) for one in spec.permissions))


def _permission(written: str | Limited) -> Permission:
    if isinstance(written, str):
        return Permission(written)
    return Permission(written.scope, written.names, written.namespaces, written.labels)
