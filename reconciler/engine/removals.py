"""What may go away because of what is wanted, and what a revision may take away at once. Pure.

Rules: an incomplete snapshot, or a source not read yet, takes nothing away; a part goes by the word of its
whole; what is doomed already is not asked about again; half of what there is may go without a word, and all
that a person names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from reconciler.engine.entry import Entry
from reconciler.engine.ledger import Fate
from reconciler.engine.wishes import NOBODY, Wishes
from reconciler.model import SOURCE_KIND, Ref, Snapshot, source_name
from reconciler.ports.sources import Submission
from reconciler.ports.store import Kept

BUDGET_FROM = 5  # below this many resources, a person oversees what a revision removes
ALLOWING = (
    "`--allow-prune` of `apply`, `delete` or `reconcile`, or the trailer `Holdfast-Allow-Prune: yes` in the "
    "commit's message"
)


def gone(inventory: Mapping[Ref, Kept], wishes: Wishes) -> tuple[Ref, ...]:
    """What the inventory holds, nobody wants any more, and nothing speaks against taking away."""
    return tuple(
        ref
        for ref, kept in inventory.items()
        if ref not in wishes.wants
        and not kept.doomed
        and _speaker(kept, inventory) not in wishes.undecided
        and not _belongs(kept.parent, inventory, wishes.faults)
    )


def fates(
    entries: Iterable[Entry], inventory: Mapping[Ref, Kept], wishes: Wishes, doomed: Collection[Ref] = ()
) -> Iterator[tuple[Entry, Fate]]:
    """What these wishes mean for the inventory: for each row that changes, or that is in doubt."""
    back = _resumed(inventory, wishes)
    for entry in entries:
        row = entry.kept
        if row is None:
            continue
        unwanted = entry.ref not in wishes.wants
        dooms = entry.ref in doomed or (row.doomed and unwanted and row.source not in back)
        source = NOBODY if unwanted and is_over(row, inventory, wishes, doomed=dooms) else None
        if dooms is not row.doomed or source is not None or entry.doubts:
            yield entry, Fate(dooms, source)


def _resumed(inventory: Mapping[Ref, Kept], wishes: Wishes) -> frozenset[str]:
    """Sources that were to go, are wanted again, and cannot say yet what is theirs; with those they declared.

    Their end had taken their resources away, so both are taken back.
    """
    going = {ref: kept.source for ref, kept in inventory.items() if ref.kind == SOURCE_KIND and kept.doomed}
    back = [name for ref in going if ref in wishes.wants and (name := source_name(ref)) in wishes.undecided]
    for name in back:
        back.extend(source_name(ref) for ref, by in going.items() if by == name and ref not in wishes.wants)
    return frozenset(back)


def _speaker(kept: Kept, inventory: Mapping[Ref, Kept]) -> str:
    """The source whose word decides about it: for a part, that of its whole, which may have moved ahead."""
    while kept.parent is not None and (whole := inventory.get(kept.parent)) is not None and not whole.doomed:
        kept = whole
    return kept.source


def is_over(kept: Kept, inventory: Mapping[Ref, Kept], wishes: Wishes, *, doomed: bool) -> bool:
    """Has the word ended, of which nothing has come into these wishes?

    Whoever speaks has taken it back. A source that does not count any more takes it along: it may come back
    with it, but for what is not to go even so.
    """
    whose = {kept.source, _speaker(kept, inventory)}
    return not whose & {NOBODY, *wishes.undecided} and (not doomed or whose <= wishes.sources.keys())


def why_stays(kept: Kept | None, wishes: Wishes, unread: Collection[str], *, rebuilt: bool) -> str:
    """Of what nobody wants, and nobody has decided about; empty while it may yet be wanted."""
    if kept is None or kept.source in {NOBODY, *unread} & wishes.undecided:
        return ""
    if kept.source in wishes.undecided:
        return f"its source {kept.source} cannot be read whole; it stays as it is until that is mended"
    if rebuilt:
        return (
            "nothing declares it; the store was lost and rebuilt, so it stays until a person confirms "
            "that it may go: `holdfast reconcile --allow-prune`"
        )
    return "nothing declares it while the whole that it was a part of cannot say what belongs to it"


def _belongs(ref: Ref | None, inventory: Mapping[Ref, Kept], wholes: Collection[Ref]) -> bool:
    """Is it one of these, or a part of one of them?"""
    while ref is not None and ref not in wholes:
        kept = inventory.get(ref)
        ref = kept.parent if kept is not None else None
    return ref is not None


def weigh(
    inventory: Mapping[Ref, Kept],
    removes: Collection[Ref],
    snapshots: Iterable[Snapshot],
    *,
    foreign: Collection[Ref],
    rebuilt: bool,
) -> Submission:
    """May these take all this away? Half of what is there is the most that goes without a word.

    What a person has deleted by its name goes in any case, its parts included, and nobody counts it. What is
    `foreign` is forgotten and stays as it is, so it counts neither as something that goes nor as something
    that is there.
    """
    named = tuple(sorted(removes))
    allowed, deleted = False, set[Ref]()
    for one in snapshots:
        allowed = allowed or one.allow_prune
        deleted |= one.deleted
    asked = tuple(ref for ref in named if _belongs(ref, inventory, deleted))
    left = set(named) - set(asked)
    if not left or allowed:
        return Submission(accepted=True, removes=named)
    standing = {ref for ref, kept in inventory.items() if not kept.doomed}
    if rebuilt:
        return Submission(
            accepted=True,
            reason="StoreRebuilt",
            removes=asked,
            message=f"the store was lost and rebuilt, so {len(left)} of {len(standing)} resources are kept "
            f"until a person confirms: {ALLOWING}",
        )
    counted, total = len(left.difference(foreign)), len(standing.difference(foreign))
    if total >= BUDGET_FROM and counted * 2 > total:
        return Submission(
            accepted=False,
            reason="PruneBudget",
            message=f"it would remove {counted} of {total} resources, more than half; allow it by name: "
            f"{ALLOWING}",
            removes=named,
        )
    return Submission(accepted=True, removes=named)
