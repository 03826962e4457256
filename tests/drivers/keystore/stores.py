"""The two keystores behind one door, for tests of what both keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconciler.drivers.keystore import Keystore, age, fake
from reconciler.model import Ref
from reconciler.ports.keys import Keys, KnownKey
from reconciler.ports.secrets import SecretStore


@dataclass(frozen=True, slots=True)
class Store:
    keys: Keys
    secrets: SecretStore
    encrypt: Callable[[str], str]

    def key(self, ref: Ref) -> KnownKey:
        found = self.keys.look(ref)
        assert found is not None, f"{ref} is not there"
        return found


def real(path: Path) -> Store:
    keystore = Keystore(path)
    return Store(keystore.keys, keystore.secrets, lambda v: age.encrypt(v.encode(), [keystore.recipient]))


def in_memory() -> Store:
    return Store(fake.FakeKeys(), fake.FakeSecrets(), fake.encrypt)
