"""A key: a pair that the node makes and keeps, or a public key that it trusts.

Rules: the private part never leaves the keystore. Deleting the resource sets a pair aside: the same
name declared again takes it back, and only `deletionPolicy: DeleteData` destroys it. A rotation
token is done once; an earlier one, which a rollback brings back, rotates nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, assert_never

from reconciler.kinds.key.spec import KeySpec
from reconciler.model import (
    RECREATES,
    Case,
    Change,
    DeletionPolicy,
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
from reconciler.ports.clock import Clock
from reconciler.ports.keys import Keys, KnownKey, Standing
from reconciler.ports.kind import Kind, Telling
from reconciler.public_key import PublicKey

MAINTAINER = "maintainer"


@dataclass(frozen=True, slots=True)
class KeyState:
    role: str
    generated: bool = field(metadata=RECREATES)
    public_key: str = field(metadata=RECREATES)  # the trusted one; a generated one is a fact
    rotation: str = field(metadata=RECREATES)  # the token that the pair was made for
    ours: bool


@dataclass(frozen=True, slots=True)
class Generate(Step):
    """Make a pair, or take back the one that was set aside."""

    role: str
    rotation: str


@dataclass(frozen=True, slots=True)
class Trust(Step):
    role: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Claim(Step):
    """Take the key that is there, in this role."""

    role: str


@dataclass(frozen=True, slots=True)
class SetAside(Step):
    pass


@dataclass(frozen=True, slots=True)
class Destroy(Step):
    pass


KeyStep = Generate | Trust | Claim | SetAside | Destroy


@dataclass(frozen=True, slots=True)
class Uses:
    keys: Keys
    clock: Clock


class Key(Kind[KeySpec, KeyState, KeyStep, Uses]):
    spec = KeySpec
    reads = "keys:read"
    writes = "keys:write"
    uses = Uses
    columns: ClassVar[Mapping[str, Callable[[Case[Any, Any]], str]]] = {
        "role": lambda case: case.want.wish.role,
        "fingerprint": lambda case: str(case.seen.facts.get("fingerprint", "")),
    }

    async def observe(
        self, want: Resource[KeySpec], memory: Mapping[str, JsonValue], uses: Uses, *, fresh: bool
    ) -> Seen[KeyState]:
        known = uses.keys.look(want.ref, fresh=fresh)
        now = uses.clock.now()
        if known is None:
            return Seen(None, Owner.NONE, now)
        if known.standing is Standing.ASIDE:
            return Seen(None, Owner.NONE, now, facts={"setAside": True, **_rotations(known)})
        owner = Owner.OURS if known.standing is Standing.OURS else Owner.FOREIGN
        return Seen(_state(known), owner, now, facts=_facts(known))

    async def owned(self, uses: Uses) -> frozenset[Ref]:
        return uses.keys.refs()

    def settle(self, case: Case[KeySpec, KeyState]) -> KeyState | None:
        spec = case.want.spec
        if spec is None:
            return None
        if spec.public_key is not None:
            return KeyState(spec.role, generated=False, public_key=spec.public_key, rotation="", ours=True)
        rotation = _rotation(spec, case.seen.facts)
        return KeyState(spec.role, generated=True, public_key="", rotation=rotation, ours=True)

    def plan(self, case: Case[KeySpec, KeyState], changes: Sequence[Change]) -> Plan[KeyStep]:
        want = self.settle(case)
        if not changes:
            return Plan()
        if want is None:
            return Plan((_removal(case.want),))
        if not any(change.recreates or not change.path for change in changes):
            return Plan((Claim(want.role),))
        if want.generated:
            return Plan((Generate(want.role, want.rotation),))
        return Plan((Trust(want.role, want.public_key),))

    async def act(self, ref: Ref, step: KeyStep, uses: Uses) -> None:
        match step:
            case Generate(role=role, rotation=rotation):
                await uses.keys.generate(ref, role, rotation)
            case Trust(role=role, public_key=public):
                await uses.keys.trust(ref, role, PublicKey.parse(public))
            case Claim(role=role):
                await uses.keys.claim(ref, role)
            case SetAside():
                await uses.keys.set_aside(ref)
            case Destroy():
                await uses.keys.destroy(ref)
            case _ as never:
                assert_never(never)

    async def release(self, ref: Ref, uses: Uses) -> None:
        await uses.keys.release(ref)

    def tells(
        self, case: Case[KeySpec, KeyState], was: Seen[KeyState] | None, before: Status | None
    ) -> Iterator[Telling]:
        if was is None:
            return
        now, old = case.seen.actual, was.actual
        same = _fingerprint(case.seen) == _fingerprint(was)
        if old is not None and (now is None or not same):
            yield "key.revoked", {"role": old.role, "fingerprint": _fingerprint(was)}
        if now is None:
            return
        told = {"role": now.role, "fingerprint": _fingerprint(case.seen)}
        if old is None or not same:
            yield "key.created", told
        if now.role == MAINTAINER and (old is None or not same or old.role != MAINTAINER):
            yield "maintainer.registered", told

    def verdict(self, case: Case[KeySpec, KeyState]) -> Verdict:
        if case.seen.facts.get("readable", True):
            return Verdict()
        return Verdict(
            ready=False,
            reason="Undecryptable",
            message="its private part is encrypted to an identity that this node does not have: "
            "`holdfast node identity import` the backup, or if there is none, `rotate` the key",
            stalled=True,
        )


def _rotation(spec: KeySpec, facts: Mapping[str, JsonValue]) -> str:
    """The token of the pair that there should be; one that was done already asks for nothing."""
    if spec.rotate in ("", *facts.get("rotations", ())):
        return str(facts.get("rotation", ""))
    return spec.rotate


def _removal(want: Resource[KeySpec]) -> KeyStep:
    if want.last is not None and want.last.deletion_policy is DeletionPolicy.DELETE_DATA:
        return Destroy()
    return SetAside()


def _state(known: KnownKey) -> KeyState:
    return KeyState(
        role=known.role,
        generated=known.generated,
        public_key="" if known.generated else known.public.openssh,
        rotation=known.rotation if known.generated else "",
        ours=known.standing is Standing.OURS,
    )


def _facts(known: KnownKey) -> Mapping[str, JsonValue]:
    return {
        "fingerprint": known.public.fingerprint,
        "publicKey": known.public.openssh,
        "readable": known.readable,
        "retired": [old.public.fingerprint for old in known.retired],
        **_rotations(known),
    }


def _fingerprint(seen: Seen[KeyState]) -> JsonValue:
    return seen.facts.get("fingerprint", "")


def _rotations(known: KnownKey) -> Mapping[str, JsonValue]:
    """The token of the latest pair, and all that were done."""
    return {"rotation": known.rotation, "rotations": list(known.rotations)}
