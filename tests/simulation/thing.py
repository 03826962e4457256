"""`Thing` bears a mark, `Plain` is known by memory alone: what a kind may use, they use.

Rules: recreates, secrets, several waves, looks at others, implied needs, memory, verdicts that come later:
so that the engine meets all of it under faults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import ClassVar

from reconciler.errors import Failed, Invalid
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
from reconciler.ports.clock import Clock
from reconciler.ports.kind import Kind, Wake
from tests.simulation.faults import Faults
from tests.simulation.outside import Body, Outside
from tests.simulation.ports import Witness


@dataclass(frozen=True, slots=True)
class Uses:
    outside: Outside
    faults: Faults
    clock: Clock
    witness: Witness


class ThingSpec(Spec):
    value: int = 0
    size: int = 0
    secret: str = ""
    """Which secret goes into it."""
    follows: str = ""
    """Another thing, whose value it takes."""
    uses: tuple[str, ...] = ()
    """Other things that must be there first."""
    polish: bool = False
    """A second wave, after it was made."""
    ripens: float = 0.0
    """How long it takes until it is ready."""


@dataclass(frozen=True, slots=True)
class ThingState:
    value: int
    size: int = field(metadata={"recreates": True})
    secret: str = field(metadata={"secret": True})
    polished: bool
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Make(Step):
    token: str
    value: int
    size: int
    secret: str  # its name; only the act resolves it
    replaces: int = 0  # uid


@dataclass(frozen=True, slots=True)
class Adopt(Step):
    uid: int


@dataclass(frozen=True, slots=True)
class SetValue(Step):
    uid: int
    value: int


@dataclass(frozen=True, slots=True)
class SetSecret(Step):
    uid: int
    secret: str


@dataclass(frozen=True, slots=True)
class Polish(Step):
    uid: int
    polished: bool


@dataclass(frozen=True, slots=True)
class Remove(Step):
    uid: int


ThingStep = Make | Adopt | SetValue | SetSecret | Polish | Remove


class Thing(Kind[ThingSpec, ThingState, ThingStep, Uses]):
    spec = ThingSpec
    uses = Uses
    marked: ClassVar[bool] = True

    def needs(self, spec: ThingSpec, ref: Ref) -> Mapping[Ref, Need]:
        return {named(name): Need.STARTED for name in spec.uses}

    def looks_at(self, want: Resource[ThingSpec]) -> frozenset[Ref]:
        spec = want.wish
        return frozenset([*want.needs, *([named(spec.follows)] if spec.follows else [])])

    async def observe(
        self, want: Resource[ThingSpec], memory: Mapping[str, JsonValue], uses: Uses, *, fresh: bool
    ) -> Seen[ThingState]:
        uses.witness.looking(want, fresh=fresh)
        try:
            await uses.faults.before("observe")
            body = (uses.outside.bodies if fresh else uses.outside.mirror).get(want.ref)
            await uses.faults.after("observe")
        finally:
            uses.witness.looked(want.ref)
        now = uses.clock.now()
        if body is None:
            return Seen(None, Owner.NONE, now)
        ours = body.mark if self.marked else body.token == memory.get("token")
        ripe = uses.clock.monotonic() - body.made_at >= _ripens(want)
        return Seen(
            ThingState(body.value, body.size, body.secret, body.polished, ours),
            Owner.OURS if ours else Owner.FOREIGN,
            now,
            inputs=dict(uses.outside.secrets),
            facts={"uid": body.uid, "token": body.token, "ripe": ripe},
        )

    async def owned(self, uses: Uses) -> frozenset[Ref]:
        await uses.faults.before("owned")
        if not self.marked:
            return frozenset()
        name = type(self).__name__
        return frozenset(r for r, body in uses.outside.bodies.items() if body.mark and r.kind == name)

    def settle(self, case: Case[ThingSpec, ThingState]) -> ThingState | None:
        spec = case.want.spec
        if spec is None:
            return None
        value, secret = spec.value, ""
        if spec.follows:
            other = case.look[named(spec.follows)].seen
            if other is None or other.actual is None:
                raise Invalid(f"{case.want.ref} follows {spec.follows}, which is not there")
            value = other.actual.value
        if spec.secret:
            secret = case.seen.inputs.get(spec.secret, case.memory.get("secret", ""))
        return ThingState(value, spec.size, secret, spec.polish)

    def plan(self, case: Case[ThingSpec, ThingState], changes: Sequence[Change]) -> Plan[ThingStep]:
        want, actual, facts = self.settle(case), case.seen.actual, case.seen.facts
        spec = case.want.wish
        if want is None:
            return Plan() if actual is None else Plan((Remove(facts["uid"]),))
        if actual is None or actual.size != want.size:
            token = facts.get("token") or case.memory.get("token") or str(case.seen.at)
            replaces = facts.get("uid", 0)
            make = Make(token, want.value, want.size, spec.secret, replaces, remember={"token": token})
            return Plan((make,))
        steps: list[ThingStep] = []
        for change in changes:
            match change.path:
                case ("ours",):
                    steps.append(Adopt(facts["uid"], remember={"token": facts["token"]}))
                case ("value",):
                    steps.append(SetValue(facts["uid"], want.value))
                case ("secret",):
                    steps.append(SetSecret(facts["uid"], spec.secret))
        if not steps and changes:
            steps.append(Polish(facts["uid"], want.polished))
        return Plan(tuple(steps), None if facts["ripe"] else timedelta(seconds=spec.ripens))

    async def act(self, ref: Ref, step: ThingStep, uses: Uses) -> None:
        uses.witness.acting(ref, step)
        try:
            await uses.faults.before("act")
            await self._act(ref, step, uses)
            await uses.faults.after("act")
        finally:
            uses.witness.acted(ref)

    async def _act(self, ref: Ref, step: ThingStep, uses: Uses) -> None:
        outside = uses.outside
        done = True
        match step:
            case Make(token=token, value=value, size=size, secret=secret, replaces=replaces):
                held = await _resolved(secret, uses) if secret else ""
                if replaces:
                    outside.remove(ref, replaces)
                    await uses.faults.after("act")
                done = outside.make(ref, Body(0, self.marked, token, value, size, held))
            case Adopt(uid=uid):
                done = outside.alter(ref, uid, lambda body: replace(body, mark=self.marked))
            case SetValue(uid=uid, value=value):
                done = outside.alter(ref, uid, lambda body: replace(body, value=value))
            case SetSecret(uid=uid, secret=secret):
                held = await _resolved(secret, uses) if secret else ""
                done = outside.alter(ref, uid, lambda body: replace(body, secret=held))
            case Polish(uid=uid, polished=polished):
                done = outside.alter(ref, uid, lambda body: replace(body, polished=polished))
            case Remove(uid=uid):
                outside.remove(ref, uid)
        if not done:
            raise Failed(f"{ref}: it is another one by now")

    def verdict(self, case: Case[ThingSpec, ThingState]) -> Verdict:
        reached = frozenset({Need.STARTED})
        if case.seen.facts["ripe"]:
            return Verdict(reached=reached)
        return Verdict(ready=False, reason="Ripening", reached=reached)

    def watch(self, uses: Uses, wake: Wake) -> None:
        name = type(self).__name__
        uses.outside.listeners.append(lambda ref: wake(ref) if ref.kind == name else None)


class Plain(Thing):
    """The same without a mark: whose it is, only memory knows."""

    marked = False


async def _resolved(secret: str, uses: Uses) -> str:
    await uses.faults.before("secrets")
    return uses.outside.secrets[secret]


def _ripens(want: Resource[ThingSpec]) -> float:
    return want.wish.ripens if want.spec is not None or want.last is not None else 0.0


def named(name: str) -> Ref:
    """`p1` is a Plain, everything else a Thing."""
    return Ref("Plain" if name.startswith("p") else "Thing", "default", name)
