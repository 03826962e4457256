"""A keystore in memory that keeps the same contract, for simulations.

Rules: nothing is random and no thread is used, so that one seed gives one history; its ciphertexts
look like age's, and hide nothing.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from reconciler.drivers.keystore import ed25519
from reconciler.errors import Invalid, NotFound, Refused
from reconciler.model import Ref
from reconciler.ports.keys import KnownKey, RetiredKey, Standing
from reconciler.ports.secrets import KnownSecret
from reconciler.public_key import PublicKey

BEGIN, END = "-----BEGIN AGE ENCRYPTED FILE-----\n", "\n-----END AGE ENCRYPTED FILE-----\n"
HEADER = b"age-encryption.org/v1\n-> fake\n"


@dataclass(frozen=True, slots=True)
class _Entry:
    known: KnownKey
    seed: bytes  # empty for a key that is only trusted
    earlier: tuple[bytes, ...] = ()


class FakeKeys:
    def __init__(self) -> None:
        self._entries: dict[Ref, _Entry] = {}
        self._made = 0

    def get(self, key: Ref) -> KnownKey | None:
        found = self.look(key)
        return found if found is not None and found.standing is Standing.OURS else None

    def look(self, key: Ref, *, fresh: bool = False) -> KnownKey | None:
        entry = self._entries.get(key)
        return None if entry is None else entry.known

    def refs(self) -> frozenset[Ref]:
        return frozenset(r for r, entry in self._entries.items() if entry.known.standing is Standing.OURS)

    async def generate(self, key: Ref, role: str, rotation: str) -> None:
        old = self._entries.get(key)
        seeds, retired = _made(old)
        if not seeds or rotation not in ("", *(pair.rotation for pair in retired)):
            self._made += 1
            seed = sha256(f"{key} {self._made}".encode()).digest()
            seeds, retired = (seed, *seeds), (RetiredKey(_public(seed), rotation), *retired)
        latest, *others = retired
        known = KnownKey(latest.public, role, generated=True, rotation=latest.rotation, retired=tuple(others))
        self._entries[key] = _Entry(known, seeds[0], seeds[1:])

    async def trust(self, key: Ref, role: str, public: PublicKey) -> None:
        seeds, retired = _made(self._entries.get(key))
        rotation = retired[0].rotation if retired else ""
        known = KnownKey(public, role, generated=False, rotation=rotation, retired=retired)
        self._entries[key] = _Entry(known, b"", seeds)

    async def claim(self, key: Ref, role: str) -> None:
        self._mark(key, Standing.OURS, role)

    async def release(self, key: Ref) -> None:
        if key in self.refs():
            self._mark(key, Standing.FOREIGN)

    async def set_aside(self, key: Ref) -> None:
        if any(_made(self._entries.get(key))):
            self._mark(key, Standing.ASIDE)
        else:
            self._entries.pop(key, None)

    async def destroy(self, key: Ref) -> None:
        self._entries.pop(key, None)

    async def sign(self, key: Ref, message: bytes) -> bytes:
        return ed25519.sign(self._seed(key), message)

    async def private(self, key: Ref) -> str:
        return ed25519.openssh(self._seed(key))

    def _mark(self, key: Ref, standing: Standing, role: str | None = None) -> None:
        old = self._entries.get(key)
        if old is not None:
            known = replace(old.known, standing=standing, role=old.known.role if role is None else role)
            self._entries[key] = replace(old, known=known)

    def _seed(self, key: Ref) -> bytes:
        entry = self._entries.get(key)
        if entry is None or entry.known.standing is not Standing.OURS:
            raise NotFound(f"{key} is not declared", remedy="declare it with `generate: true`")
        if not entry.seed:
            raise Refused(f"{key} is only trusted", remedy="sign with a key that has `generate: true`")
        return entry.seed


class FakeSecrets:
    def __init__(self) -> None:
        self._values: dict[Ref, Mapping[str, tuple[str, str]]] = {}  # key -> declared, value
        self._released: set[Ref] = set()

    def get(self, secret: Ref, *, fresh: bool = False) -> KnownSecret | None:
        values = self._values.get(secret)
        if values is None:
            return None
        return KnownSecret({key: value[0] for key, value in values.items()}, ours=secret in self.refs())

    def refs(self) -> frozenset[Ref]:
        return frozenset(self._values.keys() - self._released)

    def resolve(self, secret: Ref, key: str) -> str:
        values = self._values.get(secret)
        if values is None or key not in values:
            raise NotFound(f"{secret} has no value '{key}'", remedy="see why it is not Ready")
        return values[key][1]

    def versions(self, secret: Ref) -> Mapping[str, str]:
        values = self._values.get(secret, {})
        return {
            key: sha256(f"{secret} {key} {value[1]}".encode()).hexdigest() for key, value in values.items()
        }

    async def put(self, secret: Ref, encrypted: Mapping[str, str]) -> None:
        self._values[secret] = {
            key: (sha256(text.encode()).hexdigest(), decrypt(secret, key, text))
            for key, text in encrypted.items()
        }

        self._released.discard(secret)

    async def release(self, secret: Ref) -> None:
        if secret in self._values:
            self._released.add(secret)

    async def drop(self, secret: Ref) -> None:
        self._values.pop(secret, None)
        self._released.discard(secret)


def encrypt(value: str) -> str:
    """A text of the right shape, which the Fake alone takes."""
    return BEGIN + b64encode(HEADER + value.encode()).decode() + END


def decrypt(secret: Ref, key: str, text: str) -> str:
    try:
        content = b64decode(text.removeprefix(BEGIN).removesuffix(END), validate=True)
        if content.startswith(HEADER):
            return content.removeprefix(HEADER).decode()
    except ValueError:
        pass
    raise Invalid(
        f"the value '{key}' of {secret} cannot be decrypted", remedy="encrypt it to this node"
    ) from None


def _made(entry: _Entry | None) -> tuple[tuple[bytes, ...], tuple[RetiredKey, ...]]:
    """The private parts, the latest first, and the pairs that they belong to."""
    if entry is None:
        return (), ()
    known = entry.known
    if not entry.seed:
        return entry.earlier, known.retired
    return (entry.seed, *entry.earlier), (RetiredKey(known.public, known.rotation), *known.retired)


def _public(seed: bytes) -> PublicKey:
    return PublicKey(ed25519.public_of(seed))
