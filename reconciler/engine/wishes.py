"""Snapshots and overrides become one set of wants. Pure.

Rules: a source counts only while its own `Source` is wanted, so the walk starts from what the node
itself declares, breadth first and by name, and that is the order of the sources; two that declare one ref
alike are at peace, differently they clash, and what is in force stays, or where nothing is the first in
order counts; for a source that is not read yet, or broken, nobody can speak.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from reconciler.errors import Invalid, Problem
from reconciler.model import (
    EMPTY,
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
from reconciler.ports.kinds import Kinds
from reconciler.ports.store import Kept
from reconciler.records import dataclass

NOBODY = ""  # the source of what is ours, and no source is known that declares it
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
        return f"{self.ref} is declared {self.kept} and, differently, {self.refused}"


@dataclass(frozen=True, slots=True)
class Wishes:
    wants: Mapping[Ref, Resource[Any]]
    clashes: tuple[Clash, ...] = ()
    faults: Mapping[Ref, Exception] = EMPTY  # whose parts could not be told
    sources: Mapping[str, int] = EMPTY  # that count, read already or not, each with its place in the order
    undecided: frozenset[str] = frozenset()  # the sources that nobody can speak for
    overrides: tuple[Override, ...] = ()  # that were in force


def merge(
    snapshots: Mapping[str, Snapshot],
    overrides: Sequence[Override],
    kinds: Kinds,
    inventory: Mapping[Ref, Kept],
    in_force: Callable[[Ref], str],
) -> Wishes:
    """One set of wants out of all that counts. `in_force` tells by whose word there is something of a ref."""
    patches = {o.ref: o for o in overrides}
    wants, rivals, reached = _declared(snapshots)
    sources = {name: place for place, name in enumerate(reached)}
    undecided = _undecided(inventory, sources, snapshots)
    clashes: list[Clash] = []
    for ref, others in rivals.items():
        options = [wants[ref], *others]
        source = in_force(ref)
        first = next((one for one in options if one.origin.source == source), options[0])
        wants[ref] = first
        clashes.extend(Clash(ref, first.origin, one.origin) for one in options if not _alike(first, one))
    for ref in _spoken_for(wants, undecided, in_force):
        del wants[ref]
    for ref in patches.keys() & wants.keys():
        wants[ref] = _patched(wants[ref], patches[ref], kinds)
    faults = _expand(wants, patches, kinds, clashes)
    return Wishes(wants, tuple(clashes), faults, sources, undecided, tuple(overrides))


def _spoken_for(
    wants: Mapping[Ref, Resource[Any]], undecided: Collection[str], in_force: Callable[[Ref], str]
) -> list[Ref]:
    """What was taken from a source that is not read yet: it had the first word, and may say it again."""
    mute = frozenset(undecided) - {NOBODY}
    if not mute:
        return []
    return [
        ref for ref, want in wants.items() if (one := in_force(ref)) in mute and one != want.origin.source
    ]


def _undecided(
    inventory: Mapping[Ref, Kept], reached: Collection[str], snapshots: Mapping[str, Snapshot]
) -> frozenset[str]:
    """Those that are not read yet, or broken, or declared by one of those."""
    names = [name for name in reached if name not in snapshots or snapshots[name].problems]
    if not names:
        return frozenset()
    sources = [
        (name, kept.source)
        for ref, kept in inventory.items()
        if ref.kind == SOURCE_KIND and not kept.doomed and (name := source_name(ref)) not in reached
    ]
    for name in names:
        names.extend(child for child, by in sources if by == name and child not in names)
    return frozenset([*names, NOBODY])


def _declared(
    snapshots: Mapping[str, Snapshot],
) -> tuple[dict[Ref, Resource[Any]], dict[Ref, list[Resource[Any]]], Sequence[str]]:
    """What each source declares that the node itself, or one of these, declares; what more than one does.

    And the sources in their order, which does not depend on when each was read.
    """
    wants: dict[Ref, Resource[Any]] = {}
    rivals: dict[Ref, list[Resource[Any]]] = {}
    reached = [NODE_SOURCE]
    for name in reached:
        snapshot = snapshots.get(name)
        if snapshot is None:
            continue
        found = snapshot.resources
        doubled = wants.keys() & found.keys()
        for ref in sorted(doubled):
            rivals.setdefault(ref, []).append(found[ref])
        wants |= {ref: one for ref, one in found.items() if ref not in doubled} if doubled else found
        below = (source_name(ref) for ref in found if ref.kind == SOURCE_KIND and ref not in doubled)
        reached += sorted({*below, *snapshot.unspelled})
    return wants, rivals, reached


def complete(snapshot: Snapshot, before: Snapshot | None) -> Snapshot:
    """What could not be read this time stays as it was."""
    if before is None or not snapshot.problems:
        return snapshot
    return replace(snapshot, resources={**before.resources, **snapshot.resources})


def _alike(one: Resource[Any], other: Resource[Any]) -> bool:
    return one is other or (
        one.spec == other.spec and one.labels == other.labels and one.annotations == other.annotations
    )


def _expand(
    wants: dict[Ref, Resource[Any]], patches: Mapping[Ref, Override], kinds: Kinds, clashes: list[Clash]
) -> Mapping[Ref, Exception]:
    """Put the parts of every whole beside it; a part that is declared on its own as well is a clash."""
    faults: dict[Ref, Exception] = {}
    expanding = {kind for kind in {ref.kind for ref in wants} if kinds[kind].expands}
    wholes = [want for ref, want in wants.items() if ref.kind in expanding] if expanding else []
    for whole in wholes:
        try:
            parts = kinds[whole.ref.kind].parts(whole)
        except Exception as error:  # noqa: BLE001 - a kind's crash is its ref's trouble, and nobody else's
            faults[whole.ref] = error
            continue
        for part in parts:
            taken = wants.get(part.ref)
            if taken is not None:
                clashes.append(Clash(part.ref, taken.origin, part.origin))
                continue
            override = patches.get(part.ref)
            wants[part.ref] = _patched(part, override, kinds) if override else part
            if kinds[part.ref.kind].expands:
                wholes.append(wants[part.ref])
    return faults


def _patched(want: Resource[Any], override: Override, kinds: Kinds) -> Resource[Any]:
    try:
        return _with(want, override, kinds)
    except (ValidationError, Problem):
        return want  # it was valid when it was made; the manifest has moved on, and the manifest wins


def _with(want: Resource[Any], override: Override, kinds: Kinds) -> Resource[Any]:
    model = kinds[want.ref.kind].spec
    spec: Spec = model.model_validate(merge_patch(written(want.wish), override.patch))
    return replace(want, spec=spec, needs={**want.needs, **kinds.needs(want.ref, spec)})


def written(spec: Spec) -> dict[str, JsonValue]:
    """The spec as a person would write it, without what is default anyway."""
    return spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def check_override(override: Override, want: Resource[Any], kinds: Kinds) -> None:
    """Refuse a patch that does not fit the wish that it patches."""
    try:
        _with(want, override, kinds)
    except ValidationError as error:
        raise Invalid(f"the override does not fit {want.ref}: {error.errors()[0]['msg']}") from error
    except Problem as problem:
        raise Invalid(f"the override does not fit {want.ref}: {problem.message}") from problem
