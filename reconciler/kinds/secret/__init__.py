"""A secret: values that the repository holds encrypted, and that other resources refer to by key.

Rules: planning compares digests of ciphertexts, so that nothing is decrypted before an act; a value
that the node cannot decrypt leaves the last good ones in force and says whom to encrypt it to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, ClassVar, assert_never

from reconciler.kinds.secret.spec import SecretSpec
from reconciler.model import SECRET, Case, Change, JsonValue, Owner, Plan, Ref, Resource, Seen, Step, Verdict
from reconciler.ports.clock import Clock
from reconciler.ports.kind import Kind
from reconciler.ports.secrets import SecretStore


@dataclass(frozen=True, slots=True)
class SecretState:
    values: Mapping[str, str] = field(metadata=SECRET)  # key -> digest of the ciphertext
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Put(Step):
    """Hold exactly these values."""

    encrypted: Mapping[str, str] = field(metadata=SECRET)


@dataclass(frozen=True, slots=True)
class Remove(Step):
    pass


SecretStep = Put | Remove


@dataclass(frozen=True, slots=True)
class Uses:
    secrets: SecretStore
    clock: Clock


class Secret(Kind[SecretSpec, SecretState, SecretStep, Uses]):
    spec = SecretSpec
    reads = "secrets:read"
    writes = "secrets:write"
    uses = Uses
    columns: ClassVar[Mapping[str, Callable[[Case[Any, Any]], str]]] = {
        "keys": lambda case: ", ".join(case.seen.facts.get("keys", ())),
    }

    async def observe(
        self, want: Resource[SecretSpec], memory: Mapping[str, JsonValue], uses: Uses, *, fresh: bool
    ) -> Seen[SecretState]:
        known = uses.secrets.get(want.ref, fresh=fresh)
        now = uses.clock.now()
        if known is None:
            return Seen(None, Owner.NONE, now)
        facts = {"keys": sorted(known.declared), "readable": known.readable}
        inputs = uses.secrets.versions(want.ref)
        owner = Owner.OURS if known.ours else Owner.FOREIGN
        return Seen(SecretState(known.declared, known.ours), owner, now, inputs, facts)

    async def owned(self, uses: Uses) -> frozenset[Ref]:
        return uses.secrets.refs()

    def settle(self, case: Case[SecretSpec, SecretState]) -> SecretState | None:
        spec = case.want.spec
        if spec is None:
            return None
        return SecretState({key: _digest(text) for key, text in spec.encrypted.items()})

    def plan(self, case: Case[SecretSpec, SecretState], changes: Sequence[Change]) -> Plan[SecretStep]:
        if not changes:
            return Plan()
        spec = case.want.spec
        return Plan((Remove(),)) if spec is None else Plan((Put(spec.encrypted),))

    async def act(self, ref: Ref, step: SecretStep, uses: Uses) -> None:
        match step:
            case Put(encrypted=encrypted):
                await uses.secrets.put(ref, encrypted)
            case Remove():
                await uses.secrets.drop(ref)
            case _ as never:
                assert_never(never)

    async def release(self, ref: Ref, uses: Uses) -> None:
        await uses.secrets.release(ref)

    def verdict(self, case: Case[SecretSpec, SecretState]) -> Verdict:
        if case.seen.facts.get("readable", True):
            return Verdict()
        return Verdict(
            ready=False,
            reason="Undecryptable",
            message="its values are encrypted to an identity that this node does not have: "
            "`holdfast node identity import` the backup, or if there is none, encrypt the values anew",
            stalled=True,
        )


def _digest(ciphertext: str) -> str:
    return sha256(ciphertext.encode()).hexdigest()
