"""A kind with nothing behind it: what it remembers is all that there is, so it measures the engine alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.model import (
    Case,
    Change,
    JsonValue,
    Owner,
    Plan,
    Ref,
    Resource,
    Seen,
    Spec,
    Step,
)
from reconciler.ports.clock import Clock
from reconciler.ports.kind import Kind


class NullSpec(Spec):
    """Nothing at all; as Terraform's `terraform_data`, it holds what it is given."""

    input: str = ""
    """What it holds."""
    triggers_replace: str = ""
    """Another value here makes another one."""


@dataclass(frozen=True, slots=True)
class NullState:
    input: str
    triggers_replace: str = field(metadata={"recreates": True})


@dataclass(frozen=True, slots=True)
class Hold(Step):
    """Nothing to do: what is remembered is what it is."""


@dataclass(frozen=True, slots=True)
class Uses:
    clock: Clock


class Null(Kind[NullSpec, NullState, Hold, Uses]):
    spec = NullSpec
    uses = Uses

    async def observe(
        self, want: Resource[NullSpec], memory: Mapping[str, JsonValue], uses: Uses, *, fresh: bool
    ) -> Seen[NullState]:
        held = memory.get("held")
        if held is None:
            return Seen(None, Owner.NONE, uses.clock.now())
        return Seen(NullState(*held), Owner.OURS, uses.clock.now())

    def settle(self, case: Case[NullSpec, NullState]) -> NullState | None:
        spec = case.want.spec
        return None if spec is None else NullState(spec.input, spec.triggers_replace)

    def plan(self, case: Case[NullSpec, NullState], changes: Sequence[Change]) -> Plan[Hold]:
        if not changes:
            return Plan()
        spec = case.want.spec
        held = None if spec is None else [spec.input, spec.triggers_replace]
        return Plan((Hold(remember={"held": held}),))

    async def act(self, ref: Ref, step: Hold, uses: Uses) -> None:
        return
