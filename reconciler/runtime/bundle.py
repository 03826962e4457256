"""What a client hands in: manifests, and the files that they refer to, as one bundle.

Rules: read by the same reader as every source, so that an error reads the same wherever a manifest
comes from; all errors are told at once; a bundle without a manifest is a mistake, not an empty wish.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Final, TypeVar

from reconciler.errors import Invalid, Misplaced, Place, Rejected
from reconciler.model import EMPTY, JsonValue, Ref, Resource, Tree
from reconciler.ports.kinds import Kinds
from reconciler.records import dataclass
from reconciler.runtime.cycles import cyclic
from reconciler.sources import document
from reconciler.sources.inbox import Batch, Document
from reconciler.sources.manifest import Reading, Setting, read, twice, understood
from reconciler.sources.vocabulary import Vocabulary

INBOX = "inbox"
DEFAULT_SET = "default"

_SETTING: Final = Setting(source=INBOX)

EMPTIED: Final = "restore it, or name it no more: with `--prune` what it declared would be removed"

NAME: Final = "name files with `apiVersion: holdfast.dev/v1`"

EXPECTED: Mapping[type, str] = {str: "text", bool: "true or false"}

T = TypeVar("T", str, bool)


@dataclass(frozen=True, slots=True)
class Bundle:
    manifests: Mapping[str, str]  # path -> text
    files: Mapping[str, bytes] = field(default=EMPTY)  # path -> content, beside the manifests
    set: str = DEFAULT_SET
    prune: bool = False  # it is the whole of its set
    allow_prune: bool = False
    expect: str = ""  # the digest of the preview that was agreed to
    readings: Mapping[str, Reading] = field(default=EMPTY, compare=False, repr=False)  # by who has read it
    names: Mapping[str, str] = field(default=EMPTY, compare=False, repr=False)  # as a person named the paths

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "manifests": dict(self.manifests),
            "files": {path: base64.b64encode(content).decode() for path, content in self.files.items()},
            "set": self.set,
            "prune": self.prune,
            "allow_prune": self.allow_prune,
            "expect": self.expect,
        }

    @classmethod
    def from_json(cls, data: JsonValue) -> Bundle:
        """As `to_json` wrote it, or a program in its stead: checked field by field."""
        if not isinstance(data, dict):
            raise Invalid("the body must be an object with `manifests`")
        unknown = data.keys() - {"manifests", "files", "set", "prune", "allow_prune", "expect"}
        if unknown:
            raise Invalid(f"unknown field '{min(unknown)}'")
        return cls(
            _texts(data.get("manifests"), "manifests"),
            {path: _decoded(path, text) for path, text in _texts(data.get("files", {}), "files").items()},
            _of(str, data, "set", DEFAULT_SET),
            _of(bool, data, "prune", default=False),
            _of(bool, data, "allow_prune", default=False),
            _of(str, data, "expect", ""),
        )


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A bundle as it was understood."""

    resources: Mapping[Ref, Resource[Any]]
    documents: Mapping[Ref, Document]

    def batch(self, bundle: Bundle, wanted: frozenset[Ref]) -> Batch:
        """What goes into the inbox."""
        documents = [document for ref, document in self.documents.items() if ref in wanted]
        files = bundle.files if documents else EMPTY  # they are for who refers to them, and nobody does
        return Batch(bundle.set, documents, files, bundle.prune, bundle.allow_prune)


def understood_for_inbox(found: Iterable[document.Document | Misplaced], path: str, kinds: Kinds) -> Reading:
    return understood(found, path, Vocabulary(kinds), _SETTING)


def checked(bundle: Bundle, kinds: Kinds) -> Mapping[Ref, Resource[Any]]:
    """What the texts declare, or all that is wrong with them. For who has no node."""
    found = unpack(bundle, kinds, None).resources
    if problems := tuple(cyclic(found, kinds)):
        raise Rejected(problems)
    return found


def unpack(bundle: Bundle, kinds: Kinds, tree: Tree | None) -> Unpacked:
    """Read all of it, or raise all that is wrong with it. `tree` holds the bundle's files."""
    resources: dict[Ref, Resource[Any]] = {}
    documents: dict[Ref, Document] = {}
    problems: list[Misplaced] = []
    for path, text in bundle.manifests.items():
        reading = bundle.readings.get(path) or read(text, path, kinds, _SETTING)
        problems.extend(reading.problems)
        if bundle.prune and not text.strip():
            problems.append(Misplaced(Place(path, 1, 1), "", "it is empty", remedy=EMPTIED))
        folder = path.rpartition("/")[0]
        for resource in reading.resources:
            ref = resource.ref
            if ref in resources:
                problems.append(twice(resource.origin.place, ref, resources[ref].origin.place))
            resources[ref] = resource.in_tree(tree)
            documents[ref] = Document(ref, reading.texts[ref], folder)
    if problems:
        raise Rejected(problems)
    if not resources:
        empty = [
            Misplaced(Place(path), "", "there is no manifest in it", remedy=NAME) for path in bundle.manifests
        ]
        raise Rejected(empty) if empty else Invalid("there is no manifest in it", remedy=NAME)
    return Unpacked(resources, documents)


def _of(kind: type[T], data: Mapping[str, JsonValue], name: str, default: T) -> T:
    """A member of just this type: `"prune": "no"` must not pass for a yes."""
    value = data.get(name, default)
    if not isinstance(value, kind):
        raise Invalid(f"`{name}` must be {EXPECTED[kind]}")
    return value


def _texts(data: JsonValue, name: str) -> dict[str, str]:
    if not isinstance(data, dict) or not all(isinstance(text, str) for text in data.values()):
        raise Invalid(f"`{name}` must be an object from paths to texts")
    return data


def _decoded(path: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Invalid(f"files['{path}'] is not base64: {error}") from error
