"""A real node that follows a real repository, through a `Source` that its root folder declares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.node.running import RunningNode, running_node, until
from tests.saving import save
from tests.sources.git.repository import Repository

SOURCE = "apiVersion: holdfast.dev/v1\nkind: Source\nmetadata: {{name: {name}}}\nspec: {spec}\n"
NAME = "shop"


def source(name: str, **spec: object) -> str:
    return SOURCE.format(name=name, spec=json.dumps(spec))


@dataclass(frozen=True)
class Committed:
    node: RunningNode
    repository: Repository

    def declare(self, git: Mapping[str, object] | None = None, /, **spec: str) -> None:
        """How the repository is followed from now on."""
        where = {"url": str(self.repository.folder), "branch": "main", **(git or {})}
        save(Path(self.node.place, "source.yaml"), source(NAME, git=where, interval="1h", **spec))

    def commit(
        self, files: Mapping[str, str | bytes | None], message: str = "A change", *options: str
    ) -> str:
        """Commit and say so, as a hook does it."""
        head = self.repository.commit(files, message, *options)
        self.node.push(NAME)
        return head

    def state(self, **wanted: object) -> dict[str, object]:
        """Wait until the source is so."""
        until(lambda: wanted.items() <= self.node.source(NAME).items(), f"source {NAME}: {wanted}")
        return self.node.source(NAME)


@contextmanager
def committed(files: Mapping[str, str | bytes | None], **spec: str) -> Iterator[Committed]:
    """A node whose repository has a first commit, which is in force."""
    with running_node() as node:
        scene = Committed(node, Repository(node.place.parent / "repository"))
        head = scene.repository.commit(files, "First")
        scene.declare(**spec)
        node.start()
        scene.state(revision=head)
        yield scene
