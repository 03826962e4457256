"""A file of API keys as LibreSeed keeps them, made into manifests that hold their hashes alone.

Rules: the UUID in the file is the secret, so it becomes neither the id nor a part of the manifest; the same
file makes the same manifests, however often; whatever is not understood is refused with its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

from reconciler.errors import Invalid
from reconciler.model import Ref
from reconciler.runtime.api_keys import manifest, plain_name
from reconciler.runtime.keyring import KIND, hash_of

LARGEST: Final = 1024 * 1024
MEMBERS: Final = frozenset({"id", "name", "permissions", "created_at", "last_used_at", "enabled"})
FLAGS: Final = {"true": True, "false": False}


class Imported(NamedTuple):
    ref: Ref
    id: str  # of the record
    manifest: str


def read(file: str, namespace: str) -> list[Imported]:
    found: dict[Ref, Imported] = {}
    for place, entry in _entries(file):
        one = _imported(place, entry, namespace)
        if one.ref in found:
            raise Invalid(f"{place}: another key is called {one.ref.name} too", remedy="give it another name")
        found[one.ref] = one
    if not found:
        raise Invalid(f"{file} has no keys", remedy="they are a list below `keys:`")
    return list(found.values())


def _record_id(hashed: str) -> str:
    """The same for the same key, and it tells nothing about it."""
    return str(UUID(bytes=sha256(hashed.encode()).digest()[:16], version=4))


def _entries(file: str) -> Iterator[tuple[str, dict[str, Any]]]:
    import yaml

    remedy = "name LibreSeed's `api-keys.yaml`"
    try:
        content = Path(file).read_bytes()
        if len(content) > LARGEST:
            raise Invalid(f"{file} is larger than {LARGEST} bytes", remedy=remedy)
        found = yaml.load(content, yaml.BaseLoader)  # noqa: S506 - it makes texts, lists, mappings
    except OSError as error:
        raise Invalid(f"{file}: {error.strerror}", remedy=remedy) from error
    except yaml.MarkedYAMLError as error:  # its own text repeats the line, and with it a secret
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise Invalid(f"{file}: line {line}: {error.problem}", remedy=remedy) from None
    except (yaml.YAMLError, RecursionError):
        raise Invalid(f"{file}: no YAML", remedy=remedy) from None
    entries = found.get("keys") if isinstance(found, dict) else None
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        place = f"{file}: keys[{number}]"
        if not isinstance(entry, dict) or not entry.keys() <= MEMBERS:
            raise Invalid(f"{place} is no key", remedy=f"it has {', '.join(sorted(MEMBERS))}, and no others")
        yield place, entry


def _imported(place: str, entry: Mapping[str, Any], namespace: str) -> Imported:
    try:
        secret = str(UUID(entry["id"]))
        name, permissions = entry["name"], entry["permissions"]
        enabled = FLAGS[entry.get("enabled", "true").lower()]
        ref = Ref(KIND, namespace, plain_name(name))
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Invalid(  # what stands there may be a secret: it is not repeated
            f"{place} is no key",
            remedy="it needs a UUID as `id`, a `name` and `permissions`; `enabled` is true or false",
        ) from None
    hashed = hash_of(secret)
    fields: dict[str, Any] = {"id": _record_id(hashed), "title": name, "permissions": permissions}
    if "created_at" in entry:
        fields["createdAt"] = entry["created_at"]
    text = manifest(ref, {**fields, "enabled": enabled, "hashes": [hashed]})
    return Imported(ref, fields["id"], text)
