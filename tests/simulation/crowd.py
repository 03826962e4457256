"""`Crowd` expands into things, and is ready when all of them are; it has no reality of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from reconciler.model import (
    Case,
    Change,
    JsonValue,
    Need,
    Owner,
    Plan,
    Ref,
    Resource,
    Seen,
    Spec,
    Step,
    Verdict,
)
from reconciler.ports.kind import Kind
from tests.simulation.thing import ThingSpec, Uses, named


class CrowdSpec(Spec):
    members: dict[str, ThingSpec] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CrowdState:
    """It has no reality but its parts."""


class Crowd(Kind[CrowdSpec, CrowdState, Step, Uses]):
    spec = CrowdSpec
    uses = Uses
    expands = True

    def looks_at(self, want: Resource[CrowdSpec]) -> frozenset[Ref]:
        return frozenset([*want.needs, *(part.ref for part in self.parts(want))])

    def parts(self, want: Resource[CrowdSpec]) -> tuple[Resource[ThingSpec], ...]:
        found = []
        for name, member in want.wish.members.items():
            ref = named(f"{want.ref.name}-{name}")
            spec = member.model_copy(update={"uses": tuple(f"{want.ref.name}-{n}" for n in member.uses)})
            needs = {named(need): Need.STARTED for need in spec.uses}
            found.append(Resource(ref, spec, want.origin, needs=needs, parent=want.ref))
        return tuple(found)

    async def observe(
        self, want: Resource[CrowdSpec], memory: Mapping[str, JsonValue], uses: Uses, *, fresh: bool
    ) -> Seen[CrowdState]:
        actual = None if want.spec is None else CrowdState()
        return Seen(actual, Owner.OURS, uses.clock.now())

    def settle(self, case: Case[CrowdSpec, CrowdState]) -> CrowdState | None:
        return None if case.want.spec is None else CrowdState()

    def plan(self, case: Case[CrowdSpec, CrowdState], changes: Sequence[Change]) -> Plan[Step]:
        return Plan()

    async def act(self, ref: Ref, step: Step, uses: Uses) -> None:
        raise AssertionError("a crowd has no steps")

    def verdict(self, case: Case[CrowdSpec, CrowdState]) -> Verdict:
        late = sorted(
            part.ref.name
            for part in self.parts(case.want)
            if (status := case.look[part.ref].status) is None or not status.ready
        )
        return Verdict(not late, "PartsNotReady" if late else "Converged", ", ".join(late))
