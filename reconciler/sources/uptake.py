"""Which revision of one source is in force: read, weighed by the engine, taken or held, judged, taken back.

Rules: what is in force stays so until something better was accepted, across restarts too; each round
starts from what the source has now and from what the store remembers, never from what woke it; a
revision that failed is not tried again until another one arrives, save a person asks for it by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Protocol

from reconciler.errors import Conflict, Problem
from reconciler.model import EMPTY, Ref, Snapshot, Status
from reconciler.ports.feed import Feed, Fetched
from reconciler.ports.sources import OnInvalid, SourceConfig, Submission
from reconciler.records import dataclass
from reconciler.sources.history import APPLIED, FAILED, HELD, READY, REFUSED, History, Memory
from reconciler.sources.rollout import Outcome, Rollout, advance, begin, decides_at, judge
from reconciler.sources.tree_in_force import TreeInForce

INVALID = "Invalid"
ON_HOLD = "Hold"
ROLLED_BACK = "RolledBack"
MOST_NOTICES = 100
WRITTEN_BY_ANYBODY = frozenset({"directory", "git"})


class Intake(Protocol):
    """What a source needs of the engine."""

    async def submit(self, snapshot: Snapshot) -> Submission: ...
    async def forget_source(self, name: str) -> None: ...
    def withheld(self, source: str) -> tuple[Ref, ...]: ...
    def clashes(self, source: str) -> tuple[str, ...]: ...
    def status(self, ref: Ref) -> Status | None: ...
    def wake(self, ref: Ref) -> None: ...
    def ask_others(self, ask: Callable[[str], None]) -> None:
        """Call this when a source has withdrawn something, for another one may have it by now."""
        ...

    @property
    def moment(self) -> int:
        """To be told with a look at a source that begins now."""
        ...

    def looked(self, source: str, moment: int) -> None:
        """A look that began at this moment has come to an end."""
        ...


Reader = Callable[[SourceConfig, Fetched, Collection[str]], Snapshot]
"""Turns files into resources; what cannot be read is among the snapshot's problems. Called in a thread.

The last argument names the files that are known to hold manifests, readable or not.
"""


@dataclass(frozen=True, slots=True)
class Means:
    """What every source works with."""

    memory: Memory
    intake: Intake
    read: Reader
    grace_s: float = 5.0  # how long a slow source is waited for before what was in force is so again


@dataclass(frozen=True, slots=True)
class InForce:
    """What was taken since this process began."""

    snapshot: Snapshot
    recipe: tuple[object, ...]  # what else than the files made it
    paths: Mapping[str, str]


class Uptake:
    def __init__(self, config: SourceConfig, means: Means, tell: Callable[..., None]) -> None:
        self.config = config
        self._means = means
        self._tell = tell
        self._history = History(config.name, means.memory)
        self._tree = TreeInForce()
        self._loaded = False
        self._force: InForce | None = None
        self._standing: tuple[str, ...] = ()  # what is wrong with what is in force
        self._rollout: Rollout | None = None
        self._returned = ""  # the revision that was gone back to

    async def load(self) -> None:
        """Once, before the first round."""
        if not self._loaded:
            await self._history.load()
            self._loaded = True

    async def forget(self) -> None:
        """It is followed no more, by nobody."""
        await self._history.forget_manifests()

    @property
    def revision(self) -> str:
        """In force, if any."""
        if self._force is not None:
            return self._force.snapshot.revision
        return next(iter(self._history.applied), "")

    # --------------------------------------------------------------------------------- taking, or holding

    async def consider(self, latest: Fetched, feed: Feed, *, allowed: bool = False) -> bool:
        """Take the revision that should be in force; false: it was refused, and may be accepted later.

        `allowed`: a person lets it remove much, be it in force already.
        """
        self._tell(seen_revision=latest.revision, fetched_at=latest.at, signer=latest.signer, error="")
        wanted, held = await self._wanted(latest, feed)
        if self._has(wanted.revision) and not allowed:
            self._tell(held=held, problems=self._standing)
            return True
        snapshot = await self._read(wanted)
        if snapshot.problems and self.config.on_invalid is OnInvalid.HOLD:
            await self._stay(wanted, feed, HELD, INVALID, tuple(map(str, snapshot.problems)))
            return True
        if snapshot.problems:
            snapshot = carry(await self._last_good(feed), snapshot)
        answer = await self._submit(wanted, replace(snapshot, allow_prune=snapshot.allow_prune or allowed))
        if not answer.accepted:
            await self._stay(wanted, feed, REFUSED, answer.reason, (answer.message,))
            return False
        self._tell(held=held)
        return True

    async def restore(self, feed: Feed) -> None:
        """Nothing new can be had: what was in force before this process began is so again."""
        if self._force is None and self._history.applied:
            fetched, snapshot = await self._replay(feed)
            await self._submit(fetched, snapshot)

    async def go_without(self, why: Problem) -> None:
        """It cannot be read, and a person has said that the removals of others are not to wait for it."""
        if self._force is None:
            await self._means.intake.submit(Snapshot(self.config.name, "", EMPTY, (why,)))

    async def _wanted(self, latest: Fetched, feed: Feed) -> tuple[Fetched, str]:
        """The revision that should be in force, and why it is not the newest."""
        hold, newest = self.config.hold, latest.revision
        if hold:
            return (latest, "") if hold == newest else (await self._history.recall(hold, feed), ON_HOLD)
        if self._history.is_bad(newest):
            return await self._history.recall(self._history.applied[0], feed), ROLLED_BACK
        return latest, ""

    async def _stay(
        self, held: Fetched, feed: Feed, outcome: str, reason: str, problems: tuple[str, ...]
    ) -> None:
        """With what was in force; what speaks against the one that is held is told last, and so stays."""
        try:
            await self.restore(feed)
        finally:
            await self._history.held(held.revision, outcome, "; ".join(problems[:3]))
            self._tell(held=reason, problems=problems)

    async def _submit(self, fetched: Fetched, snapshot: Snapshot) -> Submission:
        """Ask the engine, and if it accepts: this is in force from now on."""
        before = self._force
        goes_back = before is not None and self._history.is_bad(before.snapshot.revision)
        allowed = snapshot.allow_prune or fetched.allow_prune or goes_back  # all that the bad one brought
        snapshot = self._tree.bind(replace(snapshot, allow_prune=allowed))
        files = await self._history.to_keep(fetched)  # now: between taking force and its record nothing waits
        answer = await self._means.intake.submit(snapshot)
        if not answer.accepted:
            return answer
        self._tree.turn(fetched.tree)
        await self._history.takes_force(fetched.revision, files, self._manifests(snapshot))
        self._force = InForce(snapshot, self._recipe, fetched.paths)
        self._standing = tuple(map(str, snapshot.problems))
        self._begin_rollout(before, snapshot)
        self._wake_readers_of_files(before, self._force)
        self._tell(
            revision=fetched.revision,
            applied_at=self._means.memory.clock.now(),
            resources=len(snapshot.resources),
            problems=self._standing,
            notices=(*fetched.notices, *snapshot.notices)[:MOST_NOTICES],
        )
        return answer

    def _wake_readers_of_files(self, before: InForce | None, now: InForce) -> None:
        """A file beside the manifests has changed: whoever refers to it must look, and only it knows."""
        if before is None:
            return
        snapshots = (before.snapshot, now.snapshot)
        manifests = {one.origin.file for snapshot in snapshots for one in snapshot.resources.values()}
        moved = {path for path, _ in before.paths.items() ^ now.paths.items()}
        if moved - manifests:
            for ref in now.snapshot.resources:
                self._means.intake.wake(ref)

    # -------------------------------------------------------------------------------------------- reading

    @property
    def _recipe(self) -> tuple[object, ...]:
        config = self.config
        return (config.paths, dict(config.substitute), list(config.patches), config.on_invalid)

    def _manifests(self, snapshot: Snapshot) -> frozenset[str]:
        """The files that declare something, where anybody may write into them."""
        if self.config.type not in WRITTEN_BY_ANYBODY:
            return frozenset()
        return frozenset(resource.origin.file for resource in snapshot.resources.values())

    def _has(self, revision: str) -> bool:
        force = self._force
        return force is not None and force.snapshot.revision == revision and force.recipe == self._recipe

    async def _read(self, fetched: Fetched) -> Snapshot:
        snapshot = await asyncio.to_thread(self._means.read, self.config, fetched, self._history.manifests)
        moved = next((problem for problem in snapshot.problems if isinstance(problem, Conflict)), None)
        if moved is not None:  # a file was written meanwhile: this is no revision that ever was
            raise moved
        return snapshot

    async def _last_good(self, feed: Feed) -> Snapshot:
        if self._force is not None:
            return self._force.snapshot
        if self._history.applied:
            return (await self._replay(feed))[1]
        return Snapshot(self.config.name, "", EMPTY)

    async def _replay(self, feed: Feed) -> tuple[Fetched, Snapshot]:
        """What was in force when the process ended: from the last flawless revision on, one after another."""
        newest, *older = self._history.applied
        fetched = await self._history.recall(newest, feed)
        chain = [await self._read(fetched)]
        while chain[-1].problems and older:
            chain.append(await self._read(await self._history.recall(older.pop(0), feed)))
        snapshot = chain.pop()
        while chain:
            snapshot = carry(snapshot, chain.pop())
        return fetched, snapshot

    # ------------------------------------------------------------------------------------------- judging

    def _begin_rollout(self, before: InForce | None, snapshot: Snapshot) -> None:
        self._rollout = None
        if self._history.outcome(snapshot.revision) == APPLIED:
            last = before.snapshot if before is not None else None
            self._rollout = begin(last, snapshot, self._means.memory.clock.monotonic())

    @property
    def decides_in(self) -> float | None:
        """Seconds until the rollout under way fails, if nothing moves."""
        if self._rollout is None:
            return None
        deadline = decides_at(self._rollout, self.config.progress_deadline_s)
        return max(0.0, deadline - self._means.memory.clock.monotonic())

    async def judge(self) -> bool:
        """Look at the statuses of what the revision changed; true: it is bad, and another one is wanted."""
        if self._rollout is None:
            return False
        now, status = self._means.memory.clock.monotonic(), self._means.intake.status
        self._rollout = advance(self._rollout, {ref: status(ref) for ref in self._rollout.changed}, now)
        outcome = judge(self._rollout, self.config.progress_deadline_s, now)
        if outcome is Outcome.RUNNING:
            return False
        if outcome is Outcome.SUCCEEDED:
            await self._history.judged(self._rollout.revision, READY, "")
        bad = outcome is not Outcome.SUCCEEDED and await self._failed(self._rollout)
        self._rollout = None  # now that it is on record: what fails on the way there is judged again
        return bad

    async def _failed(self, rollout: Rollout) -> bool:
        bad, why = rollout.revision, rollout.why
        good = self._history.good(but=bad)
        returned = (
            self._returned == bad
        )  # it was gone back to already: going on would go through all of history
        if self.config.on_failure != "rollback" or self.config.hold or returned or not good:
            await self._history.judged(bad, FAILED, why)
            return False
        await self._history.go_back(bad, good, why)
        self._returned = good
        return True


def carry(last: Snapshot, new: Snapshot) -> Snapshot:
    """What is broken in a revision stays as it was, and so does what it does not name any more."""
    return replace(new, resources={**last.resources, **new.resources}) if new.problems else new
