"""Whose secret this is: the API keys that are wanted now, found by the hash of what a caller presents.

Rules: a key counts from the moment that its wish is in force, and no longer; what is refused says why to
the log and never to the caller; nothing here ever holds a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, cast

from reconciler.access import Permission, Permissions
from reconciler.engine.loop import Engine
from reconciler.engine.wishes import Wishes
from reconciler.kinds.apikey.spec import ApiKeySpec, Limited
from reconciler.model import EMPTY, Ref
from reconciler.records import dataclass

KIND: Final = "ApiKey"
SHAPE: Final = re.compile(r"sk-[A-Za-z0-9_-]{43}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A secret of ours, or the UUID of an imported key: what is none of both is not even looked up."""


class Refusal(StrEnum):
    """Why a credential does not count."""

    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    DISABLED = "disabled"
    EXPIRED = "expired"
    ROTATED = "rotated"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever has the secret of a key that counts."""

    key: Ref
    permissions: Permissions

    @property
    def actor(self) -> str:
        """As operations and events name it: `apikey/ci`."""
        return str(self.key)


@dataclass(frozen=True, slots=True)
class _Known:
    ref: Ref
    spec: ApiKeySpec
    newest: bool  # of its hashes


class Keyring:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read: Wishes | None = None
        self._by_hash: Mapping[str, _Known] = EMPTY

    def find(self, secret: str, now: datetime) -> Holder | Refusal:
        if not SHAPE.fullmatch(secret):
            return Refusal.MALFORMED
        known = self._known.get(hash_of(secret))
        if known is None:
            return Refusal.UNKNOWN
        spec = known.spec
        if not spec.enabled:
            return Refusal.DISABLED
        if spec.expires_at is not None and spec.expires_at <= now:
            return Refusal.EXPIRED
        if not known.newest and spec.rotated_at is not None and spec.rotated_at <= now:
            return Refusal.ROTATED
        return Holder(known.ref, permissions(spec))

    def counts(self, holder: Holder, now: datetime) -> bool:
        """Does whoever was let in by this key still belong in here?"""
        want = self._engine.wishes.wants.get(holder.key)
        if want is None:
            return False
        spec = cast(ApiKeySpec, want.wish)
        return spec.enabled and (spec.expires_at is None or spec.expires_at > now)

    @property
    def _known(self) -> Mapping[str, _Known]:
        """Read anew whenever something else is wanted than last time."""
        wishes = self._engine.wishes
        if wishes is not self._read:
            self._read = wishes
            self._by_hash = {
                text: _Known(ref, want.wish, newest=number == 0)
                for ref, want in wishes.wants.items()
                if ref.kind == KIND
                for number, text in enumerate(want.wish.hashes)
            }
        return self._by_hash


def hash_of(secret: str) -> str:
    """As the manifest has it. A secret has 256 random bits: nobody guesses it, however fast the hash is."""
    return f"sha256:{sha256(secret.encode()).hexdigest()}"


def permissions(spec: ApiKeySpec) -> Permissions:
    return Permissions(tuple(_permission(one) for one in spec.permissions))


def _permission(written: str | Limited) -> Permission:
    if isinstance(written, str):
        return Permission(written)
    return Permission(written.scope, written.names, written.namespaces, written.labels)
