"""The files around a manifest, as they lie in a folder that people work in.

Rules: a file is given only with the content that the revision has; one that has changed since is an
error, because half of one revision and half of the next is neither. No path leads out of the folder,
save through a link that lies in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import Conflict, Missing, Refused, Unavailable
from reconciler.sources.listing import UNREADABLE, Listing, below, clean, combined, read, unblocked


class LiveTree:
    """A `Tree` over a real folder."""

    def __init__(self, root: Path, listing: Listing) -> None:
        self._root = root
        self._digests = listing.digests
        self.sizes: Mapping[str, int] = {path: listing.files[path].stamp.size for path in self._digests}

    def read(self, path: str) -> bytes:
        path = clean(path)
        known = self._digests.get(path)
        if known is not None and known.startswith(UNREADABLE):
            reason = known.removeprefix(f"{UNREADABLE}:")
            raise Refused(f"{path} cannot be read: {reason}", remedy="let the node's user read it")
        try:
            content = self._load(path)
        except Missing:
            content = b""  # and so it is not what the revision has
            if known is None:
                raise
        if known is not None and hashlib.sha256(content).hexdigest() != known:
            raise Conflict(f"{path} has changed since the revision was read", remedy="it is read again")
        return content

    def digest(self, path: str) -> str:
        path = clean(path)
        known = self._digests.get(path)
        if known is not None:
            return known
        inside = below(self._digests, path)
        if inside:
            return combined(inside)
        found = read(self._root, (path,), Listing()).digests  # beside the source's own paths
        return found[path] if found.keys() == {path} else combined(below(found, path))

    def folder(self, path: str) -> str:
        """The folder itself: nothing is copied."""
        whole = self._root / clean(path)
        if not whole.exists():
            raise Missing(f"{whole} does not exist")
        return str(whole)

    def _load(self, path: str) -> bytes:
        try:
            with unblocked(self._root / path) as file:
                return file.readall()
        except FileNotFoundError as error:
            raise Missing(f"{self._root / path} does not exist") from error
        except (PermissionError, IsADirectoryError) as error:
            raise Refused(f"{self._root / path} cannot be read: {error.strerror}") from error
        except OSError as error:  # a lease, too many open files
            raise Unavailable(f"{self._root / path} cannot be read just now: {error.strerror}") from error
