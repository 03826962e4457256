"""The docs are whole: links lead somewhere, decisions have their four parts, names and fields say something.

Prints each gap as `file: what is missing` and exits 1 if there is one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SCHEMAS = Path("schemas")
DECISIONS = Path("docs/adr")
DECISION_NAME = re.compile(r"(\d{4})-[a-z0-9-]+\.md")
PARTS = ("Status", "Context", "Decision", "Consequences")
NAMES_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "manager", "handler", "misc"}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def main() -> int:
    tracked = _tracked()
    pages = [path for path in tracked if path.suffix == ".md"]
    problems = [*broken_links(pages), *unfit_decisions(), *empty_names(tracked), *wordless_fields()]
    print(*problems, f"docs: {len(pages)} pages, {len(problems)} problems", sep="\n")
    return 1 if problems else 0


def broken_links(pages: list[Path]) -> Iterator[str]:
    for page in pages:
        for link in LINK.findall(FENCE.sub("", page.read_text())):
            if "://" in link or link.startswith("mailto:"):
                continue
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            if not target.exists():
                yield f"{page}: the link '{link}' leads nowhere"
            elif anchor and target.suffix == ".md" and anchor not in _anchors(target):
                yield f"{page}: the link '{link}' names no heading of {target}"


def unfit_decisions() -> Iterator[str]:
    numbers: dict[str, Path] = {}
    index = (DECISIONS / "README.md").read_text()
    for page in sorted(DECISIONS.glob("*.md")):
        if page.name == "README.md":
            continue
        named = DECISION_NAME.fullmatch(page.name)
        if not named:
            yield f"{page}: a decision's file is called NNNN-what-was-decided.md"
        elif (first := numbers.setdefault(named[1], page)) != page:
            yield f"{page}: the number is taken by {first.name}"
        headings = HEADING.findall(page.read_text())
        yield from (f"{page}: has no part '{part}'" for part in PARTS if part not in headings)
        if f"({page.name})" not in index:
            yield f"{page}: is not listed in {DECISIONS}/README.md"


def empty_names(tracked: list[Path]) -> Iterator[str]:
    for path in tracked:
        for part in (*path.parent.parts, path.stem):
            if part in NAMES_NOTHING:
                yield f"{path}: '{part}' says nothing about what is in it"


def wordless_fields() -> Iterator[str]:
    """Fields that no kind's model explains: `holdfast explain` would have nothing to say."""
    for schema in sorted(SCHEMAS.glob("*.json")):
        for path, field in _fields(json.loads(schema.read_text()), ""):
            if not field.get("description") and "const" not in field and "$ref" not in field:
                yield f"{schema}: '{path}' has no description; give the model's field a docstring"


def _fields(node: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:  # noqa: ANN401 - any JSON
    """Every property in a schema, however deep."""
    if isinstance(node, Mapping):
        for name, field in node.get("properties", {}).items():
            yield f"{path}{name}", field
        for key, value in node.items():
            yield from _fields(value, path if key in {"properties", "items", "$defs"} else f"{path}{key}.")
    elif isinstance(node, list):
        for value in node:
            yield from _fields(value, path)


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    texts = HEADING.findall(FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def _tracked() -> list[Path]:
    """What git knows, and what it would take: files that are new here count as well."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := Path(name)).exists()]


if __name__ == "__main__":
    sys.exit(main())
