"""Markdown tables, as the generated pages have them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

NOTE = "<!-- written by `make gen`; change the code instead -->\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [_line(heads), "|" + "---|" * len(heads), *map(_line, rows)]


def value(default: object) -> str:
    """A default as YAML takes it; nothing for none."""
    if default is None or default == "":
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)}`"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
