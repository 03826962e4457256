"""`-f`: files, folders and standard input become one bundle, with the files that the manifests refer to.

Rules: a folder is read whole, hidden files and folders aside; paths in a bundle are relative to what was
named, so that it means the same on the other side, and where several were named, each has its own folder
there; what a manifest refers to goes along. What cannot be read whole is an error, never less: with
`--prune` a file that is passed over would be a wish taken back.
"""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from reconciler.cli.as_named import problems_as_named
from reconciler.errors import Invalid, Misplaced, Missing, Place, Rejected, TooLarge
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
BESIDE = "put it there, or write the path of what the node's machine has as an absolute one"
LARGEST = 48 * 1024 * 1024  # of one file, and of all that go along; as base64 it is below the API's limit


class _Manifest(NamedTuple):
    named: str  # where it stands, as a person has named it
    root: Path  # what it may refer to lies below, on this machine
    path: str  # below the root
    text: str


def bundle(named: Sequence[str], *, set: str, prune: bool, allow_prune: bool) -> Bundle:
    """All that the names stand for."""
    manifests = _placed([*_manifests(named)])
    texts = {path: one.text for path, one in manifests.items()}
    names = {path: one.named for path, one in manifests.items()}
    readings, kinds = _readings(texts)
    unsendable = [path for path, text in texts.items() if NO_TEXT.search(text)]
    if unsendable:
        with problems_as_named(names):
            raise Rejected([problem for path in unsendable for problem in readings[path].problems])
    files = _referred(readings, manifests, kinds)
    from reconciler.runtime.bundle import Bundle

    return Bundle(texts, files, set, prune, allow_prune, readings=readings, names=names)


def resources(named: Sequence[str]) -> Mapping[Ref, Resource[Any]]:
    """What the manifests alone declare, or all that is wrong with them."""
    texts = {one.named: one.text for one in _manifests(named)}
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


def _manifests(named: Sequence[str]) -> Iterator[_Manifest]:
    for name in dict.fromkeys(named):
        if name == "-":
            yield _Manifest("-", Path(), "-", _decoded(_whole(sys.stdin.buffer, name)))
            continue
        if not name:
            raise Invalid("an empty name after `-f`", remedy="is a variable unset? `-f .` is this folder")
        path = Path(name)
        if path.is_dir():
            found = list(_below(path))
            if not found:
                raise Invalid(f"{name} holds no manifest", remedy="they end with .yaml or .yml")
            for file in found:
                yield _Manifest(str(file), path, str(file.relative_to(path)), _text(file))
        elif path.exists():
            above = path.is_absolute() or ".." in path.parts
            root = path.parent if above else Path()
            yield _Manifest(name, root, str(path.relative_to(root)), _text(path))
        else:
            leads = f" is a link to {path.readlink()}, which" if path.is_symlink() else ""
            raise Missing(f"{name}{leads} does not exist", remedy="`-f` takes files, folders, and `-`")


def _placed(manifests: Sequence[_Manifest]) -> Mapping[str, _Manifest]:
    """Path in the bundle -> the manifest there."""
    homes = _homes({one.root: one.named for one in manifests})
    return {posixpath.normpath(posixpath.join(homes[one.root], one.path)): one for one in manifests}


def _homes(roots: Mapping[Path, str]) -> Mapping[Path, str]:
    """The folder of each in the bundle: of several, as they lie from here, or elsewhere by their names."""
    if len(roots) == 1:
        return dict.fromkeys(roots, "")
    here, homes, elsewhere = Path.cwd(), dict[Path, str](), dict[str, Path]()
    for given, named in roots.items():
        root = given.resolve()
        if root.is_relative_to(here):
            homes[given] = str(root.relative_to(here))
        elif elsewhere.setdefault(root.name, root) == root and not Path(root.name).exists():
            homes[given] = root.name
        else:
            raise Invalid(
                f"{named}: there is another '{root.name}' in what is applied together",
                remedy="name a folder that holds both, or apply them one after the other, each with a --set",
            )
    return homes


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
        error.filename = str(path)  # a failed read names none
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


def _referred(
    readings: Mapping[str, Reading], manifests: Mapping[str, _Manifest], kinds: Kinds
) -> dict[str, bytes]:
    """The files beside the manifests that they refer to, at the same relative places."""
    found: dict[str, bytes] = {}
    missing: list[Misplaced] = []
    for shown, reading in readings.items():
        one = manifests[shown]
        for resource in reading.resources:
            for path in kinds[resource.ref.kind].files(resource.wish):
                here = posixpath.normpath(posixpath.join(posixpath.dirname(one.path), path))
                if here == ".." or here.startswith("../"):
                    reason = f"{one.named}: '{path}' leads out of what was named"
                    raise Invalid(reason, remedy="name its folder")
                if not (one.root / here).exists():
                    place = Place(one.named, resource.origin.line)
                    missing.append(Misplaced(place, "", f"'{path}' does not exist beside it", remedy=BESIDE))
                there = posixpath.normpath(posixpath.join(posixpath.dirname(shown), path))
                _collect(found, one.root / here, there)
    if missing and not any(reading.problems for reading in readings.values()):  # which are told all together
        raise Rejected(missing)
    return found


def _collect(found: dict[str, bytes], real: Path, shown: str) -> None:
    files = list(_inside(real)) if real.is_dir() else [real]
    left = LARGEST - sum(map(len, found.values()))
    for file in files:
        if file.is_file():
            content = _content(file)
            left -= len(content)
            if left < 0:
                raise _too_large("the files beside the manifests")
            found[posixpath.normpath(posixpath.join(shown, file.relative_to(real)))] = content


def _inside(folder: Path) -> Iterator[Path]:
    """All of it, but what git keeps for itself, as it would come from a repository."""
    for root, folders, files in os.walk(folder, onerror=_unreadable):
        folders[:] = [one for one in folders if one != ".git"]
        yield from (Path(root, file) for file in files if file != ".git")  # of a worktree or a submodule
