"""`-f`: files, folders and standard input become one bundle, with the files that the manifests refer to.

Rules: a folder is read whole, hidden files and folders aside; paths in a bundle are relative to what was
named, so that it means the same on the other side; what a manifest refers to goes along. What cannot be
read whole is an error, never less: with `--prune` a file that is passed over would be a wish taken back.
"""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from reconciler.errors import Invalid, Missing, Rejected, TooLarge
from reconciler.sources.reading_beside import reading_beside
from reconciler.sources.substitute import filler

if TYPE_CHECKING:
    from reconciler.model import Ref, Resource
    from reconciler.ports.kinds import Kinds
    from reconciler.runtime.bundle import Bundle
    from reconciler.sources.manifest import Reading

SUFFIXES = (".yaml", ".yml")
NO_VARIABLES: Final[Mapping[str, str]] = {}
NO_TEXT = re.compile("[\udc80-\udcff]")  # what `surrogateescape` makes of bytes that are no UTF-8
LARGEST = 48 * 1024 * 1024  # of one file, and of all that go along; as base64 it is below the API's limit


def bundle(named: Sequence[str], *, set: str, prune: bool, allow_prune: bool) -> Bundle:
    """All that the names stand for."""
    manifests = dict(_manifests(named))
    texts = {shown: text for shown, (text, _) in manifests.items()}
    readings, kinds = _readings(texts)
    unsendable = [shown for shown, text in texts.items() if NO_TEXT.search(text)]
    if unsendable:
        raise Rejected([problem for shown in unsendable for problem in readings[shown].problems])
    folders = {shown: base or Path() for shown, (_, base) in manifests.items()}
    files = _referred(readings, folders, kinds)
    from reconciler.runtime.bundle import Bundle

    return Bundle(texts, files, set, prune, allow_prune, readings=readings)


def resources(named: Sequence[str]) -> Mapping[Ref, Resource[Any]]:
    """What the manifests alone declare, or all that is wrong with them."""
    texts = dict(_as_named(named))
    readings, kinds = _readings(texts)
    from reconciler.runtime.bundle import Bundle, checked

    return checked(Bundle(texts, readings=readings), kinds)


def _readings(texts: Mapping[str, str]) -> tuple[Mapping[str, Reading], Kinds]:
    """What each text holds, and the kinds that it was understood by."""
    with reading_beside(texts, filler(NO_VARIABLES)) as found:
        from reconciler.runtime.bundle import understood_for_inbox
        from reconciler.runtime.plugins import find_kinds

        kinds = find_kinds()
        return {shown: understood_for_inbox(documents, shown, kinds) for shown, documents in found}, kinds


def _as_named(named: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Where each manifest stands as a person has named it, and its text."""
    for shown, (text, base) in _manifests(named):
        inside = base is not None and shown != "-" and base != Path.cwd()
        yield str(base / shown) if inside and base is not None else shown, text


def _manifests(named: Sequence[str]) -> Iterator[tuple[str, tuple[str, Path | None]]]:
    """Path in the bundle -> text, and the folder it is relative to on this machine."""
    for name in named:
        if name == "-":
            yield "-", (_decoded(_whole(sys.stdin.buffer, name)), Path.cwd())
            continue
        path = Path(name)
        if path.is_dir():
            found = list(_below(path))
            if not found:
                raise Invalid(f"{name} holds no manifest", remedy="they end with .yaml or .yml")
            for file in found:
                yield str(file.relative_to(path)), (_text(file), path)
        elif path.exists():
            yield path.name if path.is_absolute() else str(path), (_text(path), _base(path))
        else:
            leads = f" is a link to {path.readlink()}, which" if path.is_symlink() else ""
            raise Missing(f"{name}{leads} does not exist", remedy="`-f` takes files, folders, and `-`")


def _base(path: Path) -> Path:
    return path.parent if path.is_absolute() else Path()


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, onerror=_unreadable):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for file in sorted(files):
            if file.endswith(SUFFIXES) and not file.startswith("."):
                yield Path(root, file)


def _text(path: Path) -> str:
    return _decoded(_content(path))


def _content(path: Path) -> bytes:
    try:
        if not (path.is_file() or path.is_fifo()):  # a FIFO is what a shell's `<(…)` names
            raise Invalid(f"{path} is no file", remedy="`-f` takes files, folders, and `-`")
        with path.open("rb") as file:
            return _whole(file, str(path))
    except OSError as error:
        _unreadable(error)
        raise


def _whole(file: BinaryIO, name: str) -> bytes:
    content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise _too_large(name)
    return content


def _decoded(content: bytes) -> str:
    """What is no UTF-8 is kept as such: who reads the manifest says where, beside all else that is wrong."""
    return content.decode("utf-8", "surrogateescape")


def _unreadable(error: OSError) -> None:
    remedy = "let your user read it" if isinstance(error, PermissionError) else ""
    raise Invalid(f"{error.filename} cannot be read: {error.strerror}", remedy=remedy) from error


def _too_large(what: str) -> TooLarge:
    return TooLarge(
        f"{what}: more than {LARGEST >> 20} MiB", remedy="let a git or directory source bring them"
    )


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
    walked = os.walk(real, onerror=_unreadable) if real.is_dir() else ()
    files = [Path(root, name) for root, _, names in walked for name in names] or [real]
    left = LARGEST - sum(map(len, found.values()))
    for file in files:
        if file.is_file():  # what is not there is missed by who reads the manifest, with its place
            content = _content(file)
            left -= len(content)
            if left < 0:
                raise _too_large("the files beside the manifests")
            found[posixpath.normpath(posixpath.join(shown, file.relative_to(real)))] = content
