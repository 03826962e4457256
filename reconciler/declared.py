"""A kind of wish that is a fact by being accepted: nothing of it is outside, its readers use it as it is.

Rules: what was accepted is its memory, so that `diff` shows what a new wish changes, and a second pass
finds no change; the common fields of a wish are not part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from reconciler.model import Case, Change, JsonValue, Owner, Plan, Ref, Resource, Seen, Spec, Step
from reconciler.ports.clock import Clock
from reconciler.ports.kind import Kind

ACCEPTED: Final = "accepted"  # in the memory

S = TypeVar("S", bound=Spec)
Facts = Mapping[str, JsonValue]
"""What was written of it, without what is default anyway."""


@dataclass(frozen=True, slots=True)
class Accept(Step):
    """Let it count from now on."""


@dataclass(frozen=True, slots=True)
class Withdraw(Step):
    """Let it count no more."""


@dataclass(frozen=True, slots=True)
class Uses:
    clock: Clock


class Declared(Kind[S, Facts, Accept | Withdraw, Uses]):
    uses = Uses

    async def observe(
        self, want: Resource[S], memory: Mapping[str, JsonValue], uses: Uses, *, fresh: bool
    ) -> Seen[Facts]:
        accepted: Any = memory.get(ACCEPTED)
        owner = Owner.NONE if accepted is None else Owner.OURS
        return Seen(accepted, owner, uses.clock.now())

    def settle(self, case: Case[S, Facts]) -> Facts | None:
        return None if case.want.spec is None else _own(case.want.spec)

    def plan(self, case: Case[S, Facts], changes: Sequence[Change]) -> Plan[Accept | Withdraw]:
        if not changes:
            return Plan()
        settled = self.settle(case)
        if settled is None:
            return Plan((Withdraw(remember={ACCEPTED: None}),))
        return Plan((Accept(remember={ACCEPTED: dict(settled)}),))

    async def act(self, ref: Ref, step: Accept | Withdraw, uses: Uses) -> None:
        """What is remembered with the step is all."""


def _own(spec: Spec) -> Facts:
    return spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=set(Spec.model_fields))
