"""Where the fields of a document stand, found when somebody asks.

Rules: reading keeps no positions, since next to nothing ever needs one; an error composes its own
document once more and walks down its path. A field that is not written has the place of the nearest
one around it; one that came through an alias or a merge key has the place where it is written.
"""

from __future__ import annotations

from collections.abc import Iterable

import yaml
from yaml._yaml import CParser

from reconciler.sources.wording import Path

Mark = tuple[int, int]
"""Line and column, counted from one."""


def find(text: str, paths: Iterable[Path]) -> list[Mark]:
    """The marks of the fields in a text that holds one readable document."""
    root = _Nodes(text).get_single_node()
    return [_walk(root, path) for path in paths]


class _Nodes(CParser):
    """The nodes of a document, without their meaning."""

    def resolve(self, *_: object) -> str:
        return ""

    def descend_resolver(self, *_: object) -> None: ...

    def ascend_resolver(self) -> None: ...


def _walk(node: yaml.Node | None, path: Path) -> Mark:
    mark = _mark(node)
    for step in path:
        found = _step(node, step)
        if found is None:
            break
        mark, node = found
    return mark


def _step(node: yaml.Node | None, step: str | int) -> tuple[Mark, yaml.Node] | None:
    """One step down: the mark of a key or an item, and its value."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return _mark(node.value[step]), node.value[step]
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.value == step:
            return _mark(key), value
    merged = next((value for key, value in node.value if key.value == "<<"), None)
    for each in merged.value if isinstance(merged, yaml.SequenceNode) else [merged]:
        if (found := _step(each, step)) is not None:
            return found
    return None


def _mark(node: yaml.Node | None) -> Mark:
    if node is None or node.start_mark is None:
        return 1, 1
    return node.start_mark.line + 1, node.start_mark.column + 1
