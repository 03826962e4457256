"""The engine: what is wanted, who works when, and what one pass does, put together.

Rules: this is the only room that others see; it holds no decision of its own. A pass that crashes, or a
store that fails, costs that ref a wait and no other ref anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from reconciler.engine.book import Book
from reconciler.engine.entry import Entry
from reconciler.engine.ledger import Ledger
from reconciler.engine.passes import Passed, Passes
from reconciler.engine.preview import Preview, preview
from reconciler.engine.queue import Backlog
from reconciler.engine.wanted import AskOthers, Wanted
from reconciler.engine.wishes import Wishes
from reconciler.engine.workers import STEADY, Pace, Workers
from reconciler.engine.world import World
from reconciler.figures import Timing
from reconciler.model import EMPTY, Event, JsonValue, Override, Ref, Snapshot, Status
from reconciler.ports.kind import Wake
from reconciler.ports.sources import Submission

__all__ = ["Engine", "Pace"]


class Engine:
    def __init__(self, world: World, pace: Pace = STEADY, *, living: bool = True) -> None:
        self._world = world
        self._living = living
        self._book = Book(world.kinds)
        ledger = Ledger(world.store, world.clock, world.tracer)
        self._passes = Passes(world, self._book, ledger, living=living)
        self._workers = Workers(world.clock, world.random, pace, self._pass, world.tracer)
        self._wanted = Wanted(world, self._book, ledger, self._moved)
        self._listens = False
        self._heard: set[str] = set()
        self.last_pass: float | None = None

    def set_pace(self, pace: Pace) -> None:
        """Look as often as this from now on; how many work at once stays."""
        self._workers.pace = pace

    @property
    def book(self) -> Book:
        return self._book

    @property
    def wishes(self) -> Wishes:
        return self._wanted.wishes

    @property
    def overrides(self) -> tuple[Override, ...]:
        return self._wanted.overrides

    @property
    def notes(self) -> Mapping[str, JsonValue]:
        """What the node knew of itself when this process began."""
        return self._wanted.notes

    @property
    def idle(self) -> bool:
        """Nothing is being worked on, and nothing is due."""
        return self._workers.idle

    @property
    def backlog(self) -> Backlog:
        """How much there is to do just now."""
        return self._workers.backlog

    @property
    def passes(self) -> Timing:
        return self._workers.passes

    @property
    def rebuilt(self) -> bool:
        """The store was lost, and nobody has confirmed yet that what nothing declares may go."""
        return self._wanted.rebuilt

    def withheld(self, source: str | None = None) -> tuple[Ref, ...]:
        """What would go, had the store not been lost; of this source, and of none that is known."""
        return self._wanted.withheld(source)

    def clashes(self, source: str) -> tuple[str, ...]:
        """What this source declares, and another one that was first declares differently."""
        return self._wanted.clashes(source)

    def snapshot(self, source: str) -> Snapshot | None:
        """What a source declares, as it was last accepted."""
        return self._wanted.snapshot(source)

    def standing(self, source: str) -> Snapshot | None:
        """The same, or as long as nobody has read the source, what was taken from it last."""
        return self._wanted.standing(source)

    def status(self, ref: Ref) -> Status | None:
        entry = self._book.get(ref)
        return entry.status if entry is not None else None

    async def load(self) -> None:
        """Read what was: all that is needed to look, and to say what would be done."""
        await self._wanted.load()

    async def start(self) -> None:
        """Read what was, and listen to the drivers."""
        await self.load()
        self._listens = True
        await self._listen()

    async def _listen(self) -> None:
        """To each kind once there is something of it. One that cannot be listened to is found by looking."""
        for name in {entry.ref.kind: None for entry in self._book} if self._listens else ():
            if name in self._heard:
                continue
            self._heard.add(name)
            try:
                self._world.kinds[name].watch(self._world.uses[name], self._waker(name))
            except Exception as error:  # noqa: BLE001 - a plug-in's crash must not keep the node down
                data = {"kind": name, "error": f"{type(error).__name__}: {error}"}
                await self._world.store.commit(Event("kind.deaf", self._world.clock.now(), None, data))

    async def run(self) -> None:
        """Converge until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._workers.run())
            group.create_task(self._wanted.keep_time())

    async def bring_about(self) -> None:
        """Converge as far as that goes, and return."""
        working = asyncio.create_task(self.run())
        try:
            await self._workers.quiet()
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working

    # ------------------------------------------------------------------------------------ what is wanted

    async def submit(self, snapshot: Snapshot, ready: Mapping[Ref, Entry] = EMPTY) -> Submission:
        """Take what a source declares now, unless it would take away more than it may.

        `ready`: what a preview has just found as it is to be needs no pass.
        """
        answer = await self._wanted.submit(snapshot, ready)
        await self._listen()
        return answer

    async def preview(
        self,
        snapshots: Sequence[Snapshot],
        about: Collection[Ref],
        overrides: Sequence[Override] | None = None,
    ) -> Preview:
        """What would change if their sources declared this; `about` names the refs that were asked for.

        `overrides`: and if these were all that there are.
        """
        wishes, answer = self._wanted.foreseen(*snapshots, overrides=overrides)
        answer = replace(answer, clashes=tuple(str(clash) for clash in wishes.clashes))
        book = self._book.as_if(wishes)
        asked = [*(ref for ref in about if ref in book), *answer.removes]
        whole = {part: None for ref in asked for part in (ref, *book.parts(ref))}
        return await preview(self._world, book, answer, tuple(whole), living=self._living)

    async def forget_source(self, name: str) -> None:
        """A source is gone: its snapshot counts no more."""
        await self._wanted.forget_source(name)

    def with_override(self, override: Override) -> tuple[Override, ...]:
        return self._wanted.with_override(override)

    def without_override(self, ref: Ref) -> tuple[Override, ...]:
        return self._wanted.without_override(ref)

    async def override(self, override: Override) -> None:
        await self._wanted.override(override)

    async def end_override(self, ref: Ref, actor: str) -> None:
        await self._wanted.end_override(ref, actor)

    def _moved(self, wishes: Iterable[Ref], others: Iterable[Ref], looked_at: Collection[Ref]) -> None:
        """New wishes begin their tries anew; `others` only have a reason to look."""
        for ref in looked_at:
            self._workers.leave(ref)
        for ref in wishes:
            if ref not in looked_at:
                self._workers.urge(ref)
            self._workers.urge_all(self._book.readers(ref))
        for ref in others:
            self._workers.wake(ref)

    # ------------------------------------------------------------------------------- looks at the sources

    def ask_others(self, ask: AskOthers) -> None:
        """Call this when a source has withdrawn something, for another one may have it by now."""
        self._wanted.ask_others(ask)

    @property
    def moment(self) -> int:
        """To be told with a look at a source that begins now."""
        return self._wanted.moment

    def looked(self, source: str, moment: int) -> None:
        """A look at a source that began at this moment has come to an end."""
        self._wanted.looked(source, moment)

    # ------------------------------------------------------------------------------------- what is due

    def wake(self, ref: Ref) -> None:
        """Something has happened to it: look soon. What fails goes on waiting: its own acts are news too."""
        if ref in self._book:
            self._workers.wake(ref)

    def request(self, ref: Ref) -> None:
        """A person asks: look now, and begin the tries anew."""
        if ref in self._book:
            self._workers.urge(ref)

    def _waker(self, kind: str) -> Wake:
        def wake(ref: Ref | None) -> None:
            if ref is not None:
                self.wake(ref)
            else:
                self._workers.urge_all(entry.ref for entry in self._book if entry.ref.kind == kind)

        return wake

    async def _pass(self, ref: Ref, failures: int) -> Passed:
        entry = self._book.get(ref)
        if entry is not None and entry.want is not None and not entry.in_force:
            await self._wanted.decided()
            entry = self._book.get(ref)
        if entry is None:
            return Passed(gone=True)
        if entry.want is None:
            await self._wanted.give_up(entry)
        if stays_s := self._wanted.stays_for(ref):
            return Passed(again_s=stays_s)
        if entry.withdrawn:
            passed = await self._passes.glance(entry, self._wanted.why_stays(entry))
        elif self._living and (turn := self._wanted.turn(entry)):  # else nobody is going to read them
            passed = await self._passes.await_turn(entry, turn)
        else:
            passed = await self._passes.over(entry, failures, self._wanted.unread)
        self.last_pass = self._world.clock.monotonic()
        self._workers.urge_all(other for other in passed.news if other in self._book)
        return passed
