"""The node's own kinds with their Fake drivers, attended: each call passes the witness and the faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.kinds.key import Key
from reconciler.kinds.secret import Secret
from reconciler.kinds.service import Service
from reconciler.model import JsonValue, Ref, Resource, Seen, Step
from reconciler.ports.kind import Kind, Wake
from reconciler.ports.kinds import Kinds
from tests.simulation.faults import Faults
from tests.simulation.kinds import KINDS
from tests.simulation.ports import Witness

AnyKind = Kind[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Attended:
    """What a kind uses, and who is by."""

    own: Any
    faults: Faults
    witness: Witness


def _attended(kind: type[AnyKind]) -> AnyKind:
    class Attending(kind):  # type: ignore[misc,valid-type]  # whichever kind it is
        async def observe(
            self, want: Resource[Any], memory: Mapping[str, JsonValue], uses: Attended, *, fresh: bool
        ) -> Seen[Any]:
            uses.witness.looking(want, fresh=fresh)
            try:
                await uses.faults.before("observe")
                seen: Seen[Any] = await super().observe(want, memory, uses.own, fresh=fresh)
                return seen
            finally:
                uses.witness.looked(want.ref)

        async def owned(self, uses: Attended) -> frozenset[Ref]:
            await uses.faults.before("owned")
            return frozenset(await super().owned(uses.own))

        async def act(self, ref: Ref, step: Step, uses: Attended) -> None:
            uses.witness.acting(ref, step)
            try:
                await uses.faults.before("act")
                await super().act(ref, step, uses.own)
                await uses.faults.after("act")
            finally:
                uses.witness.acted(ref)

        def watch(self, uses: Attended, wake: Wake) -> None:
            super().watch(uses.own, wake)

    return Attending()


OWN = {"Key": _attended(Key), "Secret": _attended(Secret), "Service": _attended(Service)}
ALL = Kinds({**KINDS, **OWN})
