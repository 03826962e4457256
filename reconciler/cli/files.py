"""`-f`: files, folders and standard input become one bundle, with the files that the manifests refer to.

Rules: a folder is read whole, hidden files and folders aside; paths in a bundle are relative to what was
named, so that it means the same on the other side; what a manifest refers to goes along.
"""

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import Invalid, NotFound, TooLarge

if TYPE_CHECKING:
    from reconciler.ports import Kinds
    from reconciler.runtime.bundle import Bundle
    from reconciler.sources.manifest import Reading

SUFFIXES = (".yaml", ".yml")
LARGEST = 48 * 1024 * 1024  # of all files together; as base64 it stays below what the API takes


def bundle(named: Sequence[str], *, set: str, prune: bool, allow_prune: bool) -> Bundle:
    """All that the names stand for."""
    from reconciler.runtime.bundle import Bundle, read_for_inbox
    from reconciler.runtime.plugins import find_kinds

    kinds = find_kinds().kinds
    manifests = dict(_manifests(named))
    texts = {shown: text for shown, (text, _) in manifests.items()}
    readings = {shown: read_for_inbox(text, shown, kinds) for shown, text in texts.items()}
    folders = {shown: base or Path() for shown, (_, base) in manifests.items()}
    files = _referred(readings, folders, kinds)
    return Bundle(texts, files, set, prune, allow_prune, readings=readings)


def manifests(named: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The manifests alone: where each stands as a person has named it, and its text."""
    for shown, (text, base) in _manifests(named):
        inside = base is not None and shown != "-" and base != Path.cwd()
        yield str(base / shown) if inside and base is not None else shown, text


def _manifests(named: Sequence[str]) -> Iterator[tuple[str, tuple[str, Path | None]]]:
    """Path in the bundle -> text, and the folder it is relative to on this machine."""
    for name in named:
        if name == "-":
            yield "-", (sys.stdin.read(), Path.cwd())
            continue
        path = Path(name)
        if path.is_dir():
            for file in _below(path):
                yield str(file.relative_to(path)), (_text(file), path)
        elif path.exists():
            yield path.name if path.is_absolute() else str(path), (_text(path), _base(path))
        else:
            raise NotFound(f"{name} does not exist", remedy="`-f` takes files, folders, and `-`")


def _base(path: Path) -> Path:
    return path.parent if path.is_absolute() else Path()


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for file in sorted(files):
            if file.endswith(SUFFIXES) and not file.startswith("."):
                yield Path(root, file)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is no UTF-8 (byte {error.start})", remedy="manifests are UTF-8") from error
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from error


def _referred(readings: Mapping[str, Reading], folders: Mapping[str, Path], kinds: Kinds) -> dict[str, bytes]:
    """The files beside the manifests that they refer to, at the same relative places."""
    found: dict[str, bytes] = {}
    for shown, reading in readings.items():
        for resource in reading.resources:
            for path in kinds[resource.ref.kind].files(resource.wish):
                here = posixpath.normpath(posixpath.join(posixpath.dirname(shown), path))
                if here.startswith(".."):
                    raise Invalid(f"{shown}: '{path}' leads out of what was named", remedy="name its folder")
                _collect(found, folders[shown] / here, here)
    return found


def _collect(found: dict[str, bytes], real: Path, shown: str) -> None:
    files = [real] if real.is_file() else [Path(root, f) for root, _, fs in os.walk(real) for f in fs]
    for file in files:
        inside = posixpath.normpath(posixpath.join(shown, file.relative_to(real)))
        found[inside] = file.read_bytes()
    if sum(map(len, found.values())) > LARGEST:
        raise TooLarge(
            f"the files beside the manifests come to more than {LARGEST >> 20} MiB",
            remedy="let a git or directory source bring them",
        )
