"""The node's identity: the age key that everything in the keystore is encrypted to.

Rules: it is made at first use, but never beside records that an earlier one encrypted: those need
their own identity back. After a rotation the earlier identities stay in the file, below the
present one: the repository still holds values that were encrypted to them. `forget` drops them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from reconciler.drivers.keystore import age
from reconciler.drivers.keystore.folder import Folder, Stamp
from reconciler.errors import Corrupt, Invalid, Missing, Refused

FILE = "identity"
OTHERS = 0o007


class _Read(NamedTuple):
    stamp: Stamp
    identities: tuple[str, ...]  # the present one first
    recipients: tuple[str, ...]


class Identity:
    def __init__(self, folder: Folder, in_use: Callable[[], bool]) -> None:
        self._folder = folder
        self._in_use = in_use  # there are records that some identity has encrypted
        self._read: _Read | None = None

    @property
    def recipients(self) -> tuple[str, ...]:
        """The public halves, the present one first; none as long as no identity was made."""
        found = self._load()
        return found.recipients if found else ()

    @property
    def recipient(self) -> str:
        """The one to encrypt to; the identity is made if need be."""
        found = self._load()
        if found is None:
            with self._folder.locked():
                found = self.ensure()
        return found.recipients[0]

    def encrypt(self, value: bytes) -> str:
        """The lock must be held."""
        return age.encrypt(value, [self.ensure().recipients[0]])

    def decrypt(self, armored: str) -> bytes:
        found = self._load()
        if found is None:
            raise self._lost()
        return age.decrypt(armored, found.identities)

    def texts(self) -> tuple[str, ...]:
        """The secret halves themselves, for a backup. The lock must be held."""
        return self.ensure().identities

    def found(self) -> tuple[str, ...]:
        """Those that are there; one that is damaged is kept aside. The lock must be held."""
        try:
            found = self._load()
        except (Corrupt, Invalid):
            self._folder.write(f"{FILE}.damaged", self._folder.read(FILE) or b"")
            return ()
        return found.identities if found else ()

    def ensure(self) -> _Read:
        """What is there, or made now. The lock must be held."""
        found = self._load()
        if found is not None:
            return found
        if self._in_use():
            raise self._lost()
        return self.replace([age.new_identity()])

    def replace(self, identities: Sequence[str]) -> _Read:
        """These from now on, the present one first. The lock must be held."""
        recipients = [age.recipient_of(text) for text in identities]
        lines = ["# Whoever has this file can read all of this node's secrets and use its keys."]
        for recipient, text in zip(recipients, identities, strict=True):
            lines += [f"# recipient: {recipient}", text]
        self._folder.write(FILE, ("\n".join(lines) + "\n").encode())
        return self.ensure()

    def _load(self) -> _Read | None:
        stamp = self._folder.stamp(FILE)
        if stamp is None:
            return None
        if self._read is None or self._read.stamp != stamp:
            self._refuse_public()
            identities = parse((self._folder.read(FILE) or b"").decode(errors="replace"))
            if not identities:
                raise Corrupt(
                    f"{self._folder.path / FILE} holds no identity",
                    remedy="restore it: `holdfast node identity import` with the backup",
                )
            recipients = tuple(age.recipient_of(text) for text in identities)
            self._read = _Read(stamp, identities, recipients)
        return self._read

    def _refuse_public(self) -> None:
        # A group may read it: Kubernetes sets that bit on every file of a volume with an fsGroup.
        path = self._folder.path / FILE
        if path.stat().st_mode & OTHERS:
            raise Refused(
                f"{path} can be read by every user of this machine",
                remedy=f"chmod 600 {path}; and if others use the machine, `holdfast node identity rotate`",
            )

    def _lost(self) -> Missing:
        return Missing(
            f"the node's identity {self._folder.path / FILE} is missing",
            remedy="restore it: `holdfast node identity import` with the backup; "
            "if there is none, `holdfast node identity rotate --lost` begins anew",
        )


def parse(text: str) -> tuple[str, ...]:
    """The identities in an age identity file, each once, in their order."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
