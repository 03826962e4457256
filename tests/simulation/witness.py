"""Sees every call of every port, and says at once when one should not have been made.

Rules: it knows the store's rows because it saw every commit, and judges by them and by the oracle alone;
an effect is judged by what was true at some moment since its pass began, since a pass takes time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from reconciler.engine.told import told
from reconciler.model import Need, Ref, Resource, Status, Step
from reconciler.ports.store import Drop, EndOverride, Judged, Kept, Note, Planned, Remembered, Write
from tests.simulation.first_words import FirstWords
from tests.simulation.known import Known, Submitting
from tests.simulation.oracle import is_left, is_off, needs_of
from tests.simulation.outside import Body

BUDGET_FROM = 5
HELD_IN_VAIN = timedelta(minutes=10)


class Violation(AssertionError):
    """Something happened that must never happen."""


@dataclass(slots=True)
class Pass:
    """What was so when a pass over a ref began."""

    want: Resource[Any]
    wanted: frozenset[Ref]
    unread: frozenset[str]
    rows: dict[Ref, Kept]
    statuses: dict[Ref, Status]
    later: list[tuple[Ref, Status]] = field(default_factory=list)  # judged since it began


class Witness:
    def __init__(self, known: Known) -> None:
        self._known = known
        self.log: list[str] = []
        self.rows: dict[Ref, Kept] = {}
        self._words = FirstWords()
        self.answered: dict[Ref, Kept] = {}  # rows, as far as commits were answered
        self.inventory: set[Ref] = set()  # as the process counts it: what it has handed over as well
        self.memory: dict[Ref, dict[str, Any]] = {}
        self.statuses: dict[Ref, Status] = {}
        self.believed: dict[Ref, Status] = {}  # as far as commits were answered
        self.notes: dict[str, Any] = {}  # as far as commits were answered
        self._durable: dict[str, Any] = {}
        self.released: dict[Ref, int] = {}  # uid of what was left as it is
        self.bodies: dict[Ref, Body] = {}
        self.fated: set[Ref] = set()  # whose tombstone was handed over
        self.doomed_of: dict[Ref, str] = {}  # whose each was, when its tombstone was set
        self.let_go: set[Ref] = set()  # whose end was handed over
        self.ended: set[str] = set()  # overrides
        self.commits = 0
        self.violation: Violation | None = None
        self._plans: dict[Ref, Planned] = {}
        self._passes: dict[Ref, Pass] = {}
        self._busy: dict[Ref, str] = {}
        self._acting: dict[Ref, Step] = {}
        self._handed: dict[Ref, Kept] = {}  # rows, as they were handed over last
        self.submitting: list[Submitting] = []

    def note(self, text: str) -> None:
        self.log.append(f"{asyncio.get_running_loop().time():.6f} {text}")

    def crashed(self) -> None:
        """Whatever was under way is no more; what the store has is believed."""
        self.believed = dict(self.statuses)
        self.notes = dict(self._durable)
        self.answered = dict(self.rows)
        self.inventory = set(self.rows)
        self._handed = dict(self.rows)
        self.fated.clear()
        self.let_go.clear()
        self._busy.clear()
        self._acting.clear()
        self.submitting.clear()

    def store_lost(self) -> None:
        self._durable = {"rebuilt": True}
        self._words = FirstWords()
        for kept in (
            self.rows,
            self.memory,
            self.statuses,
            self.believed,
            self.notes,
            self._plans,
            self._handed,
            self.doomed_of,
            self.released,
        ):
            kept.clear()

    def fail(self, text: str) -> None:
        """The engine survives what a kind raises, so the verdict must not be lost on the way."""
        self.note(f"VIOLATION {text}")
        self.violation = self.violation or Violation(text)
        raise Violation(text)

    # ------------------------------------------------------------------------------------------ the kinds

    def looking(self, want: Resource[Any], *, fresh: bool) -> None:
        ref = want.ref
        self._enter(ref, "observe")
        self.note(f"observe {ref} {'fresh' if fresh else ''}")
        if not fresh:
            known = self._known
            self._passes[ref] = Pass(
                want, known.protected(), self._known.unread(), dict(self.rows), dict(self.believed)
            )

    def looked(self, ref: Ref) -> None:
        self._busy.pop(ref, None)

    def acting(self, ref: Ref, step: Step) -> None:
        self._enter(ref, "act")
        self._acting[ref] = step
        self.note(f"act {ref} {step}")
        plan = self._plans.get(ref)
        if plan is None or told(step) not in plan.steps:
            self.fail(f"{ref}: {step} stands in no recorded plan")
        remembered = self.memory.get(ref, {})
        for key, value in step.remember.items():
            if remembered.get(key) != value:
                self.fail(f"{ref}: {step} acts before {key} is remembered")
        self._gate(ref)

    def acted(self, ref: Ref) -> None:
        self._busy.pop(ref, None)
        self._acting.pop(ref, None)

    def _enter(self, ref: Ref, what: str) -> None:
        if ref in self._busy:
            self.fail(f"{ref}: {what} while another pass has it in {self._busy[ref]}")
        self._busy[ref] = what

    def _gate(self, ref: Ref) -> None:
        begun = self._passes[ref]
        if is_off(begun.want):
            self.fail(f"{ref} acts while it is suspended")
        if begun.want.spec is not None:
            self._may_act(ref, begun)
        else:
            self._may_go(ref, begun)

    def _may_act(self, ref: Ref, begun: Pass) -> None:
        """What is made or changed has its needs met."""
        for need, how in begun.want.needs.items():
            since = (status for ref_, status in begun.later if ref_ == need)
            if not any(_meets(known, how) for known in (begun.statuses.get(need), *since)):
                self.fail(f"{ref} acts while {need} is not {how}")

    def _may_go(self, ref: Ref, begun: Pass) -> None:
        """What is removed is not to be left, wanted by nobody unread or unasked, and needed no more."""
        if is_left(begun.want):
            self.fail(f"{ref} is removed, and was to be left as it is")
        if unread := begun.unread & self._known.unread():
            self.fail(f"{ref} is removed while {sorted(unread)} may want it, and nobody has read them")
        if unasked := self._known.unasked(ref):
            self.fail(f"{ref} is removed, and may have moved to {sorted(unasked)}")
        for other, row in begun.rows.items():
            now, body = self.rows.get(other), self.bodies.get(other)
            if (
                other in self.let_go or body is None or not self._ours(other, body)
            ):  # nothing of ours needs it
                continue
            known = (row, now, self._handed.get(other))  # it may be on its way that it needs it no more
            if any(one is None or ref not in one.needs for one in known):
                continue
            if not self._knotted(other, ref, begun.rows) and not self._held_in_vain(ref, other):
                self.fail(f"{ref} is removed while {other} still needs it")

    def _held_in_vain(self, ref: Ref, other: Ref) -> bool:
        """Was it only made with it, and has it no hope of being made without as things stand?"""
        options = self._known.wants().get(other, [])
        if not options or any(ref in needs_of(want) for want in options):
            return False
        todo, seen = [other], set[Ref]()
        while todo:
            status = self.statuses.get(one := todo.pop())
            stalled = status.condition("Stalled") if status is not None else None
            if stalled is not None and self._known.now() - stalled.since >= HELD_IN_VAIN:
                return True
            seen.add(one)
            todo += set(status.waits_for if status is not None else ()) - seen
        return False

    def _knotted(self, one: Ref, other: Ref, before: Mapping[Ref, Kept]) -> bool:
        """Do both need each other, through whatever there is or was `before`? Then no order would do."""
        wants = self._known.wants()
        todo, seen = [other], set[Ref]()
        while todo:
            ref = todo.pop()
            row = self.rows.get(ref, before.get(ref))
            needs = set(row.needs) if row is not None else set[Ref]()
            for need in needs.union(*(needs_of(want) for want in wants.get(ref, ()))) - seen:
                if need == one:
                    return True
                seen.add(need)
                todo.append(need)
        return False

    # ------------------------------------------------------------------------------------------ the world

    def effect(self, ref: Ref, before: Body | None, after: Body | None) -> None:
        self.note(f"effect {ref} {before} -> {after}")
        begun, step = self._passes[ref], self._acting[ref]
        spec = begun.want.spec
        if before is not None and not self._ours(ref, before) and not (spec is not None and spec.adopt):
            self.fail(f"{ref} is foreign, and {step} touches it")
        if before is not None and after is None:
            if spec is None:
                doomed = [known.get(ref) for known in (begun.rows, self.rows)]
                if not any(row is not None and row.doomed for row in doomed):
                    self.fail(f"{ref} is removed without a decision")
                if ref in begun.wanted & self._known.protected():
                    self.fail(f"{ref} is removed though it is wanted")
                if self.released.get(ref) == before.uid:
                    self.fail(f"{ref} was to be left as it is")
            elif spec.size == before.size:
                self.fail(f"{ref} is made anew, and nothing forces that")

    def _ours(self, ref: Ref, body: Body) -> bool:
        if ref.kind == "Thing":
            return body.mark
        return bool(self.memory.get(ref, {}).get("token") == body.token)

    # ------------------------------------------------------------------------------------------ the store

    def handed(self, writes: Sequence[Write]) -> None:
        """A decision is judged when it is made: its commit may come later, and twice."""
        rows = [write for write in writes if isinstance(write, Kept)]
        self.let_go |= {write.ref for write in writes if isinstance(write, Drop)}
        self.let_go -= {row.ref for row in rows}
        known = (self.rows, self.answered)
        dooms = {
            row.ref: self._speaker(row, {one.ref: one for one in rows})
            for row in rows
            if row.doomed
            and row.ref not in self.fated
            and not any(row.ref in kept and kept[row.ref].doomed for kept in known)
        }
        self.inventory |= {row.ref for row in rows if not row.doomed}
        self._handed |= {row.ref: row for row in rows}
        self.doomed_of |= dooms
        if dooms:
            self._may_doom(dooms)
        self.fated = (self.fated | dooms.keys()) - {row.ref for row in rows if not row.doomed}

    def _speaker(self, row: Kept, rows: Mapping[Ref, Kept]) -> str:
        """Whose word decides about it: of a part, that of its whole, unless that was to go before."""
        while row.parent is not None:
            before = self.rows.get(row.parent)
            whole = rows.get(row.parent, before)
            if whole is None or (before is not None and before.doomed):
                break
            row = whole
        before = self._handed.get(row.ref, row)
        return row.source or before.source  # its word may end with it

    def committing(self, writes: Sequence[Write]) -> None:
        for write in writes:
            self.note(f"commit {write}")

    def _may_doom(self, dooms: dict[Ref, str]) -> None:
        refs = dooms.keys()
        by = [s for s in self.submitting if not refs & s.wanted()]
        reached = frozenset.intersection(*(s.reached() for s in by)) if by else self._known.reached()
        speak = self._known.read() | {s.source for s in by}
        mute = sorted(ref for ref, source in dooms.items() if source in reached - speak)
        if mute:
            self.fail(f"doomed though nobody can speak for their source: {mute}")
        still = refs & self._known.wanted_aloud() if not by else set()
        if still:
            self.fail(f"doomed though wanted: {sorted(still)}")
        if self.notes.get("rebuilt") and not any(s.allowed for s in by):
            self.fail(f"doomed after the loss of the store, and nobody has confirmed: {sorted(refs)}")
        if not by or any(s.allowed for s in by):
            return
        # What was handed over and not answered for may count or not.
        doomed, told = (
            {ref for ref, row in known.items() if row.doomed} for known in (self.rows, self.answered)
        )
        foreign = {ref for ref in self.inventory | self.rows.keys() if self._said_to_be_foreign(ref)}
        totals = [
            len((known - gone | refs) - untouched)
            for known in (self.inventory, self.rows.keys())
            for gone in (doomed, doomed | self.fated, told)
            for untouched in (foreign, set[Ref]())
        ]
        counted = refs - foreign  # that stays as it is
        if all(total >= BUDGET_FROM and len(counted) * 2 > total for total in totals):
            self.fail(f"over the prune budget: {len(counted)} of {totals}")

    def _said_to_be_foreign(self, ref: Ref) -> bool:
        told = (known.get(ref) for known in (self.statuses, self.believed))
        return any(one is not None and one.conditions[0].reason == "ForeignObject" for one in told)

    def committed(self, writes: Sequence[Write]) -> None:
        self.commits += 1
        for write in writes:
            match write:
                case Kept(ref=ref):
                    if holder := self._words.broken_by(write):
                        self.fail(f"{ref} is taken from {holder}, which declares it, by {write.source}")
                    self._words.spoken(self.rows.get(ref), write)
                    self.rows[ref] = write
                    self.released.pop(ref, None)
                case Remembered(ref=ref, memory=memory):
                    self.memory[ref] = dict(memory)
                case Judged(ref=ref, status=status):
                    self.statuses[ref] = status
                case Planned(ref=ref):
                    self._plans[ref] = write
                case Note(key=key, value=value):
                    self._durable[key] = value
                case Drop(ref=ref):
                    self._dropped(ref)
                case EndOverride(id=name):
                    self.ended.add(name)
                case _:
                    pass

    def heard(self) -> None:
        """What is declared has changed."""
        self._words.hear(self._known.voices())

    def acknowledged(self, writes: Sequence[Write]) -> None:
        judged = [(write.ref, write.status) for write in writes if isinstance(write, Judged)]
        self.believed |= dict(judged)
        for begun in self._passes.values():
            begun.later += judged
        self.answered |= {write.ref: write for write in writes if isinstance(write, Kept)}
        self.notes |= {write.key: write.value for write in writes if isinstance(write, Note)}
        self.inventory -= {write.ref for write in writes if isinstance(write, Drop)}

    def _dropped(self, ref: Ref) -> None:
        row, body = self.rows.pop(ref, None), self.bodies.get(ref)
        if row is not None and body is not None and self._ours(ref, body):
            leave = row.spec.get("deletionPolicy") == "Orphan"
            if not leave and row.annotations.get("holdfast.dev/prune") != "disabled":
                self.fail(f"{ref} is forgotten, and is still there")
            self.released[ref] = body.uid
        self.memory.pop(ref, None)
        self.statuses.pop(ref, None)
        self._words.forget(ref)


def _meets(status: Status | None, how: Need) -> bool:
    return status is not None and status.meets(how)
