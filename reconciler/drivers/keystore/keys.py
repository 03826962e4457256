"""The keys of a node: ed25519 pairs that it made or was given, and public keys that it trusts.

Rules: one file a key, so that a pair is there as a whole or not at all; a private part is written
only encrypted, and whatever replaces a pair keeps it among the retired; only `destroy` loses one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from secrets import token_bytes
from typing import Any

from reconciler.drivers.keystore import age, ed25519
from reconciler.drivers.keystore.folder import Folder
from reconciler.drivers.keystore.identity import Identity
from reconciler.drivers.keystore.shelf import Record, Shelf
from reconciler.errors import Conflict, NotFound, Refused
from reconciler.model import Ref
from reconciler.ports.keys import KnownKey, RetiredKey, Standing
from reconciler.public_key import PublicKey


class Pair(Record):
    public: str  # in hex
    private: str = ""  # the 32 bytes, age-encrypted; empty for a public key that is only trusted
    recipient: str = ""  # whom it is encrypted to
    rotation: str = ""


class KeyRecord(Record):
    role: str
    standing: Standing = Standing.OURS
    pair: Pair
    retired: tuple[Pair, ...] = ()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return (self.pair, *self.retired)

    @property
    def made(self) -> tuple[Pair, ...]:
        """Those with a private part, the latest first."""
        return tuple(pair for pair in self.pairs if pair.private)

    @property
    def publics(self) -> frozenset[str]:
        return frozenset(pair.public for pair in self.pairs)

    def with_(self, **fields: Any) -> KeyRecord:  # noqa: ANN401 - as `dataclasses.replace` takes them
        return self.model_copy(update=fields)


Change = Callable[[KeyRecord | None], KeyRecord | None]


class KeyRing:
    """Implements `Keys` with files."""

    def __init__(self, folder: Folder, shelf: Shelf[KeyRecord], identity: Identity) -> None:
        self._folder = folder
        self._shelf = shelf
        self._identity = identity

    def get(self, key: Ref) -> KnownKey | None:
        found = self.look(key)
        return found if found is not None and found.standing is Standing.OURS else None

    def look(self, key: Ref, *, fresh: bool = False) -> KnownKey | None:
        record = self._shelf.get(key, fresh=fresh)
        return None if record is None else known(record, self._identity.recipients)

    def refs(self) -> frozenset[Ref]:
        return frozenset(ref for ref, record in self._shelf.all() if record.standing is Standing.OURS)

    async def generate(self, key: Ref, role: str, rotation: str) -> None:
        def generated(old: KeyRecord | None) -> KeyRecord:
            made = old.made if old else ()
            if old and made and rotation in ("", *(pair.rotation for pair in made)):
                return old.with_(pair=made[0], retired=made[1:], role=role, standing=Standing.OURS)
            return KeyRecord(role=role, pair=self._new_pair(rotation), retired=made)

        await self._change(key, generated)

    async def trust(self, key: Ref, role: str, public: PublicKey) -> None:
        def trusted(old: KeyRecord | None) -> KeyRecord:
            return KeyRecord(role=role, pair=Pair(public=public.hex), retired=old.made if old else ())

        await self._change(key, trusted)

    async def claim(self, key: Ref, role: str) -> None:
        await self._change(key, lambda old: old and old.with_(standing=Standing.OURS, role=role))

    async def release(self, key: Ref) -> None:
        def released(old: KeyRecord | None) -> KeyRecord | None:
            ours = old is not None and old.standing is Standing.OURS
            return old.with_(standing=Standing.FOREIGN) if old is not None and ours else old

        await self._change(key, released)

    async def set_aside(self, key: Ref) -> None:
        # A public key is not lost: it stood in the manifest.
        await self._change(key, lambda old: old.with_(standing=Standing.ASIDE) if old and old.made else None)

    async def destroy(self, key: Ref) -> None:
        await self._change(key, lambda _: None)

    async def take(self, key: Ref, private: bytes) -> PublicKey:
        """Put in a pair that was made elsewhere: foreign, until a resource with `adopt: true` claims it."""
        seed = ed25519.read(private)

        def taken(old: KeyRecord | None) -> KeyRecord:
            pair = self._sealed(Pair(public=ed25519.public_of(seed)), seed)
            if old is None:
                return KeyRecord(role="", standing=Standing.FOREIGN, pair=pair)
            if old.pair.public != pair.public:
                raise Conflict(
                    f"{key} is there already, with the fingerprint ed25519:{old.pair.public}",
                    remedy="import it under another name",
                )
            return old

        await self._change(key, taken)
        return PublicKey(ed25519.public_of(seed))

    async def sign(self, key: Ref, message: bytes) -> bytes:
        return ed25519.sign(self._seed(key), message)

    async def private(self, key: Ref) -> str:
        return ed25519.openssh(self._seed(key))

    def holds_private(self) -> bool:
        return any(record.made for _, record in self._shelf.all())

    def restore(self, key: Ref, backup: KeyRecord) -> None:
        """Take a record of a backup in, and keep what is here as well. The lock must be held."""
        here = self._shelf.get(key, fresh=True)
        self._shelf.put(key, backup if here is None else merged(here, backup))

    def reencrypt(self) -> None:
        """All private parts that can be read, to the present identity. The lock must be held."""
        for ref, record in self._shelf.all():
            pair, *retired = map(self._anew, record.pairs)
            new = record.with_(pair=pair, retired=tuple(retired))
            if new != record:
                self._shelf.put(ref, new)

    def _anew(self, pair: Pair) -> Pair:
        if not pair.private or pair.recipient == self._identity.recipient:
            return pair
        try:
            return self._sealed(pair, self._identity.decrypt(pair.private))
        except age.Undecryptable:
            return pair  # its identity is lost, and may be found

    def _sealed(self, pair: Pair, seed: bytes) -> Pair:
        private, recipient = self._identity.encrypt(seed), self._identity.recipient
        return Pair(public=pair.public, private=private, recipient=recipient, rotation=pair.rotation)

    def _new_pair(self, rotation: str) -> Pair:
        seed = token_bytes(ed25519.SEED_BYTES)
        return self._sealed(Pair(public=ed25519.public_of(seed), rotation=rotation), seed)

    def _seed(self, key: Ref) -> bytes:
        record = self._shelf.get(key)
        if record is None or record.standing is not Standing.OURS:
            raise NotFound(f"{key} is not declared", remedy="declare it with `generate: true`")
        if not record.pair.private:
            raise Refused(
                f"{key} is a public key that this node only trusts: it cannot sign",
                remedy="sign with a key that has `generate: true`",
            )
        return self._identity.decrypt(record.pair.private)

    async def _change(self, key: Ref, new: Change) -> None:
        await self._folder.write_aside(partial(self._changed, key, new))

    def _changed(self, key: Ref, new: Change) -> None:
        with self._folder.locked():
            old = self._shelf.get(key, fresh=True)
            record = new(old)
            if record is None:
                self._shelf.remove(key)
            elif record != old:
                self._shelf.put(key, record)


def merged(here: KeyRecord, backup: KeyRecord) -> KeyRecord:
    """The later of two records of one key; of two strangers, the backup's. No pair is lost."""
    later, other = (here, backup) if backup.pair.public in here.publics else (backup, here)
    missing = tuple(pair for pair in other.made if pair.public not in later.publics)
    return later.model_copy(update={"retired": (*later.retired, *missing)})


def known(record: KeyRecord, recipients: Sequence[str]) -> KnownKey:
    return KnownKey(
        public=PublicKey(record.pair.public),
        role=record.role,
        generated=bool(record.pair.private),
        rotation=record.made[0].rotation if record.made else "",
        standing=record.standing,
        retired=tuple(RetiredKey(PublicKey(pair.public), pair.rotation) for pair in record.retired),
        readable=not record.pair.private or record.pair.recipient in recipients,
    )
