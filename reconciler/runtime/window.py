"""What one may see of a node: every view that the API and the command line show.

Rules: nothing is changed by looking; every answer is a view, of what the one who asks may see.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Self

from reconciler.access import Permissions
from reconciler.engine.entry import Entry
from reconciler.engine.graph import order
from reconciler.errors import NotFound
from reconciler.figures import page
from reconciler.model import EMPTY, Ref, source_ref
from reconciler.ports.store import EventFilter, Following
from reconciler.records import dataclass
from reconciler.runtime import measured, present, resource_views
from reconciler.runtime.daemon import Daemon
from reconciler.runtime.encoded_views import Encoded, EncodedArray, EncodedViews
from reconciler.runtime.health import Health
from reconciler.runtime.hearing import Hearing
from reconciler.runtime.machine import machine
from reconciler.runtime.meter import Meter
from reconciler.runtime.parts import Parts
from reconciler.runtime.rights import Rights

if TYPE_CHECKING:
    from reconciler.views import (
        AuditView,
        CauseView,
        EventView,
        KindView,
        LogLineView,
        NodeView,
        OperationView,
        OptimizationsView,
        OverrideView,
        PerformanceView,
        PlannedView,
        ResourceView,
        RevisionView,
        ServiceUsageView,
        SourceView,
        StatusView,
        SystemView,
        UsageView,
    )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which resources are meant; a field left empty takes all."""

    kind: str = ""
    namespace: str = ""
    names: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default=EMPTY)


class Window:
    def __init__(self, node: Parts) -> None:
        self._node = node
        self.daemon = Daemon(node)
        self.meter = Meter(node)
        self.health = Health(node, self.daemon)
        self._encoded = EncodedViews(node)
        self._rights = Rights(node.kinds, node.engine.book)

    def seen_by(self, permissions: Permissions) -> Self:
        """The same, for who has only these."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))  # as `copy` does, which takes ten times as long, for each request
        other._rights = self._rights.of(permissions)
        return other

    def node(self) -> NodeView:
        kinds: dict[str, dict[str, int]] = {}
        totals = {"ready": 0, "not_ready": 0, "stalled": 0}
        for entry in self._node.engine.book:
            status = entry.judged
            word = "ready" if status is not None and status.ready else "not_ready"
            if status is not None and status.stalled:
                word = "stalled"
            totals[word] += 1
            row = kinds.setdefault(entry.ref.kind, {"ready": 0, "not_ready": 0, "stalled": 0})
            row[word] += 1
        return {
            "node_id": self._node.node_id,
            "status": self.daemon.state,
            "version": self.daemon.version,
            "started_at": present.stamp(self._node.started_at),
            "uptime_s": self.daemon.uptime_s,
            "last_pass_age_s": self.daemon.last_pass_age_s,
            "resources": len(self._node.engine.book),
            "ready": totals["ready"],
            "not_ready": totals["not_ready"],
            "stalled": totals["stalled"],
            "kinds": dict(sorted(kinds.items())),
            "sources": self.sources(),
            "rebuilt": self.daemon.rebuilt,
            "problems": self.daemon.problems,
            "warnings": self.daemon.warnings,
        }

    def resources(self, selection: Selection) -> list[ResourceView]:
        return [self._view(entry) for entry in self._selected(selection)]

    def refs(self, selection: Selection) -> list[Ref]:
        """Which they are, in order: for who shows them in pieces."""
        return [entry.ref for entry in self._selected(selection)]

    def resource(self, ref: Ref) -> ResourceView:
        return self._view(self._entry(ref))

    def encoded(self, ref: Ref) -> Encoded:
        """The same as JSON, for who is asked for it over and over."""
        return self._encoded.of(self._entry(ref))

    def encoded_part(self, selection: Selection, part: slice) -> tuple[EncodedArray, int]:
        """Those that lie in this part of them, in order; and how many there are in all."""
        found = self._selected(selection)
        return self._encoded.of_several(found[part]), len(found)

    def status(self, ref: Ref) -> StatusView:
        return resource_views.of_status(
            self._entry(ref), self._node.engine.book, self._node.clock.monotonic()
        )

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
        return resource_views.causes(ref, self._node.engine.book)

    def graph(self) -> dict[str, list[str]]:
        """Every ref with those that it needs, its parts among them, in an order in which they can be made."""
        book = self._node.engine.book
        needs = {ref: (*wanted, *book.parts(ref)) for ref, wanted in book.needs().items()}
        return {str(ref): [str(need) for need in needs[ref]] for ref in order(needs)}

    def sources(self) -> list[SourceView]:
        states = self._node.sources.states()
        seen = (one for one in states if self._rights.sees(source_ref(one.config.name)))
        return [present.of_source(one.config.name, one) for one in seen]

    def source(self, name: str) -> SourceView:
        self._rights.need_sight(source_ref(name))
        state = self._node.sources.state(name)
        if state is None:
            raise NotFound(f"there is no source {name}", remedy="`holdfast source ls` lists them")
        return present.of_source(name, state)

    async def plans(self, ref: Ref, limit: int = 20) -> list[PlannedView]:
        self._rights.need_sight(ref)
        return [present.of_planned(planned) for planned in await self._node.store.plans(ref, limit)]

    async def revisions(self, source: str, limit: int = 20) -> list[RevisionView]:
        self._rights.need_sight(source_ref(source))
        return [present.of_revision(one) for one in await self._node.store.revisions(source, limit)]

    async def events(self, after: int, limit: int, only: EventFilter) -> tuple[list[EventView], int | None]:
        """So many are looked at; and from where to go on, if there are more."""
        found = await self._node.store.events(after, limit, only)
        heard = [present.of_event(event) for event in found if self._rights.hears(event)]
        return heard, found[-1].id if len(found) == limit else None

    async def audit(self, after: int, limit: int, only: EventFilter) -> list[AuditView]:
        return [present.of_audited(event) for event in await self._node.store.events(after, limit, only)]

    async def event_ids(self) -> tuple[int, int]:
        return await self._node.store.event_ids()

    def as_of(self) -> int:
        """Where to follow from, for who looks now and wants to miss nothing that comes after."""
        return self._node.store.as_of()

    @property
    def hears_some(self) -> bool:
        """Is there anything in the log that the caller may be told?"""
        return self._rights.hears_some

    def follow(self, after: int, only: EventFilter) -> Following:
        """Events themselves: whoever tells them to many makes the view of each once."""
        following = self._node.store.follow(after, only)
        return following if self._rights.hears_all else Hearing(following, self._rights.hears)

    async def logs(
        self, ref: Ref, *, tail: int | None, follow: bool, since: datetime | None
    ) -> AsyncIterator[LogLineView]:
        """What it prints."""
        self._entry(ref)
        uses = self._node.uses[ref.kind]
        lines = self._node.kinds[ref.kind].log(ref, uses, tail=tail, follow=follow, since=since)
        async for line in lines:
            yield present.of_log_line(line)

    async def system(self) -> SystemView:
        return {
            "machine": machine(self._node.settings.data),
            "process": await self.daemon.stats(),
            "resources": self.node()["kinds"],
        }

    async def figures(self) -> str:
        """As Prometheus reads them."""
        from reconciler.runtime.readings import readings

        return page(await readings(self._node, self.daemon, self.meter))

    def performance(self) -> PerformanceView:
        return self._node.performance.get_metrics(self.daemon.uptime_s)

    def optimizations(self) -> OptimizationsView:
        uptime_s = self.daemon.uptime_s
        suggestions = self._node.performance.suggest_optimizations(uptime_s)
        return {"uptime_s": uptime_s, "suggestions": suggestions}

    async def usage(self) -> Callable[[Ref], ServiceUsageView]:
        """Measure what services use just now; what is returned tells of each."""
        latest, before = await self.meter.look()
        return lambda ref: measured.of_service(self._entry(ref), latest.get(ref), before.get(ref))

    async def used(
        self, ref: Ref, since: datetime, until: datetime, limit: int, after: datetime | None = None
    ) -> list[UsageView]:
        """What a service used, the oldest first; `after`: go on behind that measurement."""
        self._entry(ref)
        samples = await self._node.store.samples(ref, after or since, until, limit + (after is not None))
        return measured.of_series(samples, after)

    async def operation(self, name: str) -> OperationView:
        operation = await self._node.store.operation(name)
        if operation is None:
            raise NotFound(f"there is no operation {name}")
        return present.of_operation(operation)

    def overrides(self) -> list[OverrideView]:
        found = self._node.engine.overrides
        return [present.of_override(override) for override in found if self._rights.sees(override.ref)]

    def override_of(self, ref: Ref) -> OverrideView:
        self._rights.need_sight(ref)
        for override in self._node.engine.overrides:
            if override.ref == ref:
                return present.of_override(override)
        raise NotFound(f"{ref} has no override", remedy="`holdfast describe` shows what is in force")

    # ------------------------------------------------------------------------------------------- inside

    def _entry(self, ref: Ref) -> Entry:
        self._rights.need_sight(ref)
        entry = self._node.engine.book.get(ref)
        if entry is None:
            raise NotFound(f"{ref} does not exist", remedy="`holdfast get` lists what does")
        return entry

    def _view(self, entry: Entry) -> ResourceView:
        node = self._node
        return resource_views.of_resource(
            entry, node.engine.book, node.kinds, node.engine.overrides, node.clock.monotonic()
        )

    def _selected(self, selection: Selection) -> Sequence[Entry]:
        kind = self._node.kinds.canonical(selection.kind) if selection.kind else ""
        book, labels = self._node.engine.book, selection.labels
        found = book.in_order(kind)
        if not (selection.namespace or selection.names or labels):
            kinds = {kind} if kind else {entry.ref.kind for entry in found}  # others may be broken plug-ins
            if all(map(self._rights.sees_all, kinds)):
                return found
        return [
            entry
            for entry in found
            if (not selection.namespace or entry.ref.namespace == selection.namespace)
            and (not selection.names or entry.ref.name in selection.names)
            and (not labels or labels.items() <= book.resource(entry.ref).labels.items())
            and self._rights.sees(entry.ref)
        ]
