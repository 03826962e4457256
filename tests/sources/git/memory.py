"""Git's objects in memory, of any shape: also such as no `git` would write."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.errors import TooLarge
from reconciler.sources.git.objects import EXECUTABLE, FOLDER, LINK, SUBMODULE, Entry, parse_tree

FILE = 0o100644


@dataclass(frozen=True)
class Leaf:
    """What is no folder."""

    content: bytes
    mode: int = FILE


def link(target: str) -> Leaf:
    return Leaf(target.encode(), LINK)


def program(content: bytes) -> Leaf:
    return Leaf(content, EXECUTABLE)


def submodule() -> Leaf:
    return Leaf(b"elsewhere", SUBMODULE)


Shape = Mapping[str, "Leaf | Shape"]


@dataclass
class Memory:
    """Keeps the contract of `Objects`."""

    trees: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    reads: int = 0

    def put(self, shape: Shape) -> str:
        """Keep a folder and all that is in it, and say its id."""
        records = []
        for name, below in shape.items():
            if isinstance(below, Leaf):
                blob = name_of(b"blob", below.content)
                self.blobs[blob] = below.content
                records.append(record(name.encode(errors="surrogateescape"), below.mode, blob))
            else:
                records.append(record(name.encode(errors="surrogateescape"), FOLDER, self.put(below)))
        return self.put_raw(b"".join(sorted(records)))

    def put_raw(self, raw: bytes) -> str:
        tree = name_of(b"tree", raw)
        self.trees[tree] = raw
        return tree

    def entries(self, tree: str) -> Mapping[str, Entry]:
        self.reads += 1
        return parse_tree(tree, self.trees[tree])

    def size(self, blob: str) -> int:
        return len(self.blobs[blob])

    def blob(self, blob: str, limit: int) -> bytes:
        if len(self.blobs[blob]) > limit:
            raise TooLarge("too large")
        return self.blobs[blob]


def record(name: bytes, mode: int, id: str) -> bytes:
    return b"%o %s\0%s" % (mode, name, bytes.fromhex(id))


def name_of(kind: bytes, content: bytes) -> str:
    """As git names an object."""
    framed = b"%s %d\0%s" % (kind, len(content), content)
    return hashlib.sha1(framed, usedforsecurity=False).hexdigest()
