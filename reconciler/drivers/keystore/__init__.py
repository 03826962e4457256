"""The keystore: the node's identity, and the keys and secrets that are encrypted to it.

Rules: everything lies in one folder, readable by nobody else; only the identity is in clear there.
Several processes may use it at once (the node, and commands beside it). Kill any of them at any
moment: what was there can still be decrypted.

    identity              age identities, the present one first
    digest-key            for the versions of secrets
    token-keys            with which the API's tokens are signed
    keys/NAMESPACE/NAME   a pair, with the pairs that it replaced
    secrets/NAMESPACE/NAME
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reconciler.drivers.keystore import age
from reconciler.drivers.keystore.backup import Backup
from reconciler.drivers.keystore.folder import Folder
from reconciler.drivers.keystore.identity import Identity
from reconciler.drivers.keystore.keys import KeyRecord, KeyRing
from reconciler.drivers.keystore.sealed import Sealed
from reconciler.drivers.keystore.shelf import Shelf
from reconciler.drivers.keystore.values import SecretBox, SecretRecord


class Keystore:
    def __init__(self, path: Path) -> None:
        self._folder = Folder(path)
        self._keys = Shelf(self._folder, "keys", "Key", KeyRecord)
        self._secrets = Shelf(self._folder, "secrets", "Secret", SecretRecord)
        self._identity = Identity(self._folder, self._encrypted)
        self.keys = KeyRing(self._folder, self._keys, self._identity)
        self.secrets = SecretBox(self._folder, self._secrets, self._identity)
        self.token_keys = Sealed(self._folder, "token-keys", self._identity)

    @property
    def recipient(self) -> str:
        """Whom to encrypt to, so that this node can read it. Public."""
        return self._identity.recipient

    def decrypt(self, armored: str) -> bytes:
        """What an owner asks to see."""
        return self._identity.decrypt(armored)

    def export(self) -> str:
        """All that a new machine needs to be this node: the identity in clear, and the keys."""
        with self._folder.locked():
            keys = {ref: record for ref, record in self._keys.all() if record.made}
            return Backup(self._identity.texts(), keys).text()

    def restore(self, text: str) -> Backup:
        """Take a backup in. Nothing that is here is lost: this node's identity stays, as an earlier one."""
        backup = Backup.parse(text)
        with self._folder.locked():
            self._identity.replace(tuple(dict.fromkeys((*backup.identities, *self._identity.found()))))
            for ref, record in backup.keys.items():
                self.keys.restore(ref, record)
            self._reencrypt()
        return backup

    def rotate(self, *, lost: bool = False) -> str:
        """A new identity from now on; the earlier ones go on opening what the repository holds.

        `lost`: there is no earlier one any more, and what only it could open is given up.
        """
        with self._folder.locked():
            if not lost:
                self._identity.ensure()
            earlier = self._identity.found()
            # First both are there, then all is encrypted anew: at each moment between, all can be read.
            self._identity.replace((age.new_identity(), *earlier))
            self._reencrypt()
            return self._identity.recipient

    def forget(self) -> int:
        """Drop the earlier identities: what the repository still encrypts to them cannot be read again."""
        with self._folder.locked():
            present, *earlier = self._identity.texts()
            self._reencrypt()
            self._identity.replace([present])
            return len(earlier)

    def earlier(self) -> Sequence[str]:
        """The recipients that were the node's before."""
        return self._identity.recipients[1:]

    def _reencrypt(self) -> None:
        """Whatever is encrypted to an earlier identity; what an interrupted rotation left, too."""
        self.keys.reencrypt()
        self.secrets.reencrypt()
        self.token_keys.reencrypt()

    def _encrypted(self) -> bool:
        return self.keys.holds_private() or not self._secrets.empty()
