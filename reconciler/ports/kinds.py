"""The kinds that a node knows, by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

from reconciler.errors import Invalid
from reconciler.model import EMPTY, Need, Ref, Spec
from reconciler.ports.kind import Kind
from reconciler.ref_text import DEFAULT_NAMESPACE, parted
from reconciler.spelling import nearest, shown


class Kinds(Mapping[str, Kind[Any, Any, Any, Any]]):
    """The kinds that this node knows, by name; people may write a name in any case.

    Those of `later` are loaded when they are first asked for; what then cannot be is none of them. `ours`
    names those of them that come with Holdfast, so that they are known without being loaded.
    """

    def __init__(
        self,
        kinds: Mapping[str, Kind[Any, Any, Any, Any]] = EMPTY,
        later: Mapping[str, Callable[[], Kind[Any, Any, Any, Any]]] = EMPTY,
        ours: Collection[str] = (),
    ) -> None:
        self._kinds = dict(kinds)
        self._later = dict(later)
        self._ours = set(ours)
        self._canonical = {name.lower(): name for name in self}
        self.broken: dict[str, str] = {}  # what could not be loaded, and why

    def __getitem__(self, name: str) -> Kind[Any, Any, Any, Any]:
        kind = self._kinds.get(name)
        return kind if kind is not None else self._loaded(name)

    def __contains__(self, name: object) -> bool:
        return name in self._kinds or name in self._ours or super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        return iter((*self._kinds, *self._later))

    def __len__(self) -> int:
        return len(self._kinds) + len(self._later)

    def load(self) -> None:
        """Load all that is not loaded yet."""
        for name in tuple(self._later):
            with suppress(KeyError):
                self._loaded(name)

    def _loaded(self, name: str) -> Kind[Any, Any, Any, Any]:
        load = self._later.pop(name)
        try:
            kind = self._kinds[name] = load()
        except Exception as error:
            self.broken[name] = f"{type(error).__name__}: {error}"
            del self._canonical[name.lower()]
            self._ours.discard(name)
            raise KeyError(name) from error
        return kind

    def canonical(self, name: str) -> str:
        """The kind's own spelling of `key`, `KEY` or `keys`."""
        lower = name.lower()
        found = self._canonical.get(lower) or self._canonical.get(lower.removesuffix("s"))
        if found is None:
            near = nearest(lower, self._canonical)
            hint = f"did you mean '{self._canonical[near]}'?" if near else f"known: {', '.join(sorted(self))}"
            raise Invalid(f"unknown kind '{shown(name)}', {hint}")
        return found

    def ref(self, text: str, namespace: str = DEFAULT_NAMESPACE) -> Ref:
        kind, own, name = parted(text, namespace)
        return Ref(self.canonical(kind), own, name)

    def needs(self, ref: Ref, spec: Spec) -> Mapping[Ref, Need]:
        """All that the spec needs: what `dependsOn` names, and what the kind implies."""
        implied = self[ref.kind].needs(spec, ref)
        if not spec.depends_on:
            return implied
        return {self.ref(text, ref.namespace): Need.READY for text in spec.depends_on} | dict(implied)
