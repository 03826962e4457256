"""The values of secrets: who refers to one, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reconciler.model import Ref
from reconciler.records import dataclass


class Secrets(Protocol):
    """Values that other resources refer to. Only an act may resolve one."""

    def resolve(self, secret: Ref, key: str) -> str: ...
    def versions(self, secret: Ref) -> Mapping[str, str]:
        """Key -> keyed digest of its value: tells that a value has changed, and nothing else."""
        ...


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """What the keystore tells of a secret: which values it holds, and none of them."""

    declared: Mapping[str, str]  # key -> SHA-256, in hex, of the ciphertext as it was declared
    readable: bool = True  # the node's identity opens the values
    ours: bool = True  # a resource declares it


class SecretStore(Secrets, Protocol):
    """Where the values of secrets lie, encrypted to the node. Each act is idempotent."""

    def get(self, secret: Ref, *, fresh: bool = False) -> KnownSecret | None: ...
    def refs(self) -> frozenset[Ref]:
        """Those that a resource of this node declares."""
        ...

    async def put(self, secret: Ref, encrypted: Mapping[str, str]) -> None:
        """Hold exactly these values, all or none; refuse what the node cannot decrypt."""
        ...

    async def release(self, secret: Ref) -> None:
        """No resource declares it any more, and it stays as it is, until it is put again."""
        ...

    async def drop(self, secret: Ref) -> None: ...
