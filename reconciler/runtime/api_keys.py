"""API keys as people work with them: made, listed, changed, rotated, revoked; each is a manifest in an inbox.

Rules: a secret is told once, to who asked for it to be made, and what is written is its hash alone; a key
that another source declares is changed there.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import uuid4

from pydantic import ValidationError

from reconciler.access import ADMIN, Permissions
from reconciler.errors import Conflict, Invalid, NotFound
from reconciler.model import API_VERSION, JsonValue, Ref
from reconciler.ports.store import Note
from reconciler.ref_text import DEFAULT_NAMESPACE
from reconciler.runtime.asker import Asker, Still, as_it_is
from reconciler.runtime.bundle import Bundle
from reconciler.runtime.keyring import KIND, Holder, hash_of
from reconciler.runtime.parts import Parts
from reconciler.runtime.present import stamp

if TYPE_CHECKING:
    from reconciler.kinds.apikey.spec import ApiKeySpec
    from reconciler.views import ApiKeyView, MeView, NewApiKeyView, OperationView

SET: Final = "api-keys"  # of the inbox
NO_NAME: Final = re.compile(r"[^a-z0-9]+")
FIRST: Final = "first-api-key"  # of the store
SHOWN: Final = 7  # characters of a secret: `sk-` and four more

Apply = Callable[[Bundle, Asker], Awaitable["OperationView"]]
Fields = Mapping[str, JsonValue]
"""Of the spec, as a manifest has them."""


class Delete(Protocol):
    def __call__(self, refs: Sequence[Ref], by: Asker, *, still: Still) -> Awaitable[OperationView]: ...


class ApiKeys:
    def __init__(self, node: Parts, apply: Apply, delete: Delete) -> None:
        self._node = node
        self._apply = apply
        self._delete = delete
        self._one_at_a_time = asyncio.Lock()

    def every(self) -> list[ApiKeyView]:
        return [self._view(ref, spec) for ref, spec in sorted(self._node.keyring.declared())]

    def one(self, name: str) -> ApiKeyView:
        return self._view(*self._named(name))

    def me(self, actor: str, permissions: Permissions, holder: Holder | None) -> MeView:
        """Who asks, whether with a key or without."""
        keys = (one for one in self._node.keyring.declared() if holder is not None and one[0] == holder.key)
        key = next((self._view(*one) for one in keys), None)
        return {
            "actor": actor,
            "permissions": key["permissions"] if key else [one.scope for one in permissions.given],
            "key": key,
            "session": holder.session or None if holder is not None else None,
            "expires_at": _time(holder.until) if holder is not None else None,
        }

    async def create(
        self, name: str, fields: Fields, by: Asker, *, namespace: str = DEFAULT_NAMESPACE
    ) -> NewApiKeyView:
        ref = Ref(KIND, namespace, plain_name(name))
        secret = f"sk-{token_urlsafe(32)}"
        made: dict[str, JsonValue] = {
            "id": str(uuid4()),
            **({"title": name} if name != ref.name else {}),
            **fields,
            "createdAt": stamp(self._node.clock.now()),
            "prefix": secret[:SHOWN],
            "hashes": [hash_of(secret)],
        }
        async with self._one_at_a_time:
            if any(ref == known for known, _ in self._node.keyring.declared()):
                raise Conflict(
                    f"there is {ref} already", remedy="choose another name, or `rotate` it for a new secret"
                )
            spec = await self._write(ref, made, by)
        return {**self._view(ref, spec), "secret": secret}

    async def first(self, by: Asker) -> NewApiKeyView | None:
        """An admin's key for a node that has none and never had; None: it has, or had."""
        if self._node.notes.get(FIRST) or any(True for _ in self._node.keyring.declared()):
            return None
        made = await self.create("admin", {"permissions": [ADMIN]}, by)
        await self._node.store.commit(Note(FIRST, value=True))
        return made

    async def change(self, name: str, fields: Fields, by: Asker, still: Still = as_it_is) -> ApiKeyView:
        async with self._one_at_a_time:
            ref, spec = self._named(name)
            still()
            return self._view(ref, await self._write(ref, {**_written(spec), **fields}, by))

    async def rotate(self, name: str, grace: timedelta, by: Asker, still: Still = as_it_is) -> NewApiKeyView:
        """A new secret; the old one goes on for a while."""
        secret = f"sk-{token_urlsafe(32)}"
        async with self._one_at_a_time:
            ref, spec = self._named(name)
            still()
            moved: Fields = {
                "hashes": [hash_of(secret), spec.hashes[0]] if grace else [hash_of(secret)],
                "rotatedAt": stamp(self._node.clock.now() + grace),
                "prefix": secret[:SHOWN],
            }
            spec = await self._write(ref, {**_written(spec), **moved}, by)
        return {**self._view(ref, spec), "secret": secret}

    async def revoke(self, name: str, by: Asker, still: Still = as_it_is) -> None:
        ref, _ = self._named(name)
        await self._delete([ref], by, still=still)

    # ------------------------------------------------------------------------------------------- inside

    def _named(self, name: str) -> tuple[Ref, ApiKeySpec]:
        """By its id, or by its name, `namespace:name` too, if only one is called so."""
        found = [(ref, spec) for ref, spec in self._node.keyring.declared() if name in _names(ref, spec)]
        if not found:
            raise NotFound(f"there is no API key '{name}'", remedy="`holdfast api-key list` shows all")
        if len(found) > 1:
            refs = ", ".join(str(ref) for ref, _ in found)
            raise Conflict(f"'{name}' may be each of {refs}", remedy="say its id")
        return found[0]

    async def _write(self, ref: Ref, fields: Fields, by: Asker) -> ApiKeySpec:
        from reconciler.kinds.apikey.spec import ApiKeySpec

        try:
            spec = ApiKeySpec.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            reason = first["msg"].removeprefix("Value error, ")
            raise Invalid(f"{'.'.join(map(str, first['loc'][:2]))}: {reason}") from error
        name = self._node.inbox.find(ref) or SET
        await self._apply(Bundle({"api-key.yaml": manifest(ref, fields)}, set=name), by)
        return spec

    def _view(self, ref: Ref, spec: ApiKeySpec) -> ApiKeyView:
        return {
            "id": str(spec.id) if spec.id is not None else _short(ref),
            "name": spec.title or ref.name,
            "ref": str(ref),
            "prefix": spec.prefix,
            "permissions": [_shown(one) for one in spec.permissions],
            "enabled": spec.enabled,
            "created_at": _time(spec.created_at),
            "expires_at": _time(spec.expires_at),
            "rotated_at": _time(spec.rotated_at),
            "last_used_at": _time(self._node.keyring.used(ref)),
            "rate_limit": spec.rate.model_dump() if spec.rate is not None else None,
        }


def plain_name(name: str) -> str:
    """`CI Pipeline` is called `ci-pipeline`."""
    plain = NO_NAME.sub("-", name.lower()).strip("-")
    if not plain:
        raise Invalid(f"'{name[:80]}' has no letter that a name can have", remedy="use some of a-z, 0-9")
    return plain


def _names(ref: Ref, spec: ApiKeySpec) -> Iterator[str]:
    yield from (ref.name, _short(ref))
    if spec.title:
        yield spec.title
    if spec.id is not None:
        yield str(spec.id)


def _short(ref: Ref) -> str:
    return ref.name if ref.namespace == DEFAULT_NAMESPACE else f"{ref.namespace}:{ref.name}"


def _written(spec: ApiKeySpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _shown(permission: Any) -> Any:  # noqa: ANN401 - a text, or a limited one
    return permission if isinstance(permission, str) else permission.model_dump(exclude_defaults=True)


def manifest(ref: Ref, fields: Fields) -> str:
    """A field a line, each in JSON, which is YAML too."""
    lines = [f"apiVersion: {API_VERSION}", f"kind: {ref.kind}", "metadata:", f"  name: {ref.name}"]
    lines += [f"  namespace: {ref.namespace}", "spec:"]
    return "\n".join([*lines, *(f"  {name}: {json.dumps(value)}" for name, value in fields.items()), ""])


def _time(at: datetime | None) -> str | None:
    return stamp(at) if at is not None else None
