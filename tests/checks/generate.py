"""Writes the generated files: schemas, manifests for a cluster, reference pages; `--check` only compares.

Rules: what is generated is a pure function of the code, the same on each machine. A generated folder
holds nothing else: a file in it that nobody generates any more is stale, and `make gen` removes it.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from pathlib import Path

from api import asyncapi
from api.openapi import as_yaml, document
from reconciler.runtime.plugins import NAMES, find_kinds, own_names
from reconciler.store.migrating import schema
from tests.checks import api_page, cli_page, cluster_manifests, kind_page, pages, schemas

OWN = "reconciler.kinds."  # a plug-in's kinds are its own to document
FOLDERS = (Path("schemas"), Path("docs/reference/kinds"), cluster_manifests.FOLDER)
BY_HAND = (Path("manifests/prometheus"), Path("manifests/grafana"))  # within them


def generated() -> dict[Path, str]:
    """Every generated file with its contents."""
    found = sorted(find_kinds().items())
    kinds = {name: kind for name, kind in found if type(kind).__module__.startswith(OWN)}
    openapi = document()
    of_folders = own_names({})
    of_kinds = {name: schemas.manifest(name, kind) for name, kind in kinds.items()}
    return {
        **{Path(f"schemas/{name.lower()}.json"): schemas.text(of_kind) for name, of_kind in of_kinds.items()},
        Path("schemas/openapi.json"): schemas.text(openapi),
        Path("schemas/openapi.yaml"): as_yaml().decode(),
        Path("schemas/asyncapi.json"): schemas.text(asyncapi.document()),
        Path("docs/reference/api.md"): api_page.page(openapi),
        Path("schemas/manifest.json"): schemas.text(schemas.any_manifest(of_kinds)),
        **{
            Path(f"docs/reference/kinds/{name.lower()}.md"): kind_page.page(name, kind, of_kinds[name])
            for name, kind in kinds.items()
        },
        **cluster_manifests.manifests(kinds),
        Path(f"reconciler/kinds/{NAMES}"): schemas.text(of_folders),
        Path("docs/reference/settings.md"): pages.settings(),
        Path("docs/reference/errors.md"): pages.errors(),
        Path("docs/reference/cli.md"): cli_page.page(),
        Path("reconciler/store/schema.sql"): schema(),
    }


def stale(files: Mapping[Path, str]) -> list[Path]:
    """Files in generated folders that nothing generates."""
    return sorted(
        path
        for folder in FOLDERS
        for path in folder.rglob("*")
        if path.is_file() and path not in files and path.parent not in BY_HAND
    )


def write(files: Mapping[Path, str]) -> int:
    for path in stale(files):
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    print(f"generated {len(files)} files")
    return 0


def check(files: Mapping[Path, str]) -> int:
    problems = [f"{path}: nothing generates it any more" for path in stale(files)]
    for path, text in files.items():
        there = path.read_text() if path.exists() else ""
        if there != text:
            changed = difflib.unified_diff(there.splitlines(), text.splitlines(), "there", "generated", n=0)
            problems += [f"{path}: not as generated", *list(changed)[2:8]]
    print(*problems, f"generated: {len(files)} files", sep="\n")
    if problems:
        print("run `make gen` and commit what it writes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit((check if "--check" in sys.argv[1:] else write)(generated()))
