"""The repositories that a simulated node follows, and somebody who commits to them: good and bad."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

from reconciler.errors import Misplaced, Place
from reconciler.model import NODE_SOURCE, DeletionPolicy, Origin, Ref, Resource, Snapshot, Spec
from reconciler.ports.kinds import Kinds
from tests.simulation.crowd import CrowdSpec
from tests.simulation.feed import FeedSpec
from tests.simulation.kinds import KINDS
from tests.simulation.thing import ThingSpec, named

THINGS = ("a", "b", "c", "d", "e", "p0", "p1", "p2")
CROWDS = ("crowd", "mob")
SOURCES = {NODE_SOURCE: ("one", "two"), "one": ("three",), "two": (), "three": ()}


@dataclass(slots=True)
class Repo:
    """What one source declares, as it is committed."""

    name: str
    revision: int = 0
    documents: dict[Ref, Resource[Any]] = field(default_factory=dict)
    broken: set[Ref] = field(default_factory=set)
    allow_prune: bool = False
    readable: bool = True

    def snapshot(self) -> Snapshot:
        revision = f"{self.name}@{self.revision}"
        return Snapshot(
            self.name,
            revision,
            {ref: one for ref, one in self.documents.items() if ref not in self.broken},
            tuple(Misplaced(Place(f"{ref.name}.yaml"), "", "broken") for ref in sorted(self.broken)),
            allow_prune=self.allow_prune,
        )

    def declare(self, ref: Ref, spec: Spec, annotations: dict[str, str], kinds: Kinds = KINDS) -> None:
        origin = Origin(self.name, f"{self.name}@{self.revision}", f"{ref.name}.yaml")
        needs = kinds.needs(ref, spec)
        self.documents[ref] = Resource(ref, spec, origin, annotations=annotations, needs=needs)


class Committer:
    """Edits the repositories."""

    kinds: ClassVar[Kinds] = KINDS

    def __init__(self, random: Random) -> None:
        self._random = random
        self.repos = {name: Repo(name) for name in SOURCES}
        self.commit("one", self._fill)
        self.commit(NODE_SOURCE, lambda repo: self._source(repo, "one"))

    def commit(self, name: str, *edits: Callable[[Repo], None], allow: bool = False) -> str:
        repo = self.repos[name]
        repo.revision += 1
        repo.allow_prune = allow
        for edit in edits:
            edit(repo)
        for ref in repo.broken - repo.documents.keys():
            repo.broken.discard(ref)
        names, broken = sorted(r.name for r in repo.documents), sorted(r.name for r in repo.broken)
        return f"commit {name}@{repo.revision} {names} broken {broken}"

    def anything(self) -> str:
        random = self._random
        name = random.choice(tuple(self.repos))
        if name == NODE_SOURCE:
            return self.commit(name, lambda repo: self._toggle_source(repo, "two"))
        edits: list[Callable[[Repo], None]] = []
        for _ in range(random.randint(1, 4)):
            edit = random.choices(
                (
                    self._thing,
                    self._crowd,
                    self._remove,
                    self._some_source,
                    self._break,
                    self._mend,
                    self._wipe,
                ),
                (12, 3, 4, 1, 1, 2, 0.7),
            )[0]
            edits.append(edit)
        return self.commit(name, *edits, allow=random.random() < 0.15)

    def move(self) -> str:
        """One document, from one repository to another, both at once."""
        names = [name for name in self.repos if name != NODE_SOURCE]
        here, there = self._random.sample(names, 2)
        free = [ref for ref in self.repos[here].documents if ref not in self.repos[there].documents]
        if not free:
            return "nothing to move"
        ref = self._random.choice(sorted(free))
        moved = self.repos[here].documents[ref]

        def leave(repo: Repo) -> None:
            del repo.documents[ref]

        def arrive(repo: Repo) -> None:
            repo.declare(ref, moved.wish, dict(moved.annotations), self.kinds)

        return f"{self.commit(here, leave)}; {self.commit(there, arrive)}"

    def _fill(self, repo: Repo) -> None:
        for _ in range(self._random.randint(1, 6)):
            self._thing(repo)

    def _thing(self, repo: Repo) -> None:
        name = self._random.choice(THINGS)
        repo.declare(named(name), self.spec(name, THINGS), self._annotations())

    def spec(self, name: str, others: tuple[str, ...]) -> ThingSpec:
        random = self._random

        def rarely(often: float) -> bool:
            return random.random() < often

        # Needs mostly point one way; now and then the other, which makes knots.
        before = [one for one in others if (one < name) != rarely(0.08) and one != name]

        def one() -> list[str]:
            return [random.choice(before)] if before else []

        return ThingSpec.model_validate(
            {
                "value": random.randint(0, 3),
                "size": random.choice((0, 0, 0, 1)),
                "secret": "s" if rarely(0.2) else "",
                "follows": "".join(one()) if rarely(0.12) else "",
                "uses": one() if rarely(0.35) else (),
                "dependsOn": [str(named(n)) for n in one()] if others is THINGS and rarely(0.25) else (),
                "polish": rarely(0.2),
                "ripens": random.choice((0.0, 0.0, 0.0, 5.0)),
                "deletionPolicy": DeletionPolicy.ORPHAN if rarely(0.08) else DeletionPolicy.DELETE,
                "adopt": rarely(0.25),
                "suspend": rarely(0.05),
            }
        )

    def _annotations(self) -> dict[str, str]:
        chance = self._random.random()
        if chance < 0.04:
            return {"holdfast.dev/reconcile": "disabled"}
        if chance < 0.08:
            return {"holdfast.dev/prune": "disabled"}
        return {"holdfast.dev/requestedAt": str(chance)} if chance < 0.12 else {}

    def _crowd(self, repo: Repo) -> None:
        name = self._random.choice(CROWDS)
        members = self._random.sample(("x", "y", "z"), self._random.randint(0, 3))
        spec = CrowdSpec(
            members={m: self.spec(m, ("x", "y", "z")).model_copy(update={"follows": ""}) for m in members}
        )
        repo.declare(Ref("Crowd", "default", name), spec, {})

    def _remove(self, repo: Repo) -> None:
        if repo.documents:
            del repo.documents[self._random.choice(sorted(repo.documents))]

    def _wipe(self, repo: Repo) -> None:
        repo.documents.clear()

    def _break(self, repo: Repo) -> None:
        if repo.documents:
            repo.broken.add(self._random.choice(sorted(repo.documents)))

    def _mend(self, repo: Repo) -> None:
        repo.broken.clear()

    def _some_source(self, repo: Repo) -> None:
        if SOURCES[repo.name]:
            self._toggle_source(repo, self._random.choice(SOURCES[repo.name]))

    def _toggle_source(self, repo: Repo, name: str) -> None:
        ref = Ref("Source", "default", name)
        if ref in repo.documents:
            del repo.documents[ref]
        else:
            self._source(repo, name)

    def _source(self, repo: Repo, name: str) -> None:
        repo.declare(Ref("Source", "default", name), FeedSpec(repo=name), {})
