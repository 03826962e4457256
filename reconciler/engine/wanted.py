"""What is wanted: the snapshots of all sources, what people have overridden, and what is to go.

Rules: one decision at a time, and it is durable before it is in force; what one source withdraws, the others
are asked for; whatever ends by the clock ends by itself, even when the wall clock jumps; after the loss of
the store nothing goes away until a person says so when all can be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from reconciler.engine.book import Book
from reconciler.engine.entry import Entry
from reconciler.engine.ledger import Fate, Ledger, spare
from reconciler.engine.overrides import LOOK_AT_THE_CLOCK_S, Overrides
from reconciler.engine.recollection import Recollection
from reconciler.engine.removals import fates, gone, is_over, weigh, why_stays
from reconciler.engine.turns import Turn, Turns
from reconciler.engine.wishes import NOBODY, Wishes, complete, merge
from reconciler.engine.withdrawals import Withdrawals
from reconciler.engine.world import World
from reconciler.errors import NotFound
from reconciler.model import EMPTY, Event, JsonValue, Override, Ref, Snapshot, source_ref
from reconciler.ports.sources import Submission
from reconciler.ports.store import EndOverride, Kept, Note, Write

Moved = Callable[[Iterable[Ref], Iterable[Ref], Collection[Ref]], None]
"""Tells which wishes are new, which refs have only a reason to look, and which have just been looked at."""
AskOthers = Callable[[str], None]
"""A source has withdrawn something: let all others be looked at, for it may have moved there."""


class Wanted:
    def __init__(self, world: World, book: Book, ledger: Ledger, moved: Moved) -> None:
        self._world = world
        self._book = book
        self._ledger = ledger
        self._moved = moved
        self._snapshots: Mapping[str, Snapshot] = EMPTY
        self._overrides = Overrides(world.kinds, book)
        self._rebuilt = False
        self._recollection = Recollection(world, book)
        self._withdrawals = Withdrawals()
        self._turns = Turns()
        self._ask_others: AskOthers | None = None
        self._deciding = asyncio.Lock()
        self._timed = asyncio.Event()
        self.wishes = Wishes(EMPTY)
        self.notes: Mapping[str, JsonValue] = EMPTY  # what the node knew of itself when this process began
        self.unread: tuple[str, ...] = ()  # the sources that count, and that this process has not read yet

    @property
    def overrides(self) -> tuple[Override, ...]:
        return self._overrides.all

    @property
    def rebuilt(self) -> bool:
        """The store was lost, and nobody has confirmed yet that what nothing declares may go."""
        return self._rebuilt

    def withheld(self, source: str | None = None) -> tuple[Ref, ...]:
        """What would go, had the store not been lost; of this source, and of none that is known."""
        if not self._rebuilt:
            return ()
        inventory = self._book.inventory
        going = gone(inventory, self.wishes)
        return tuple(
            sorted(ref for ref in going if source is None or inventory[ref].source in {source, NOBODY})
        )

    def clashes(self, source: str) -> tuple[str, ...]:
        """What this source declares, and another one that was first declares differently."""
        return tuple(str(clash) for clash in self.wishes.clashes if clash.refused.source == source)

    def snapshot(self, source: str) -> Snapshot | None:
        return self._snapshots.get(source)

    def standing(self, source: str) -> Snapshot | None:
        return self._snapshots.get(source) or self._book.recalled(self._snapshots).get(source)

    async def load(self) -> None:
        saved = await self._world.store.load()
        self._book.load(saved)
        self._overrides.take(saved.overrides)
        self.notes = saved.notes
        self._rebuilt = bool(saved.notes.get("rebuilt"))
        if self._rebuilt:
            self._recollection.begin()
            await self._recollection.go_on()
        self._hold(self._merge(EMPTY, self.overrides))  # nothing is read yet, so nothing is decided

    # ----------------------------------------------------------------------------------------- sources

    async def submit(self, snapshot: Snapshot, ready: Mapping[Ref, Entry] = EMPTY) -> Submission:
        async with self._deciding:
            await self._recollection.go_on()
            wishes, answer = self.weighed(snapshot)
            if not answer.accepted:
                return answer
            confirmed = snapshot.allow_prune and self._rebuilt
            if confirmed and (unasked := self._recollection.unasked):
                raise NotFound(
                    f"what there is of {', '.join(unasked)} cannot be told just now, so nothing is "
                    "removed yet",
                    remedy="allow it again when their drivers answer",
                )
            # What nobody can speak for yet would fall to whoever is read last, and count against its budget.
            confirmed = confirmed and not wishes.undecided
            await self._decide(wishes, set(answer.removes), *([Note("rebuilt", None)] if confirmed else []))
            self._rebuilt = self._rebuilt and not confirmed
            self._snapshots = self._with([snapshot])
            self._withdraw(snapshot.source, answer.removes, wishes)
            self._adopt(wishes, ready)
            return answer

    def _withdraw(self, source: str, doomed: Iterable[Ref], wishes: Wishes) -> None:
        """Its word brings these wishes: what had a wish and has none, and what it decides to take away."""
        wants = wishes.wants
        unwished = [entry.ref for entry in self._book if entry.want is not None and entry.ref not in wants]
        if withdrawn := [*unwished, *doomed]:
            self._withdrawals.note(withdrawn, source, self._world.clock.monotonic())
            if self._ask_others is not None:
                self._ask_others(source)

    def ask_others(self, ask: AskOthers) -> None:
        self._ask_others = ask

    @property
    def moment(self) -> int:
        """Names the withdrawals until now: a look that begins at it knows of them."""
        return self._withdrawals.moment

    def looked(self, source: str, moment: int) -> None:
        """What there was to read of this source at that moment is in force, or held for a reason."""
        now = self._world.clock.monotonic()
        self._moved((), self._withdrawals.looked(source, moment, now), ())

    def stays_for(self, ref: Ref) -> float:
        """Seconds for which what was withdrawn stays at most, since another source may have it by now."""
        if ref not in self._withdrawals:
            return 0.0
        others = self.wishes.sources.keys() - set(self.unread)  # what is not read yet is waited for anyway
        return self._withdrawals.stays_for(ref, others, self._world.clock.monotonic())

    async def decided(self) -> None:
        """What is being decided may give the word to another source, where nothing is in force yet."""
        async with self._deciding:
            pass

    def turn(self, entry: Entry) -> Turn | None:
        """Of what nothing is in force yet, while a source that comes before its own is still to be read."""
        if entry.want is None or entry.in_force:
            return None
        now = self._world.clock.monotonic()
        return self._turns.of(entry.ref, entry.want.origin.source, self.wishes.sources, now)

    def weighed(
        self, *snapshots: Snapshot, overrides: Sequence[Override] | None = None
    ) -> tuple[Wishes, Submission]:
        """What would be wanted with these, and whether it may be. Changes nothing."""
        candidate = self._with(snapshots)
        inventory = self._book.inventory
        wishes = self._merge(candidate, self.overrides if overrides is None else overrides, inventory)
        removes = gone(inventory, wishes)
        foreign = [entry.ref for entry in self._book if entry.is_foreign] if removes else []
        return wishes, weigh(inventory, removes, snapshots, foreign=frozenset(foreign), rebuilt=self._rebuilt)

    def foreseen(
        self, *snapshots: Snapshot, overrides: Sequence[Override] | None = None
    ) -> tuple[Wishes, Submission]:
        """What would be wanted with these, once every source is read and says what it said last."""
        recalled = self._book.recalled({*self._snapshots, *(one.source for one in snapshots)}).values()
        return self.weighed(*snapshots, *recalled, overrides=overrides)

    async def forget_source(self, name: str) -> None:
        async with self._deciding:
            left = {other: one for other, one in self._snapshots.items() if other != name}
            wishes = self._merge(left, self.overrides)
            await self._decide(wishes)
            self._snapshots = left
            self._adopt(wishes)

    async def give_up(self, entry: Entry) -> None:
        """A wish that was withdrawn while it came true was in no inventory yet: decide about it now.

        First comes the decision that is under way: its tombstones count once they are durable, and what it
        withdraws is to be asked for elsewhere.
        """
        async with self._deciding:
            if not entry.withdrawn or self._rebuilt or self.stays_for(entry.ref):
                return
            line = self._book.line(entry.ref)
            if gone(line, self.wishes):
                over = is_over(line[entry.ref], line, self.wishes, doomed=True)
                await self._ledger.decide([(entry, Fate(doomed=True, source=NOBODY if over else None))])

    def why_stays(self, entry: Entry) -> str:
        return why_stays(entry.kept, self.wishes, self.unread, rebuilt=self._rebuilt)

    def _with(self, snapshots: Sequence[Snapshot]) -> Mapping[str, Snapshot]:
        before = self._snapshots
        return {**before, **{one.source: complete(one, before.get(one.source)) for one in snapshots}}

    def _merge(
        self,
        snapshots: Mapping[str, Snapshot],
        overrides: Sequence[Override],
        inventory: Mapping[Ref, Kept] | None = None,
    ) -> Wishes:
        now = self._world.clock.now()
        standing = [one for one in overrides if one.in_force(now)]
        held = self._book.inventory if inventory is None else inventory
        return merge(snapshots, standing, self._world.kinds, held, self._book.in_force)

    async def _decide(self, wishes: Wishes, doomed: Collection[Ref] = (), *others: Write) -> None:
        """Make durable what these wishes mean for the inventory, and what is in doubt about it."""
        changed = fates(self._book, self._book.inventory, wishes, doomed)
        await self._ledger.decide(list(changed), *others)

    def _adopt(self, wishes: Wishes, ready: Mapping[Ref, Entry] = EMPTY) -> None:
        at_odds = sorted(_told(self.wishes) ^ _told(wishes))  # a set's order is another in every process
        freed = self._hold(wishes)
        moved = self._book.wish(wishes)
        for ref in moved:
            spare(self._book[ref])
        self._withdrawals.forget(wishes.wants)
        withdrawn = [entry.ref for entry in self._book if entry.want is None]
        sources = [ref for source, _ in at_odds if (ref := source_ref(source)) in self._book]
        self._moved(moved, [*withdrawn, *sources, *freed], self._book.take_over(ready))
        self._timed.set()

    def _hold(self, wishes: Wishes) -> tuple[Ref, ...]:
        """Answers whose turn may have come by it."""
        self.wishes = wishes
        self.unread = tuple(sorted(wishes.sources.keys() - self._snapshots.keys()))
        return self._turns.note(self.unread, self._world.clock.monotonic())

    # --------------------------------------------------------------------------------------- overrides

    def with_override(self, override: Override) -> tuple[Override, ...]:
        return self._overrides.with_(override)

    def without_override(self, ref: Ref) -> tuple[Override, ...]:
        return self._overrides.without(ref)

    async def override(self, override: Override) -> None:
        async with self._deciding:
            left = self.with_override(override)
            data = {"patch": dict(override.patch), "reason": override.reason}
            event = Event("override.set", self._world.clock.now(), override.ref, data, actor=override.author)
            await self._replace(left, override, event)

    async def end_override(self, ref: Ref, actor: str) -> None:
        async with self._deciding:
            left = self.without_override(ref)
            await self._replace(left, Event("override.ended", self._world.clock.now(), ref, actor=actor))

    async def _replace(self, left: Sequence[Override], *writes: Write) -> None:
        ended = [EndOverride(one.id) for one in self.overrides if one not in left]
        wishes = self._merge(self._snapshots, left)
        await self._decide(wishes, (), *ended, *writes)
        self._overrides.take(left)
        self._adopt(wishes)

    async def keep_time(self) -> None:
        """An override that ends changes the wish without anybody saying so."""
        while True:
            self._timed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until_the_next_look()):
                    await self._timed.wait()
            with suppress(Exception):  # the store fails: it is tried again soon
                await self._follow_the_clock()
            if self._recollection.unasked:
                async with self._deciding:
                    await self._recollection.go_on()

    def _until_the_next_look(self) -> float | None:
        end_s = self._overrides.until_the_next_end(self._world.clock.now())
        return LOOK_AT_THE_CLOCK_S if end_s is None and self._recollection.unasked else end_s

    async def _follow_the_clock(self) -> None:
        """End what has ended; what the store could not end is in force again if the clock goes back."""
        async with self._deciding:
            now = self._world.clock.now()
            left = self._overrides.in_force(now)
            if not left == self.overrides == self.wishes.overrides:
                ended = (one for one in self.overrides if one not in left)
                events = (Event("override.ended", now, one.ref, {"reason": "expired"}) for one in ended)
                await self._replace(left, *events)


def _told(wishes: Wishes) -> set[tuple[str, str]]:
    """Which source is told what of its wishes that another one was first with."""
    return {(clash.refused.source, str(clash)) for clash in wishes.clashes}
