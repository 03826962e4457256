"""Snapshots and overrides become one set of wants; what may go away is weighed. Pure.

Rules: a source counts only while its own `Source` is wanted, so the walk starts from what the node
itself declares; two sources that declare one ref alike are at peace, differently they clash and the
first in force stays; an incomplete snapshot, or a source not read yet, takes nothing away; what is
doomed already is not asked about again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from reconciler.errors import Invalid
from reconciler.model import (
    NODE_SOURCE,
    SOURCE_KIND,
    JsonValue,
    Origin,
    Override,
    Ref,
    Resource,
    Snapshot,
    Spec,
    merge_patch,
    source_name,
)
from reconciler.ports import Kept, Kinds, Submission

BUDGET_FROM = 5  # below this many resources, a person oversees what a revision removes
ALLOWING = "`--allow-prune`, or the trailer `Holdfast-Allow-Prune: yes` in the commit's message"
PRUNE_DISABLED = "holdfast.dev/prune"
RECONCILE_DISABLED = "holdfast.dev/reconcile"
DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Clash:
    """Two sources declare one ref differently; `kept` stays in force."""

    ref: Ref
    kept: Origin
    refused: Origin

    def __str__(self) -> str:
        return f"{self.ref} is declared at {_where(self.kept)} and, differently, at {_where(self.refused)}"


def _where(origin: Origin) -> str:
    return f"{origin.place} (source {origin.source})"


@dataclass(frozen=True, slots=True)
class Wishes:
    wants: Mapping[Ref, Resource[Any]]
    clashes: tuple[Clash, ...] = ()
    sources: frozenset[str] = frozenset()  # the sources that count, whether they were read already or not


def merge(
    snapshots: Mapping[str, Snapshot],
    overrides: Sequence[Override],
    kinds: Kinds,
    now: datetime,
    in_force: Callable[[Ref], str | None],
) -> Wishes:
    """One set of wants out of all that counts. `in_force` tells which source a ref was taken from last."""
    patches = {o.ref: o for o in overrides if o.in_force(now)}
    wants: dict[Ref, Resource[Any]] = {}
    clashes: list[Clash] = []
    reached = [NODE_SOURCE]
    for name in reached:
        snapshot = snapshots.get(name)
        if snapshot is None:
            continue
        for ref, resource in snapshot.resources.items():
            taken = wants.get(ref)
            if taken is None:
                wants[ref] = resource
                if ref.kind == SOURCE_KIND:
                    reached.append(source_name(ref))
            elif not _alike(taken, resource):
                keep, refuse = (resource, taken) if in_force(ref) == name else (taken, resource)
                wants[ref] = keep
                clashes.append(Clash(ref, keep.origin, refuse.origin))
    for ref in patches.keys() & wants.keys():
        wants[ref] = _patched(wants[ref], patches[ref], kinds)
    _expand(wants, patches, kinds, clashes)
    return Wishes(wants, tuple(clashes), frozenset(reached))


def _alike(one: Resource[Any], other: Resource[Any]) -> bool:
    return one is other or (
        one.spec == other.spec and one.labels == other.labels and one.annotations == other.annotations
    )


def _expand(
    wants: dict[Ref, Resource[Any]], patches: Mapping[Ref, Override], kinds: Kinds, clashes: list[Clash]
) -> None:
    """Put the parts of every whole beside it; a part that is declared on its own as well is a clash."""
    wholes = [want for ref, want in wants.items() if kinds[ref.kind].expands]
    while wholes:
        whole = wholes.pop()
        for part in kinds[whole.ref.kind].parts(whole):
            taken = wants.get(part.ref)
            if taken is not None:
                clashes.append(Clash(part.ref, taken.origin, part.origin))
                continue
            override = patches.get(part.ref)
            wants[part.ref] = _patched(part, override, kinds) if override else part
            if kinds[part.ref.kind].expands:
                wholes.append(wants[part.ref])


def _patched(want: Resource[Any], override: Override, kinds: Kinds) -> Resource[Any]:
    model = kinds[want.ref.kind].spec
    try:
        spec: Spec = model.model_validate(merge_patch(written(want.wish), override.patch))
    except ValidationError:
        return want  # it was valid when it was made; the manifest has moved on, and the manifest wins
    return replace(want, spec=spec, needs={**want.needs, **kinds.needs(want.ref, spec)})


def written(spec: Spec) -> dict[str, JsonValue]:
    """The spec as a person would write it, without what is default anyway."""
    return spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def check_override(override: Override, want: Resource[Any], kinds: Kinds) -> None:
    """Refuse a patch that does not fit the wish that it patches."""
    model = kinds[want.ref.kind].spec
    try:
        model.model_validate(merge_patch(written(want.wish), override.patch))
    except ValidationError as error:
        raise Invalid(f"the override does not fit {want.ref}: {error.errors()[0]['msg']}") from error


def gone(inventory: Mapping[Ref, Kept], wishes: Wishes, snapshots: Mapping[str, Snapshot]) -> frozenset[Ref]:
    """What the inventory holds, nobody wants any more, and nothing speaks against taking away."""
    undecided = {name for name in wishes.sources if name not in snapshots or snapshots[name].problems}
    return frozenset(
        ref
        for ref, kept in inventory.items()
        if ref not in wishes.wants and not kept.doomed and kept.source not in undecided
    )


def weigh(
    inventory: Mapping[Ref, Kept], removes: Collection[Ref], *, allowed: bool, rebuilt: bool
) -> Submission:
    """May a revision take all this away? Half of what is there is the most that goes without a word."""
    named = tuple(sorted(removes))
    total = sum(not kept.doomed for kept in inventory.values())
    if not named or allowed:
        return Submission(accepted=True, removes=named)
    if rebuilt:
        return Submission(
            accepted=False,
            reason="StoreRebuilt",
            message=f"the store was lost and rebuilt, so {len(named)} of {total} resources are kept until a "
            f"person confirms: {ALLOWING}",
            removes=named,
        )
    if total >= BUDGET_FROM and len(named) * 2 > total:
        return Submission(
            accepted=False,
            reason="PruneBudget",
            message=f"it would remove {len(named)} of {total} resources, more than half; allow it by name: "
            f"{ALLOWING}",
            removes=named,
        )
    return Submission(accepted=True, removes=named)
