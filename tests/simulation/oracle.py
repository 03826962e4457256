"""What should be, worked out a second time, in the simplest way: no queue, no book, no engine.

Rules: knows only what the sources declare and what a person has decided; where two sources clash, either
declaration may be in force; a source's broken revision takes nothing away of its last good one.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from reconciler.model import NODE_SOURCE, DeletionPolicy, Override, Ref, Resource, Snapshot
from tests.simulation.kinds import KINDS
from tests.simulation.outside import Body
from tests.simulation.thing import ThingSpec, named
from tests.simulation.virtual_time import EPOCH

Wants = Mapping[Ref, list[Resource[Any]]]  # every declaration that may be in force


@dataclass(slots=True)
class Accepted:
    """What each source has declared, as far as it was accepted; `stale` is only kept, not managed."""

    declared: dict[str, dict[Ref, Resource[Any]]] = field(default_factory=dict)
    stale: dict[str, frozenset[Ref]] = field(default_factory=dict)
    last: dict[str, Snapshot] = field(default_factory=dict)  # as a source itself would bring it back

    def take(self, snapshot: Snapshot, *, read_before: bool) -> None:
        self.believe(snapshot, read_before=read_before)
        self.last[snapshot.source] = replace(snapshot, resources=self.declared[snapshot.source])

    def believe(self, snapshot: Snapshot, *, read_before: bool = True) -> None:
        """It counts, whether the source was told so or not."""
        before = self.declared.get(snapshot.source, {}) if snapshot.problems else {}
        self.declared[snapshot.source] = {**before, **snapshot.resources}
        missing = frozenset(before.keys() - snapshot.resources.keys())
        if not snapshot.problems:
            self.stale.pop(snapshot.source, None)
        elif not read_before:  # the process does not know what it cannot read
            self.stale[snapshot.source] = missing
        else:
            self.stale[snapshot.source] = self.stale.get(snapshot.source, frozenset()) & missing

    def forget(self, source: str) -> None:
        """One that counts no more is not followed: declared again, it has to be read again."""
        self.declared.pop(source, None)
        self.stale.pop(source, None)

    def only(self, sources: Container[str]) -> Accepted:
        """As far as these sources say."""
        declared = {name: one for name, one in self.declared.items() if name in sources}
        return Accepted(declared, self.stale, self.last)

    def clear(self) -> Accepted:
        """Without what cannot be read just now."""
        declared = {
            name: {ref: want for ref, want in one.items() if ref not in self.stale.get(name, ())}
            for name, one in self.declared.items()
        }
        return Accepted(declared, {}, self.last)

    def with_(self, snapshot: Snapshot) -> Accepted:
        other = Accepted(dict(self.declared), dict(self.stale), dict(self.last))
        other.take(snapshot, read_before=True)
        return other


def wanted(accepted: Accepted, overrides: Iterable[Override], now: datetime) -> Wants:
    patches = {o.ref: o.patch for o in overrides if o.in_force(now)}
    wants: dict[Ref, list[Resource[Any]]] = {}
    todo, seen = [NODE_SOURCE], set[str]()
    while todo:
        source = todo.pop()
        if source in seen:
            continue
        seen.add(source)
        for ref, resource in accepted.declared.get(source, {}).items():
            if ref.kind == "Source":
                todo.append(ref.name)
            _add(wants, _patched(resource, patches))
    for resources in list(wants.values()):
        for whole in resources:
            for part in KINDS[whole.ref.kind].parts(whole) if whole.ref.kind == "Crowd" else ():
                _add(wants, _patched(part, patches))
    return wants


def sources_in(wants: Wants) -> frozenset[str]:
    """The sources that count."""
    return frozenset([NODE_SOURCE, *(ref.name for ref in wants if ref.kind == "Source")])


def sure(wants: Wants) -> frozenset[Ref]:
    """Wanted, whichever of two clashing declarations is in force."""
    return frozenset(wants) - in_doubt(wants)


def _add(wants: dict[Ref, list[Resource[Any]]], resource: Resource[Any]) -> None:
    options = wants.setdefault(resource.ref, [])
    if all((one.spec, one.annotations) != (resource.spec, resource.annotations) for one in options):
        options.append(resource)


def in_doubt(wants: Wants) -> frozenset[Ref]:
    """The parts of what is declared in two ways: who can tell which of them is in force?"""
    doubtful = (want for ref, options in wants.items() if len(options) > 1 for want in options)
    return frozenset(
        part.ref for want in doubtful if want.ref.kind == "Crowd" for part in KINDS["Crowd"].parts(want)
    )


def _patched(resource: Resource[Any], patches: Mapping[Ref, Mapping[str, Any]]) -> Resource[Any]:
    patch = patches.get(resource.ref)
    if patch is None:
        return resource
    return replace(resource, spec=resource.wish.model_copy(update=patch))


def unmanaged(accepted: Accepted) -> frozenset[Ref]:
    """Wanted as far as anybody knows, by documents that cannot be read just now; with all they bring."""
    counting = sources_in(wanted(accepted, (), EPOCH))
    stale = {source: refs for source, refs in accepted.stale.items() if source in counting}
    todo = [accepted.declared[source][ref] for source, refs in stale.items() for ref in refs]
    refs: set[Ref] = set()
    while todo:
        want = todo.pop()
        if want.ref in refs:
            continue
        refs.add(want.ref)
        if want.ref.kind == "Source":  # all that it brought is as unread as itself
            todo.extend(accepted.declared.get(want.ref.name, {}).values())
        if want.ref.kind == "Crowd":
            todo.extend(KINDS["Crowd"].parts(want))
    return frozenset(refs)


def is_off(want: Resource[Any]) -> bool:
    suspended = want.spec is not None and bool(want.spec.suspend)
    return suspended or want.annotations.get("holdfast.dev/reconcile") == "disabled"


def is_left(want: Resource[Any]) -> bool:
    """Nobody wants it any more, and it is not to be removed for that."""
    left = want.last is not None and want.last.deletion_policy is DeletionPolicy.ORPHAN
    return left or want.annotations.get("holdfast.dev/prune") == "disabled"


def needs_of(want: Resource[Any]) -> set[Ref]:
    spec = want.spec
    implied = {named(n) for n in spec.uses} if isinstance(spec, ThingSpec) else set()
    return set(want.needs) | implied


def followed_by(want: Resource[Any]) -> set[Ref]:
    follows = want.spec.follows if isinstance(want.spec, ThingSpec) else ""
    return {named(follows)} if follows else set()


def in_knots(wants: Wants) -> set[Ref]:
    """All refs from which a walk along the needs comes back."""
    edges = {
        ref: set().union(*(needs_of(want) | followed_by(want) for want in options))
        for ref, options in wants.items()
    }
    knotted = set()
    for start, needed in edges.items():
        todo, seen = list(needed), set[Ref]()
        while todo:
            ref = todo.pop()
            if ref in seen:
                continue
            seen.add(ref)
            todo.extend(edges.get(ref, ()))
        if start in seen:
            knotted.add(start)
    return knotted


def as_wanted(
    body: Body | None, want: Resource[Any], bodies: Mapping[Ref, Body], secrets: Mapping[str, str]
) -> bool:
    """Is reality what this declaration says?"""
    spec = want.wish
    value = spec.value
    if spec.follows:
        other = bodies.get(named(spec.follows))
        if other is None:
            return False
        value = other.value
    secret = secrets.get(spec.secret, "") if spec.secret else ""
    return body is not None and (body.value, body.size, body.secret, body.polished) == (
        value,
        spec.size,
        secret,
        spec.polish,
    )
