"""The keys that the node holds or trusts, and what may be known of each."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from reconciler.model import Ref
from reconciler.public_key import PublicKey
from reconciler.records import dataclass


class Standing(StrEnum):
    """Whose a key in the keystore is."""

    OURS = "ours"  # a resource declares it
    FOREIGN = "foreign"  # put there by hand, or let go of
    ASIDE = "aside"  # its resource is deleted: in nobody's use, kept so that no private key is ever lost


@dataclass(frozen=True, slots=True)
class RetiredKey:
    """A pair that a rotation has replaced; it verifies what it signed, and signs no more."""

    public: PublicKey
    rotation: str  # the token that it was made for


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What the keystore tells of a key: all but its private part."""

    public: PublicKey
    role: str
    generated: bool
    rotation: str = ""  # the token that the latest pair was made for
    standing: Standing = Standing.OURS
    retired: tuple[RetiredKey, ...] = ()
    readable: bool = True  # the node's identity opens the private part

    @property
    def rotations(self) -> tuple[str, ...]:
        """All tokens that were done."""
        return (self.rotation, *(old.rotation for old in self.retired))


class Keys(Protocol):
    """The keys that the node holds or trusts. Each act is idempotent; only `destroy` loses a private key."""

    def get(self, key: Ref) -> KnownKey | None:
        """A key that a resource declares, to verify with; one set aside or foreign is trusted by nobody."""
        ...

    def look(self, key: Ref, *, fresh: bool = False) -> KnownKey | None:
        """Whatever lies there under this name: for the kind that takes care of it."""
        ...

    def refs(self) -> frozenset[Ref]:
        """Those that a resource of this node declares."""
        ...

    async def generate(self, key: Ref, role: str, rotation: str) -> None:
        """Make a pair for this token, unless it is there; one set aside under this name comes back."""
        ...

    async def trust(self, key: Ref, role: str, public: PublicKey) -> None: ...
    async def claim(self, key: Ref, role: str) -> None:
        """The key that is there is a resource's from now on, in this role."""
        ...

    async def release(self, key: Ref) -> None:
        """No resource declares it any more, and it stays as it is: foreign from now on."""
        ...

    async def set_aside(self, key: Ref) -> None: ...
    async def destroy(self, key: Ref) -> None: ...
    async def sign(self, key: Ref, message: bytes) -> bytes: ...
    async def private(self, key: Ref) -> str:
        """The private part as OpenSSH writes it, for a connection; only an act or a feed may ask."""
        ...
