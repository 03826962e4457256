"""Whose a document is: ours, a plug-in's, or somebody else's that lies beside ours.

Rules: the group in `apiVersion` tells. A folder may hold other people's YAML (Compose files, Kubernetes'
own kinds, templates): what names no group of ours is passed over with a notice, readable or not. But
what was probably meant for us is an error, because silence would take away what it declared before: a
misspelt group, one of our kinds without any `apiVersion`, a file that is no text at all. Of a file that has
held manifests before, only what names another group, or has no field in common with a manifest, is
somebody else's: all the rest is a manifest that was cut off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from reconciler.errors import Invalid
from reconciler.model import API_GROUP, JsonValue
from reconciler.ports.kinds import Kinds
from reconciler.sources.complaints import Complaint, Wrong
from reconciler.spelling import nearest, shown

VERSION: Final = "v1"
FIELDS: Final = ("apiVersion", "kind", "metadata", "spec")

_A_SLIP: Final = 0.8  # how near a group must be to one of ours
_GROUP: Final = re.compile(r"""^[ \t]*["']?apiVersion["']?[ \t]*:[ \t]*["']?([^/\s"']{1,60})""", re.MULTILINE)
_KIND: Final = re.compile(r"""^[ \t]*["']?kind["']?[ \t]*:[ \t]*["']?(\w{1,60})""", re.MULTILINE)


class Foreign(Invalid):
    """Somebody else's document: nothing is wrong with it."""


class Vocabulary:
    """The groups and kinds that this node knows."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self._groups: dict[str, dict[str, str]] = {API_GROUP: {}}
        for full in kinds:
            name, _, group = full.partition(".")
            self._groups.setdefault(group or API_GROUP, {})[name] = full

    def concerns(self, text: str | bytes) -> bool:
        """Whether a file may hold anything for us. It need not parse for that."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "surrogateescape")
        if any(group in text for group in self._groups) or "\0" in text:
            return True
        groups = _GROUP.findall(text)
        if any(self._near(group) for group in groups):
            return True
        return not groups and any(kind in self._names for kind in _KIND.findall(text))

    def kind(self, data: JsonValue) -> str:
        """The kind that a document is of, as a ref names it; raises `Foreign` or `Wrong`."""
        if not isinstance(data, dict):
            raise Wrong(Complaint((), f"expected a mapping with {', '.join(FIELDS)}"))
        group = self._group(data)
        name = data.get("kind")
        known = self._groups[group]
        if not isinstance(name, str):
            raise Wrong(Complaint(("kind",), f"expected one of {', '.join(sorted(known))}"))
        if name not in known:
            raise Wrong(_unknown_kind(name, known))
        full = known[name]
        if full not in self.kinds:
            reason = f"the kind '{name}' could not be loaded: {self.kinds.broken[full]}"
            raise Wrong(Complaint(("kind",), reason, "mend or remove the plug-in that brings it"))
        return full

    def _group(self, data: Mapping[str, JsonValue]) -> str:
        version = data.get("apiVersion")
        if version is None:
            raise self._without_version(data)
        if not isinstance(version, str):
            raise Wrong(Complaint(("apiVersion",), f"expected {API_GROUP}/{VERSION}"))
        group, _, number = version.partition("/")
        if group not in self._groups:
            if near := self._near(group):
                raise Wrong(Complaint(("apiVersion",), f"unknown group, did you mean '{near}/{VERSION}'?"))
            raise Foreign(f"its apiVersion is {shown(version)}")
        if number != VERSION:
            raise Wrong(Complaint(("apiVersion",), f"unknown version, expected '{group}/{VERSION}'"))
        return group

    def _without_version(self, data: Mapping[str, JsonValue]) -> Invalid:
        """A slip in the key itself, one of our kinds, or somebody else's."""
        for key, value in data.items():
            if isinstance(value, str) and value.partition("/")[0] in self._groups:
                return Wrong(Complaint((key,), "unknown field, did you mean 'apiVersion'?"))
        if data.get("kind") in self._names:
            return Wrong(Complaint((), f"expected apiVersion: {API_GROUP}/{VERSION}"))
        return Foreign("it has no apiVersion")

    def torn(self, data: Mapping[str, JsonValue]) -> bool:
        """Whether a document that names no group of ours may be the beginning of one that does."""
        version = data.get("apiVersion")
        if isinstance(version, str):
            return any(group.startswith(version) for group in self._groups)
        return any(name in data for name in FIELDS)

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(name for known in self._groups.values() for name in known)

    def _near(self, group: str) -> str | None:
        return nearest(group, self._groups, _A_SLIP)


def _unknown_kind(name: str, known: Mapping[str, str]) -> Complaint:
    reason = f"unknown kind '{shown(name)}'"
    if near := nearest(name, known):
        return Complaint(("kind",), f"{reason}, did you mean '{near}'?")
    return Complaint(("kind",), reason, f"known: {', '.join(sorted(known))}")
