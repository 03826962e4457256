"""Reads the `cases.yaml` of every kind: rows that are its tests, and the examples of the docs.

- name: what happens, as a sentence
kind: Service            # where a folder holds several kinds
source: node             # who declares it
want: {...}              # the spec as it is written; null: wished gone
last: {...}              # what was wanted last of something that is to go
seen:                    # null: absent
actual: {...}          # the fields of what the kind observes
owner: ours            # ours | foreign | none
facts: {...}
inputs: {...}
memory: {...}
changes: ["~ role: maintainer -> creator"]      # + made, - removed, ~ changed, -/+ made anew
steps: [{Claim: {role: creator}}]               # a step without fields: its name alone
verdict: {ready: false, reason: Undecryptable}  # what of it matters
invalid: the text of the error, when the spec is refused
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

import reconciler.kinds
from reconciler.engine.diff import plain
from reconciler.model import EMPTY, Case, Change, Origin, Owner, Ref, Resource, Seen, Step
from reconciler.ports.kind import Kind
from reconciler.runtime.plugins import find_kinds

FOLDERS = sorted(Path(reconciler.kinds.__path__[0]).glob("*/cases.yaml"))
AnyKind = Kind[Any, Any, Any, Any]


class SeenRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    actual: dict[str, Any] | None = None
    owner: Owner | None = None
    facts: dict[str, Any] = {}
    inputs: dict[str, str] = {}


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    kind: str = ""
    source: str = "example"
    want: dict[str, Any] | None
    last: dict[str, Any] | None = None
    seen: SeenRow | None = None
    memory: dict[str, Any] = {}
    changes: list[str] = []
    steps: list[str | dict[str, dict[str, Any]]] = []
    verdict: dict[str, Any] = {}
    invalid: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    kind: AnyKind
    row: Row

    def case(self) -> Case[Any, Any]:
        row, spec = self.row, self.kind.spec
        want: Resource[Any] = Resource(
            Ref(type(self.kind).__name__, "default", "example"),
            None if row.want is None else spec.model_validate(row.want),
            Origin(row.source),
            last=None if row.last is None else spec.model_validate(row.last),
        )
        return Case(want, self._seen(row.seen or SeenRow()), EMPTY, row.memory)

    def _seen(self, row: SeenRow) -> Seen[Any]:
        actual = (
            None if row.actual is None else TypeAdapter(actual_type(self.kind)).validate_python(row.actual)
        )
        owner = row.owner or (Owner.NONE if actual is None else Owner.OURS)
        return Seen(actual, owner, datetime(2026, 1, 1, tzinfo=UTC), row.inputs, row.facts)


def examples() -> Iterator[Example]:
    kinds = find_kinds()
    for file in FOLDERS:
        here = [
            k for k in kinds.values() if type(k).__module__.startswith(f"reconciler.kinds.{file.parent.name}")
        ]
        for content in yaml.safe_load(file.read_text()):
            row = Row.model_validate(content)
            chosen = [kind for kind in here if not row.kind or type(kind).__name__ == row.kind]
            assert len(chosen) == 1, f"{file}: '{row.name}' must name its kind"
            yield Example(chosen[0], row)


def actual_type(kind: AnyKind) -> Any:  # noqa: ANN401 - a type is what it is
    """What the kind observes: the second parameter of `Kind[S, T, A, U]`, wherever that is given."""
    bases = (base for one in type(kind).__mro__ for base in getattr(one, "__orig_bases__", ()))
    observed = next(get_args(base)[1] for base in bases if get_origin(base) is Kind)
    return dict[str, Any] if get_origin(observed) is Mapping else observed


def written(changes: Sequence[Change]) -> list[str]:
    """As `holdfast diff` marks them."""
    return [_written(change) for change in changes]


def _written(change: Change) -> str:
    if not change.path:
        return "+" if change.seen is None else "-"
    mark = "-/+" if change.recreates else "~"
    return f"{mark} {'.'.join(change.path)}: {_value(change.seen)} -> {_value(change.want)}"


def _value(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


def told(steps: Sequence[Step]) -> list[str | Mapping[str, Any]]:
    """Each step by its name, with its fields."""
    return [_told(step) for step in steps]


def _told(step: Step) -> str | Mapping[str, Any]:
    name = type(step).__name__
    content = {field: value for field, value in plain(step).items() if field != "remember"}
    return {name: content} if content else name
