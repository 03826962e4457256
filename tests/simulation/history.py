"""What happens to a node in its life: commits good and bad, people, outsiders, faults, crashes.

Rules: every choice comes from the seed; a deed says in the log what it did, so that a failing seed can
be read like a diary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from reconciler.errors import Misplaced, Place
from reconciler.model import (
    NODE_SOURCE,
    DeletionPolicy,
    Origin,
    Override,
    Ref,
    Resource,
    Snapshot,
    Spec,
)
from tests.simulation.kinds import KINDS, CrowdSpec, FeedSpec, ThingSpec, named

if TYPE_CHECKING:
    from tests.simulation.node import Node

THINGS = ("a", "b", "c", "d", "e", "p0", "p1", "p2")
CROWDS = ("crowd", "mob")
PORTS = ("observe", "act", "secrets", "store", "load", "owned")
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

    def declare(self, ref: Ref, spec: Spec, annotations: dict[str, str]) -> None:
        origin = Origin(self.name, f"{self.name}@{self.revision}", f"{ref.name}.yaml")
        needs = KINDS.needs(ref, spec)
        self.documents[ref] = Resource(ref, spec, origin, annotations=annotations, needs=needs)


class Committer:
    """Edits the repositories."""

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
        return f"commit {name}@{repo.revision} {sorted(r.name for r in repo.documents)} broken {sorted(repo.broken)}"

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

    def _fill(self, repo: Repo) -> None:
        for _ in range(self._random.randint(1, 6)):
            self._thing(repo)

    def _thing(self, repo: Repo) -> None:
        name = self._random.choice(THINGS)
        repo.declare(named(name), self.spec(name, THINGS), self._annotations())

    def spec(self, name: str, others: tuple[str, ...]) -> ThingSpec:
        random = self._random
        rarely: Callable[[float], bool] = lambda often: random.random() < often  # noqa: E731
        # Needs mostly point one way; now and then the other, which makes knots.
        before = [one for one in others if (one < name) != rarely(0.08) and one != name]
        pick = lambda: (random.choice(before),) if before else ()  # noqa: E731
        return ThingSpec.model_validate(
            {
                "value": random.randint(0, 3),
                "size": random.choice((0, 0, 0, 1)),
                "secret": "s" if rarely(0.2) else "",
                "follows": pick()[0] if before and rarely(0.12) else "",
                "uses": pick() if rarely(0.35) else (),
                "dependsOn": [str(named(one)) for one in pick()] if others is THINGS and rarely(0.25) else (),
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


class Fate:
    """Deals out what happens next."""

    def __init__(self, random: Random, node: Node) -> None:
        self._random = random
        self._node = node
        self._overrides = 0

    async def deal(self) -> None:
        deed = self._random.choices(
            (
                self._commit, self._drift, self._foreign, self._crash, self._outage, self._override,
                self._end_override, self._request, self._rotate, self._jump, self._pause, self._unreadable,
                self._lose_store, self._allow,
            ),
            (30, 10, 6, 6, 6, 6, 3, 3, 3, 3, 8, 3, 0.4, 2),
        )[0]  # fmt: skip
        said = await deed()
        self._node.witness.note(f"DEED {said}")

    async def _commit(self) -> str:
        return self._node.committer.anything()

    async def _drift(self) -> str:
        outside = self._node.outside
        if not outside.bodies:
            return "nothing to disturb"
        ref = self._random.choice(sorted(outside.bodies))
        if self._random.random() < 0.5:
            outside.outsider_removes(ref)
            return f"somebody removes {ref}"
        outside.outsider_alters(ref, 7)
        return f"somebody alters {ref}"

    async def _foreign(self) -> str:
        ref = named(self._random.choice((*THINGS, "crowd-x")))
        self._node.outside.outsider_makes(ref, 9)
        return f"somebody makes {ref}"

    async def _crash(self) -> str:
        await self._node.crash()
        return "crash"

    async def _outage(self) -> str:
        port = self._random.choice(PORTS)
        seconds = self._random.choice((1.0, 30.0, 200.0))
        self._node.faults.take_down(port, seconds)
        return f"{port} is down for {seconds} s"

    async def _override(self) -> str:
        ref = named(self._random.choice(THINGS))
        self._overrides += 1
        now = self._node.clock.now()
        until = (
            None
            if self._random.random() < 0.3
            else now + timedelta(seconds=self._random.choice((5, 60, 900)))
        )
        patch = self._random.choice(({"value": 5}, {"suspend": True}))
        override = Override(f"o{self._overrides}", ref, patch, "alice", "because", now, until)
        return f"override {override}: {await self._node.override(override)}"

    async def _end_override(self) -> str:
        ref = named(self._random.choice(THINGS))
        return f"end the override of {ref}: {await self._node.end_override(ref)}"

    async def _request(self) -> str:
        ref = named(self._random.choice(THINGS))
        self._node.request(ref)
        return f"somebody asks for {ref}"

    async def _rotate(self) -> str:
        self._node.outside.rotate("s", f"v{self._random.randint(1, 9)}")
        return f"the secret is rotated to {self._node.outside.secrets['s']}"

    async def _jump(self) -> str:
        self._node.clock.offset += timedelta(hours=self._random.choice((-1, 1)))
        return f"the wall clock jumps to {self._node.clock.now()}"

    async def _pause(self) -> str:
        import asyncio

        await asyncio.sleep(self._random.choice((1.0, 20.0, 150.0)))
        return "a pause"

    async def _unreadable(self) -> str:
        repo = self._random.choice(list(self._node.committer.repos.values()))
        if repo.name != NODE_SOURCE:
            repo.readable = not repo.readable
        return f"{repo.name} is {'readable' if repo.readable else 'not readable'}"

    async def _lose_store(self) -> str:
        await self._node.crash(lose_store=True)
        return "the store is lost"

    async def _allow(self) -> str:
        name = self._random.choice(tuple(self._node.committer.repos))
        return self._node.committer.commit(name, allow=True)
