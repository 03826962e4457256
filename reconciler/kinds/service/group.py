"""The kind `ServiceGroup`: expands into services, and is as ready as they are.

It has no reality of its own, so it is there by being wished; its parts do all the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reconciler.kinds.service.service import Service
from reconciler.kinds.service.spec import ServiceFields, ServiceGroupSpec, ServiceSpec
from reconciler.kinds.service.telling import ALL_READY, STOPPED, of_group
from reconciler.model import (
    Case,
    Change,
    JsonValue,
    Owner,
    Plan,
    Ref,
    Resource,
    Seen,
    Status,
    Step,
    Verdict,
)
from reconciler.ports.kind import Kind, Telling

NAMED = 3  # of the services that are not ready, in a message


@dataclass(frozen=True, slots=True)
class Uses:
    """Nothing: the services do all the work."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """There by being wished."""


def _ready(case: Case[ServiceGroupSpec, Gathered]) -> str:
    statuses = [look.status for look in case.look.values() if look.want is not None and look.want.parent]
    return f"{sum(s is not None and s.ready for s in statuses)}/{len(statuses)}"


class ServiceGroup(Kind[ServiceGroupSpec, Gathered, Step, Uses]):
    spec = ServiceGroupSpec
    reads = "services:read"
    writes = "services:write"
    uses = Uses
    expands = True
    columns = {"services": _ready}  # noqa: RUF012 - a table, read by lists

    def files(self, spec: ServiceGroupSpec) -> tuple[str, ...]:
        kind = Service()
        return tuple(path for one in spec.services.values() for path in kind.files(_alone(one, spec, "")))

    def looks_at(self, want: Resource[ServiceGroupSpec]) -> frozenset[Ref]:
        return frozenset(_part_ref(want.ref, name) for name in want.wish.services)

    def parts(self, want: Resource[ServiceGroupSpec]) -> tuple[Resource[Any], ...]:
        spec = want.wish
        return tuple(self._part(want, spec, name, one) for name, one in spec.services.items())

    def _part(
        self, want: Resource[ServiceGroupSpec], spec: ServiceGroupSpec, name: str, one: ServiceFields
    ) -> Resource[ServiceSpec]:
        ref = _part_ref(want.ref, name)
        alone = _alone(one, spec, want.ref.name)
        needs = {**want.needs, **Service().needs(alone, ref)}
        return Resource(
            ref,
            alone,
            want.origin,
            labels={**want.labels, "holdfast.dev/group": want.ref.name},
            annotations=want.annotations,
            needs=needs,
            parent=want.ref,
        )

    async def observe(
        self, want: Resource[ServiceGroupSpec], memory: Mapping[str, JsonValue], uses: Uses, *, fresh: bool
    ) -> Seen[Gathered]:
        return Seen(Gathered() if want.spec is not None else None, Owner.OURS, datetime.now(UTC))

    def settle(self, case: Case[ServiceGroupSpec, Gathered]) -> Gathered | None:
        return Gathered() if case.want.spec is not None else None

    def plan(self, case: Case[ServiceGroupSpec, Gathered], changes: Sequence[Change]) -> Plan[Step]:
        return Plan()

    async def act(self, ref: Ref, step: Step, uses: Uses) -> None:
        """No step is ever planned."""

    def verdict(self, case: Case[ServiceGroupSpec, Gathered]) -> Verdict:
        parts = {ref: case.look[ref].status for ref in sorted(self.looks_at(case.want)) if ref in case.look}
        behind = {ref: status for ref, status in parts.items() if status is None or not status.ready}
        if parts and all(_is_stopped(status) for status in parts.values()):
            return Verdict(reason=STOPPED, message="its services are stopped, as it is wished")
        if not behind:
            return Verdict(reason=ALL_READY, message=f"{len(parts)} of {len(parts)} services are ready")
        named = ", ".join(ref.name for ref in list(behind)[:NAMED])
        stalled = any(status is not None and status.stalled for status in behind.values())
        ready = len(parts) - len(behind)
        return Verdict(
            ready=False,
            reason="ServicesNotReady",
            message=f"{ready} of {len(parts)} services are ready; not yet: {named}",
            stalled=stalled,
        )

    def tells(
        self, case: Case[ServiceGroupSpec, Gathered], was: Seen[Gathered] | None, before: Status | None
    ) -> Iterator[Telling]:
        return of_group(case, self.verdict(case).reason if case.want.spec is not None else "", before)


def _is_stopped(status: Status | None) -> bool:
    ready = status.condition("Ready") if status is not None else None
    return ready is not None and ready.status and ready.reason == STOPPED


def _part_ref(group: Ref, name: str) -> Ref:
    return Ref("Service", group.namespace, f"{group.name}.{name}")


def _alone(one: ServiceFields, spec: ServiceGroupSpec, group: str) -> ServiceSpec:
    """The service as it would be declared on its own; its needs name the group's services in full."""
    fields = {name: getattr(one, name) for name in ServiceFields.model_fields}
    fields["needs"] = {f"{group}.{other}": need for other, need in one.needs.items()}
    return ServiceSpec.model_construct(
        **fields,
        runtime=spec.runtime,
        suspend=spec.suspend,
        deletion_policy=spec.deletion_policy,
        adopt=spec.adopt,
    )
