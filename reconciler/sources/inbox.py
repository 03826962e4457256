"""What `apply` and the API have written: a folder of YAML files, one a document, in named sets.

Rules: a write is seen whole or not at all, also by whoever reads after a crash; writers wait for one
another. A document lies in the folder that its relative paths start from. The files that it refers to lie
with it, declare nothing even where they are manifests, and go with the last document of their set. A ref
is in one set only, and what a set prunes is only what the same set applied.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from reconciler.errors import Conflict, Failed, Invalid, NotFound
from reconciler.model import Ref
from reconciler.records import dataclass
from reconciler.sources.generations import CURRENT, Generations, put_file
from reconciler.sources.listing import Listing, clean, has_a_name, read

LONGEST_NAME: Final = 240  # bytes; file systems allow 255, and a temporary name needs one more

ALLOWED: Final = ".allow-prune"  # the revision that may remove much
_SET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_DOCUMENT: Final = re.compile(r"([^@]+)@([^@]+)@([^@]+)\.yaml")


@dataclass(frozen=True, slots=True)
class Document:
    """One resource as it was written."""

    ref: Ref
    text: str
    folder: str = ""  # where its relative paths start, among the files that came along


@dataclass(frozen=True, slots=True)
class Batch:
    """What one `apply` brings."""

    set: str
    documents: Sequence[Document]
    files: Mapping[str, bytes]
    prune: bool = False  # it is the whole of the set
    allow_prune: bool = False  # it may take away much

    @property
    def refs(self) -> frozenset[Ref]:
        return frozenset(document.ref for document in self.documents)


class Inbox:
    def __init__(self, root: Path) -> None:
        self._folder = Generations(root)

    @property
    def folder(self) -> Path:
        return self._folder.root

    def prepare(self) -> None:
        """Be there, if only empty."""
        with self._writing():
            pass

    # -------------------------------------------------------------------------------------------- reading

    def members(self, name: str) -> frozenset[Ref]:
        return frozenset(ref for ref, (own, _) in self._documents().items() if own == name)

    def besides(self, refs: Collection[Ref]) -> frozenset[Ref]:
        """All that was applied, but for these."""
        return frozenset(self._documents().keys() - refs)

    def find(self, ref: Ref) -> str | None:
        """The set that a ref is in."""
        found = self._documents().get(ref)
        return found[0] if found is not None else None

    def _documents(self) -> dict[Ref, tuple[str, str]]:
        """Every ref, with its set and its path."""
        found: dict[Ref, tuple[str, str]] = {}
        for path in self._folder.files():
            ref = ref_of(path)
            if ref is not None:
                found[ref] = path.partition("/")[0], path
        return found

    # -------------------------------------------------------------------------------------------- writing

    async def check(self, batch: Batch) -> None:
        """What `put` would refuse; writes nothing."""
        _incoming(batch)
        _in_no_other_set(batch, await asyncio.to_thread(self._documents))

    async def check_delete(self, refs: Collection[Ref]) -> None:
        """What `delete` would refuse; writes nothing."""
        _all_there(refs, await asyncio.to_thread(self._documents))

    async def put(self, batch: Batch) -> frozenset[Ref]:
        """Write a set; answers with what left it."""
        incoming = _incoming(batch)
        return await asyncio.to_thread(self._put, batch, incoming)

    async def delete(self, refs: Collection[Ref], *, allow_prune: bool = False) -> None:
        await asyncio.to_thread(self._delete, frozenset(refs), allow_prune)

    def _put(self, batch: Batch, incoming: Mapping[str, bytes]) -> frozenset[Ref]:
        with self._writing():
            documents, refs = self._documents(), batch.refs
            _in_no_other_set(batch, documents)
            own = {ref: path for ref, (name, path) in documents.items() if name == batch.set}
            gone = {path for ref, path in own.items() if ref in refs}  # it may lie elsewhere now
            if batch.prune:
                gone = {path for path in self._folder.files() if path.startswith(f"{batch.set}/")}
            self._folder.change(incoming, gone - incoming.keys())
            if batch.allow_prune:
                self._allow()
            return frozenset(own.keys() - refs) if batch.prune else frozenset()

    def _delete(self, refs: frozenset[Ref], allow_prune: bool) -> None:
        with self._writing():
            documents = self._documents()
            _all_there(refs, documents)
            kept = {name for ref, (name, _) in documents.items() if ref not in refs}
            gone = {documents[ref][1] for ref in refs}
            beside = {path for path in self._folder.files() if path.partition("/")[0] not in kept}
            self._folder.change({}, gone | beside)
            if allow_prune:
                self._allow()

    def _allow(self) -> None:
        revision = read(self._folder.root, (CURRENT,), Listing()).revision
        put_file(self._folder.root / ALLOWED, revision.encode())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._folder.locked():
                yield
        except OSError as error:
            raise Failed(
                f"the inbox {self._folder.root} cannot be written: {error.strerror or error}",
                remedy="see that the disk has room and that the node's user owns the folder",
            ) from error


def ref_of(path: str) -> Ref | None:
    """What a file of the inbox declares; None: it only lies beside."""
    match = _DOCUMENT.fullmatch(path.rpartition("/")[2])
    return Ref(*map(unquote, match.groups())) if match is not None else None


def _in_no_other_set(batch: Batch, documents: Mapping[Ref, tuple[str, str]]) -> None:
    for ref in sorted(batch.refs & documents.keys()):
        if (other := documents[ref][0]) != batch.set:
            raise Conflict(
                f"{ref} was applied with the set '{other}'",
                remedy=f"apply it with that set, or delete it first: `holdfast delete {ref}`",
            )


def _all_there(refs: Collection[Ref], documents: Mapping[Ref, tuple[str, str]]) -> None:
    for ref in sorted(set(refs) - documents.keys()):
        raise NotFound(f"{ref} is not in the inbox", remedy="take it out where it is declared")


def _incoming(batch: Batch) -> dict[str, bytes]:
    """Where everything will lie."""
    if not _SET.fullmatch(batch.set):
        raise Invalid(f"'{batch.set}' names no set", remedy="up to 63 letters, digits, dots, dashes")
    found: dict[str, bytes] = {}
    for path, content in batch.files.items():
        found[_place(batch.set, path)] = content
        if _DOCUMENT.fullmatch(path.rpartition("/")[2]):
            raise Invalid(f"'{path}' is named as the inbox names its documents", remedy="rename it")
    for document in batch.documents:
        name = "@".join(quote(part, safe="") for part in document.ref) + ".yaml"
        path = _place(batch.set, f"{document.folder or '.'}/{name}")
        if path in found:
            raise Invalid(f"{document.ref} stands twice in what is applied")
        found[path] = document.text.encode()
    return found


def _place(name: str, path: str) -> str:
    parts = clean(path).split("/")
    if not has_a_name(path):
        raise Invalid(f"{path[:80]!r} is no file's name")
    if any(len(part.encode()) > LONGEST_NAME for part in parts):
        raise Invalid(f"'{path[:80]}…' is too long for a file's name", remedy="choose a shorter one")
    return "/".join((name, *parts))
