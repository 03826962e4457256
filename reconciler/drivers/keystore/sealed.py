"""A secret of the node's own, encrypted whole in a file: nobody declares it, and its owner can make it anew.

Rules: what no identity opens any more counts as absent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from reconciler.drivers.keystore import age
from reconciler.drivers.keystore.folder import Folder, Stamp
from reconciler.drivers.keystore.identity import Identity

Change = Callable[[bytes | None], bytes]


class Sealed:
    def __init__(self, folder: Folder, name: str, identity: Identity) -> None:
        self._folder = folder
        self._name = name
        self._identity = identity
        self._mirror: tuple[Stamp, bytes | None] | None = None

    def read(self) -> bytes | None:
        """What is there; the same object as long as the file is the same."""
        stamp = self._folder.stamp(self._name)
        if stamp is None:
            return None
        if self._mirror is None or self._mirror[0] != stamp:
            self._mirror = stamp, self._opened()
        return self._mirror[1]

    def write(self, content: bytes) -> None:
        """The lock must be held."""
        self._folder.write(self._name, self._identity.encrypt(content).encode())

    async def change(self, new: Change) -> None:
        """Make of what is there something new, while nobody else does."""
        await self._folder.write_aside(partial(self._changed, new))

    def reencrypt(self) -> None:
        """To the present identity. The lock must be held."""
        content = self._opened()
        if content is not None:
            self.write(content)

    def _changed(self, new: Change) -> None:
        with self._folder.locked():
            self.write(new(self._opened()))

    def _opened(self) -> bytes | None:
        sealed = self._folder.read(self._name)
        if sealed is None:
            return None
        try:
            return self._identity.decrypt(sealed.decode(errors="replace"))
        except age.Undecryptable:
            return None
