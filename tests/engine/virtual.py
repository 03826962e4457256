"""Engines for tests, in virtual time: waiting costs nothing, and every run is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import wraps
from random import Random
from typing import Any, ParamSpec

from reconciler.engine.loop import Engine
from reconciler.engine.workers import Pace
from reconciler.engine.world import Tracer, World
from reconciler.errors import Unavailable
from reconciler.model import NODE_SOURCE, Event, JsonValue, Origin, Ref, Resource, Seen, Snapshot, Spec, Step
from reconciler.ports.kinds import Kinds
from reconciler.ports.store import Saved, Write
from reconciler.store.memory import MemoryStore
from tests.simulation.crowd import Crowd
from tests.simulation.faults import Faults
from tests.simulation.feed import FeedUses, Source
from tests.simulation.outside import Body, Outside
from tests.simulation.thing import Plain, Thing, ThingSpec, ThingState, Uses, named
from tests.simulation.virtual_time import VirtualClock, simulate

P = ParamSpec("P")

KINDS = Kinds({"Thing": Thing(), "Plain": Plain(), "Crowd": Crowd(), "Source": Source()})


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs the test on a loop in which time jumps to the next timer."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        simulate(lambda: test(*args, **kwargs), seed=1)

    return run


class Quiet(Faults):
    """Nothing goes wrong but what a test asks for."""

    def __init__(self) -> None:
        super().__init__(Random(1))
        self.cease()
        self._slow = 0.0


class Diary:
    """Notes every call; forbids none."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def looking(self, want: Resource[Any], *, fresh: bool) -> None:
        self.calls.append(f"observe {want.ref.name}{' fresh' if fresh else ''}")

    def looked(self, ref: Ref) -> None:
        pass

    def acting(self, ref: Ref, step: Step) -> None:
        self.calls.append(f"{type(step).__name__} {ref.name}")

    def acted(self, ref: Ref) -> None:
        pass

    def effect(self, ref: Ref, before: Body | None, after: Body | None) -> None:
        pass


class NoFeeds:
    """Sources that follow nothing: a test submits for them."""

    def __init__(self) -> None:
        self._repos: dict[str, str] = {}

    def configured(self) -> Mapping[str, str]:
        return self._repos

    async def configure(self, name: str, repo: str) -> None:
        self._repos[name] = repo

    async def remove(self, name: str) -> None:
        del self._repos[name]


class Shop(MemoryStore):
    """A store that a test can close for a while; whatever it was handed is in `handed`."""

    def __init__(self) -> None:
        super().__init__()
        self.open = True
        self.loses_answers = False
        self.handed: list[Write] = []
        self.delay: Callable[[Sequence[Write]], Awaitable[None]] | None = None

    async def load(self) -> Saved:
        self._must_be_open()
        return await super().load()

    async def commit(self, *writes: Write) -> None:
        self.handed.extend(writes)
        self._must_be_open()
        if self.delay is not None:
            await self.delay(writes)
        await super().commit(*writes)
        if self.loses_answers:
            raise Unavailable("the answer is lost")

    def _must_be_open(self) -> None:
        if not self.open:
            raise Unavailable("the store is closed for a while")


class House:
    """An engine with all that it works with, and a way to start it again."""

    def __init__(
        self,
        kinds: Kinds = KINDS,
        pace: Pace = Pace(workers=4),  # noqa: B008 - frozen
        tracer: Tracer | None = None,
    ) -> None:
        self.kinds = kinds
        self._tracer = tracer
        self.pace = pace
        self.diary = Diary()
        self.faults = Quiet()
        self.clock = VirtualClock()
        self.outside = Outside(Random(1), self.diary)
        self.store = Shop()
        self.uses = Uses(self.outside, self.faults, self.clock, self.diary)
        self._feeds = FeedUses(NoFeeds(), self.faults, self.clock, self.diary)
        self.engine = self.new_engine()
        self._task: asyncio.Task[None] | None = None

    def new_engine(self, *, living: bool = True) -> Engine:
        uses = {name: self._feeds if name == "Source" else self.uses for name in self.kinds}
        world = World(self.kinds, uses, self.store, self.clock, Random(1), self._tracer)
        return Engine(world, self.pace, living=living)

    async def start(self) -> Engine:
        await self.engine.start()
        self._task = asyncio.create_task(self.engine.run())
        return self.engine

    async def restart(self) -> Engine:
        await self.stop()
        self.outside.restarted()
        self.engine = self.new_engine()
        return await self.start()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def settled(self, seconds: float = 200.0) -> None:
        """Long enough for every retry and every resync that matters."""
        await asyncio.sleep(seconds)
        assert self._task is None or not self._task.done()

    def value(self, name: str) -> int | None:
        body = self.outside.bodies.get(named(name))
        return None if body is None else body.value

    def reason(self, name: str) -> str:
        status = self.engine.status(named(name))
        assert status is not None
        return str(status.conditions[0].reason)

    async def events(self) -> list[Event]:
        return list(await self.store.events(0, 10_000))

    async def names(self) -> list[str]:
        return [event.name for event in await self.events()]


class SlowToLook(Thing):
    """A look takes ten seconds, in which much may happen."""

    async def observe(
        self, want: Resource[ThingSpec], memory: Mapping[str, JsonValue], uses: Uses, *, fresh: bool
    ) -> Seen[ThingState]:
        await asyncio.sleep(10)
        return await super().observe(want, memory, uses, fresh=fresh)


def thing(**spec: Any) -> ThingSpec:  # noqa: ANN401
    return ThingSpec.model_validate(spec)


def snapshot(
    specs: dict[str, Spec] | None = None,
    *,
    source: str = NODE_SOURCE,
    revision: str = "1",
    annotations: dict[str, dict[str, str]] | None = None,
    **options: Any,  # noqa: ANN401
) -> Snapshot:
    resources: dict[Ref, Resource[Any]] = {}
    for name, spec in (specs or {}).items():
        ref = ref_of(name)
        resources[ref] = Resource(
            ref,
            spec,
            Origin(source, revision, f"{ref.name}.yaml"),
            annotations=(annotations or {}).get(name, {}),
            needs=KINDS.needs(ref, spec) if ref.kind in KINDS else {},
        )
    return Snapshot(source, revision, resources, **options)


def ref_of(name: str) -> Ref:
    """`a` is a thing, `crowd/c` a crowd, `source/one` a source."""
    kind, slash, rest = name.partition("/")
    return Ref(kind.capitalize(), "default", rest) if slash else named(name)


async def converged(house: House, **specs: ThingSpec) -> Engine:
    engine = await house.start()
    await engine.submit(snapshot({**specs}))
    await house.settled()
    return engine
