"""What one may ask of a node: the verbs behind the API and behind a command without a node alike.

Rules: every answer is a view; every request names who asks; what would change the world goes through
the inbox, an override or a wake, never past the engine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from reconciler.engine.book import Entry
from reconciler.engine.graph import order
from reconciler.engine.preview import Preview
from reconciler.errors import Conflict, Invalid, NotFound, Refused
from reconciler.model import (
    EMPTY,
    SOURCE_KIND,
    Event,
    JsonValue,
    Override,
    Ref,
    Snapshot,
    source_name,
)
from reconciler.ports import EventFilter, Operation
from reconciler.records import dataclass
from reconciler.runtime import present
from reconciler.runtime.asker import Asker
from reconciler.runtime.bundle import INBOX, Bundle, Unpacked, unpack
from reconciler.runtime.claims import Claims, claims
from reconciler.runtime.daemon import Daemon
from reconciler.runtime.hooks import Hooks
from reconciler.sources.history import IN_FORCE
from reconciler.sources.stored_tree import StoredTree

if TYPE_CHECKING:
    from reconciler.runtime.node import Node
    from reconciler.views import (
        CauseView,
        EventView,
        KindView,
        LogLineView,
        NodeView,
        OperationView,
        OverrideView,
        PlannedView,
        PreviewView,
        ResourceView,
        RevisionView,
        SourceView,
        StatusView,
    )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which resources are meant; a field left empty takes all."""

    kind: str = ""
    namespace: str = ""
    names: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default=EMPTY)


@dataclass(frozen=True, slots=True)
class _Appliable:
    """A bundle that may be applied, as far as everything stands now."""

    unpacked: Unpacked
    known: Claims
    candidate: Snapshot
    preview: Preview


class Desk:
    def __init__(self, node: Node) -> None:
        self._node = node
        self.daemon = Daemon(node)
        self.hooks = Hooks(node)

    # ------------------------------------------------------------------------------------------ looking

    def node(self) -> NodeView:
        return self._node.overview()

    def statuses(self, selection: Selection) -> list[StatusView]:
        book, now = self._node.engine.book, self._node.clock.monotonic()
        return [present.of_status(entry, book, now) for entry in self._selected(selection)]

    def resources(self, selection: Selection) -> list[ResourceView]:
        return [self._view(entry) for entry in self._selected(selection)]

    def refs(self, selection: Selection) -> list[Ref]:
        """Which they are, in order: for who shows them in pieces."""
        return [entry.ref for entry in self._selected(selection)]

    def resource(self, ref: Ref) -> ResourceView:
        return self._view(self._entry(ref))

    def status(self, ref: Ref) -> StatusView:
        return present.of_status(self._entry(ref), self._node.engine.book, self._node.clock.monotonic())

    def ref(self, text: str) -> Ref:
        """`kind/name` in any spelling of the kind."""
        return self._node.kinds.ref(text)

    def kind(self, text: str) -> str:
        """The kind's own spelling."""
        return self._node.kinds.canonical(text)

    def kinds(self) -> list[KindView]:
        return [present.of_kind(name, kind) for name, kind in sorted(self._node.kinds.items())]

    def why(self, ref: Ref) -> list[CauseView]:
        """The chain of causes from a resource down to the root; empty when it is ready."""
        self._entry(ref)
        return present.causes(ref, self._node.engine.book)

    def graph(self) -> dict[str, list[str]]:
        """Every ref with those that it needs, its parts among them, in an order in which they can be made."""
        book = self._node.engine.book
        needs = {ref: (*wanted, *book.parts(ref)) for ref, wanted in book.needs().items()}
        return {str(ref): [str(need) for need in needs[ref]] for ref in order(needs)}

    def sources(self) -> list[SourceView]:
        sources = self._node.sources
        found = ((name, sources.state(name)) for name in sorted(sources.names()))
        return [present.of_source(name, state) for name, state in found if state is not None]

    def source(self, name: str) -> SourceView:
        state = self._node.sources.state(name)
        if state is None:
            raise NotFound(f"there is no source {name}", remedy="`holdfast source ls` lists them")
        return present.of_source(name, state)

    async def plans(self, ref: Ref, limit: int = 20) -> list[PlannedView]:
        return [present.of_planned(planned) for planned in await self._node.store.plans(ref, limit)]

    async def revisions(self, source: str, limit: int = 20) -> list[RevisionView]:
        return [present.of_revision(one) for one in await self._node.store.revisions(source, limit)]

    async def events(self, after: int, limit: int, only: EventFilter) -> list[EventView]:
        return [present.of_event(event) for event in await self._node.store.events(after, limit, only)]

    async def event_ids(self) -> tuple[int, int]:
        return await self._node.store.event_ids()

    async def follow(self, after: int, only: EventFilter) -> AsyncIterator[EventView]:
        async for event in self._node.store.follow(after, only):
            yield present.of_event(event)

    async def logs(
        self, ref: Ref, *, tail: int | None, follow: bool, since: datetime | None
    ) -> AsyncIterator[LogLineView]:
        """What it prints."""
        self._entry(ref)
        uses = self._node.uses[ref.kind]
        lines = self._node.kinds[ref.kind].log(ref, uses, tail=tail, follow=follow, since=since)
        async for line in lines:
            yield present.of_log_line(line)

    async def operation(self, name: str) -> OperationView:
        operation = await self._node.store.operation(name)
        if operation is None:
            raise NotFound(f"there is no operation {name}")
        return present.of_operation(operation)

    # ----------------------------------------------------------------------------------------- changing

    async def diff(self, bundle: Bundle) -> PreviewView:
        """What the same would change, were it applied or written where it is declared. Writes nothing."""
        unpacked = self._unpacked(bundle)
        known = claims(self._node.engine, unpacked.resources.values())
        snapshots = [await self._candidate(bundle, unpacked, known), *known.written_there(self._node.engine)]
        preview = await self._node.engine.preview(snapshots, tuple(unpacked.resources))
        return present.of_preview(preview, known.clashes)

    async def rehearse(self, bundle: Bundle) -> PreviewView:
        """What `apply` of the same would do, refused whenever that would be. Writes nothing."""
        return present.of_preview((await self._appliable(bundle)).preview, ())

    async def apply(self, bundle: Bundle, by: Asker) -> OperationView:
        """Put the manifests into the inbox; the loop does the rest."""
        found = await self._appliable(bundle)
        removed = await self._node.inbox.put(found.unpacked.batch(bundle, frozenset(found.known.own)))
        await self._node.read_inbox(found.candidate)
        return await self._operated("apply", by, [*found.unpacked.resources, *sorted(removed)])

    async def delete(self, refs: Sequence[Ref], by: Asker, *, allow_prune: bool = False) -> OperationView:
        """Take wishes out of the inbox; what another source declares is to be taken out there."""
        for ref in refs:
            self._deletable(ref, frozenset(refs))
        await self._node.inbox.delete(refs, allow_prune=allow_prune)
        await self._node.read_inbox(await self._node.peek())
        return await self._operated("delete", by, refs)

    async def override(
        self, ref: Ref, patch: Mapping[str, JsonValue], by: Asker, reason: str, last: timedelta | None
    ) -> OverrideView:
        """Patch a wish for a while: a suspension, a stop, a hold."""
        now = self._node.clock.now()
        until = now + last if last is not None else None
        override = Override(uuid4().hex[:12], ref, patch, by.actor, reason, now, until)
        await self._node.engine.override(override)
        await self._operated("override", by, [ref])
        return present.of_override(override)

    async def end_override(self, ref: Ref, by: Asker) -> None:
        await self._node.engine.end_override(ref, by.actor)
        await self._operated("end-override", by, [ref])

    def overrides(self) -> list[OverrideView]:
        return [present.of_override(override) for override in self._node.engine.overrides]

    async def reconcile(self, refs: Sequence[Ref], by: Asker, *, allow_prune: bool = False) -> OperationView:
        """Look now: fetch the sources among them, begin the tries anew for all.

        `allow_prune`: what these sources declare now may remove much, and what was kept after a lost store.
        """
        for ref in refs:
            self._entry(ref)
            if ref.kind == SOURCE_KIND:
                self._node.sources.poke(source_name(ref), allow_prune=allow_prune)
            self._node.engine.request(ref)
        return await self._operated("reconcile", by, refs)

    async def push(self, source: str, by: Asker) -> OperationView:
        """Something was pushed there: fetch at once."""
        self._node.sources.poke(self.source(source)["name"])
        return await self._operated("push", by, [self.ref(f"{SOURCE_KIND}/{source}")])

    async def rollback(self, source: str, revision: str, by: Asker, reason: str) -> OverrideView:
        """Take a source back to an earlier revision, and hold it there."""
        ref = self.ref(f"{SOURCE_KIND}/{source}")
        self._entry(ref)
        kept = await self._node.store.revisions(source, 200)
        applied = [one.revision for one in kept if one.outcome in IN_FORCE]
        chosen = _choose(revision, applied, source)
        return await self.override(ref, {"hold": chosen}, by, reason or f"rollback to {chosen[:12]}", None)

    # ------------------------------------------------------------------------------------------- inside

    def _entry(self, ref: Ref) -> Entry:
        entry = self._node.engine.book.get(ref)
        if entry is None:
            raise NotFound(f"{ref} does not exist", remedy="`holdfast get` lists what does")
        return entry

    def _view(self, entry: Entry) -> ResourceView:
        node = self._node
        return present.of_resource(
            entry, node.engine.book, node.kinds, node.engine.overrides, node.clock.monotonic()
        )

    def _selected(self, selection: Selection) -> list[Entry]:
        kind = self._node.kinds.canonical(selection.kind) if selection.kind else ""
        book = self._node.engine.book
        found = [
            entry
            for entry in book
            if (not kind or entry.ref.kind == kind)
            and (not selection.namespace or entry.ref.namespace == selection.namespace)
            and (not selection.names or entry.ref.name in selection.names)
            and selection.labels.items() <= book.resource(entry.ref).labels.items()
        ]
        return sorted(found, key=lambda entry: entry.ref)

    def _unpacked(self, bundle: Bundle) -> Unpacked:
        tree = StoredTree(bundle.files, EMPTY, self._node.settings.data / "exports")
        return unpack(bundle, self._node.kinds, tree)

    async def _appliable(self, bundle: Bundle) -> _Appliable:
        unpacked = self._unpacked(bundle)
        known = claims(self._node.engine, unpacked.resources.values())
        known.refuse_clashes()
        candidate = await self._candidate(bundle, unpacked, known)
        preview = await self._node.engine.preview([candidate], tuple(unpacked.resources))
        if bundle.expect and bundle.expect != preview.digest:
            raise Conflict(
                f"the changes are no longer those of the saved plan; now they are: {_told(preview)}",
                remedy="look at them with `holdfast diff`, save a new plan, and apply that one",
            )
        if not preview.submission.accepted:
            raise Refused(preview.submission.message)
        return _Appliable(unpacked, known, candidate, preview)

    async def _candidate(self, bundle: Bundle, unpacked: Unpacked, known: Claims) -> Snapshot:
        """The inbox as it would be."""
        current = self._node.engine.snapshot(INBOX) or await self._node.peek(unpacked.resources.keys())
        held = dict(current.resources)
        if bundle.prune:
            for ref in self._node.inbox.members(bundle.set) - unpacked.resources.keys():
                held.pop(ref, None)
        held |= known.own
        return Snapshot(INBOX, "", held, current.problems, allow_prune=bundle.allow_prune)

    def _deletable(self, ref: Ref, together: frozenset[Ref]) -> None:
        entry = self._entry(ref)
        want = entry.want
        if want is None:
            return
        if want.origin.source != INBOX or want.parent is not None:
            owner = f"{want.parent}" if want.parent is not None else f"source {want.origin.source}"
            raise Conflict(
                f"{ref} is declared at {want.origin.place} ({owner})",
                remedy="take it out there; the loop removes it",
            )
        needed = [one for one in self._node.engine.book.dependents(ref) if one not in together]
        needed = [one for one in needed if self._node.engine.book[one].want is not None and one.name]
        parts = set(self._node.engine.book.parts(ref))
        if still := [str(one) for one in needed if one not in parts]:
            raise Conflict(
                f"{ref} is still needed by {', '.join(still)}", remedy="delete those first, or with it"
            )

    async def _operated(self, kind: str, by: Asker, refs: Sequence[Ref]) -> OperationView:
        now = self._node.clock.now()
        names = [str(ref) for ref in refs]
        operation = Operation(f"op-{uuid4().hex[:12]}", kind, by.actor, now, "done", {"refs": names})
        told = {"operation": operation.id, "refs": names}
        event = Event(f"operation.{kind}", now, None, told, by.actor, by.request_id, by.trace_id)
        await self._node.store.commit(operation, event)
        return present.of_operation(operation)


def _told(preview: Preview) -> str:
    told = [f"{one.ref} ({one.action})" for one in preview.differences if one.action != "none"]
    return ", ".join(told) or "none"


def _choose(revision: str, applied: Sequence[str], source: str) -> str:
    """The revision that is meant: by its beginning, or the one before the present one."""
    if not revision:
        if len(applied) < 2:  # noqa: PLR2004 - the present one and one before it
            raise NotFound(
                f"source {source} has no earlier revision", remedy="`holdfast source show` lists them"
            )
        return applied[1]
    found = [one for one in dict.fromkeys(applied) if one.startswith(revision)]
    if len(found) != 1:
        what = "no revision" if not found else "more than one revision"
        raise Invalid(
            f"{what} of source {source} begins with '{revision}'", remedy="`holdfast source show` lists them"
        )
    return found[0]
