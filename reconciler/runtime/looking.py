"""What a bundle would change, as everything stands now. Writes nothing.

Rules: what is compared is the whole inbox as it would be; what another source declares is compared as if it
were written there; whoever asks must be allowed to see all of it, and who is going to write, to write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.engine.preview import Preview
from reconciler.errors import Conflict, Refused
from reconciler.model import EMPTY, Snapshot
from reconciler.records import dataclass
from reconciler.runtime import present
from reconciler.runtime.bundle import INBOX, Bundle, Unpacked, unpack
from reconciler.runtime.claims import Claims, claims
from reconciler.runtime.inbox_reader import InboxReader
from reconciler.runtime.own_sources import unspelled_own_sources
from reconciler.runtime.parts import Parts
from reconciler.runtime.rights import Rights
from reconciler.sources.homes import exports
from reconciler.sources.inbox import Batch
from reconciler.sources.stored_tree import StoredTree

if TYPE_CHECKING:
    from reconciler.views import PreviewView


@dataclass(frozen=True, slots=True)
class Looked:
    """A bundle, and what it would change as everything stands now."""

    unpacked: Unpacked
    known: Claims
    candidate: Snapshot
    preview: Preview

    def batch(self, bundle: Bundle) -> Batch:
        return self.unpacked.batch(bundle, frozenset(self.known.own))

    def view(self) -> PreviewView:
        return present.of_preview(self.preview, self.known.clashes)

    def refuse_unless_appliable(self, expect: str) -> None:
        """`expect` is the digest of the changes that were agreed to, if any were."""
        self.known.refuse_clashes()
        if expect and expect != self.preview.digest:
            raise Conflict(
                f"the changes are no longer those of the saved plan; now they are: {_told(self.preview)}",
                remedy="look at them with `holdfast diff`, save a new plan, and apply that one",
            )
        if not self.preview.submission.accepted:
            raise Refused(self.preview.submission.message)


async def look(node: Parts, rights: Rights, bundle: Bundle, *, writes: bool = False) -> Looked:
    """`writes`: on behalf of who is going to; what may only be looked at is refused."""
    tree = StoredTree(bundle.files, EMPTY, exports(node.settings.data))
    unpacked = unpack(bundle, node.kinds, tree)
    _check(unpacked, rights, writes=writes)
    known = claims(node.engine, unpacked.resources.values())
    candidate = await _candidate(node, bundle, unpacked, known)
    met = (ref for resource in unpacked.resources.values() for ref in (resource.ref, *resource.needs))
    unspelled = await unspelled_own_sources(node, met)
    snapshots = [candidate, *known.written_there(node.engine), *unspelled]
    preview = await node.engine.preview(snapshots, tuple(unpacked.resources))
    need = rights.need_write if writes else rights.need_sight
    for ref in preview.submission.removes:
        need(ref)
    return Looked(unpacked, known, candidate, preview)


def _check(unpacked: Unpacked, rights: Rights, *, writes: bool) -> None:
    """May the one who asks declare all this, and see what it names?"""
    for ref, resource in unpacked.resources.items():
        if writes:
            rights.need_write(ref, resource.labels)
        else:
            rights.need_sight(ref)
        for other in resource.needs:
            if other not in unpacked.resources:
                rights.need_sight(other)


async def _candidate(node: Parts, bundle: Bundle, unpacked: Unpacked, known: Claims) -> Snapshot:
    """The inbox as it would be."""
    current = node.engine.snapshot(INBOX) or await InboxReader(node).peek(unpacked.resources.keys())
    held = dict(current.resources)
    if bundle.prune:
        for ref in node.inbox.members(bundle.set) - unpacked.resources.keys():
            held.pop(ref, None)
    held |= known.own
    return Snapshot(INBOX, "", held, current.problems, allow_prune=bundle.allow_prune)


def _told(preview: Preview) -> str:
    told = [f"{one.ref} ({one.action})" for one in preview.differences if one.action != "none"]
    return ", ".join(told) or "none"
