"""A folder of folders whose files change all at once, for whoever reads them and whenever power fails.

    current -> .generations/7          turned by one rename
    .generations/7/shop -> ../../.parts/shop.5
    .parts/shop.5/…                    real files; unchanged ones are links to those of the part before

Rules: a single file is replaced in place by a rename, more of them make a new generation; everything is
on disk before it is pointed to; a part that a change does not touch stays the very folder that it was.
What a killed writer left half done is swept away by the next one, and a part that is past when no process
is in it any more. A folder that is lost, or has lost its pointer, is never taken for an empty one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final

from reconciler.errors import Corrupt
from reconciler.sources.occupied import vacant
from reconciler.sources.programs import mode
from reconciler.writing import writing

CURRENT: Final = "current"

AT_ONCE: Final = 16

_GENERATIONS: Final = ".generations"
_PARTS: Final = ".parts"
_LOCK: Final = ".lock"


class Generations:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.current = root / CURRENT

    def files(self) -> list[str]:
        """Every file of the present generation, as `part/…`; there are none elsewhere."""
        while True:
            generation = self.current.resolve()
            found = sorted(_below(generation)) if generation.is_dir() else []
            if self.current.resolve() == generation:  # else it was swept away under our feet
                return found

    def read(self, path: str) -> bytes | None:
        missing = suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError)
        with missing, FileIO(f"{self.current}/{path}") as file:  # to make a `Path` takes longer than this
            return file.readall()
        return None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One writer at a time, in this process or another; what it finds is in order."""
        for folder in (_GENERATIONS, _PARTS):
            make_folder(self.root / folder)
        with os.fdopen(os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.current.is_dir():
                self._expect_nothing()
                (self.root / _GENERATIONS / "0").mkdir(mode=0o700, exist_ok=True)
                self._point_to("0")
            self._sweep()
            yield

    def change(self, written: Mapping[str, bytes], gone: Collection[str]) -> None:
        """Write and remove, as one; the caller holds the lock."""
        written = {path: content for path, content in written.items() if self.read(path) != content}
        if not written and not gone:
            return
        path = next(iter((*written, *gone)))
        if len(written) + len(gone) > 1 or not (self.current / path).parent.is_dir():
            self._turn(written, gone)
        elif written:
            put_file(self.current / path, written[path])
        else:
            (self.current / path).unlink()
            sync((self.current / path).parent)

    def _turn(self, written: Mapping[str, bytes], gone: Collection[str]) -> None:
        if not self._mark.exists():
            self._mark.touch(mode=0o600)
            sync(self.root.parent)
        number = str(int(self.current.resolve().name) + 1)
        fresh = self.root / _GENERATIONS / number
        fresh.mkdir(mode=0o700)
        touched = {_part(path) for path in (*written, *gone)}
        for kept in self.current.iterdir():
            if kept.name not in touched:
                (fresh / kept.name).symlink_to(kept.readlink())
        for part in sorted(touched):
            name = f"{part}.{number}"
            if self._build(self.root / _PARTS / name, part, written, gone):
                (fresh / part).symlink_to(Path("..", "..", _PARTS, name))
        for folder in (fresh, fresh.parent, self.root / _PARTS):
            sync(folder)
        self._point_to(number)
        self._sweep()

    def _build(self, folder: Path, part: str, written: Mapping[str, bytes], gone: Collection[str]) -> bool:
        """Make the next version of one part; false: nothing is left of it."""
        files = {path for path in self.files() if _part(path) == part} - set(gone) | {
            path for path in written if _part(path) == part
        }
        fresh: dict[Path, bytes] = {}
        for path in files:
            target = folder / path.partition("/")[2]
            make_folder(target.parent)
            if path in written:
                fresh[target] = written[path]
            else:
                _link((self.current / path).resolve(), target)
        _write_all(fresh)
        for below, _, _ in os.walk(folder, topdown=False):
            sync(Path(below))
        return bool(files)

    def _expect_nothing(self) -> None:
        """Without its pointer a folder that held something is damaged or lost, and by no means empty."""
        past = {each.name for each in (self.root / _GENERATIONS).iterdir()}
        if self.current.is_symlink():
            past.add(self.current.readlink().name)
        if past - {"0"} or any((self.root / _PARTS).iterdir()) or self._mark.exists():
            raise Corrupt(
                f"{self.root} has lost what '{CURRENT}' in it pointed to",
                remedy="restore the folder from a backup, links too; to begin with nothing, remove it "
                f"and {self._mark}",
            )

    @property
    def _mark(self) -> Path:
        """By another name, which whoever removes the folder does not remove too."""
        return self.root.with_name(f".{self.root.name}-was-here")

    def _point_to(self, generation: str) -> None:
        pointer = self.root / f"{CURRENT}~"
        pointer.unlink(missing_ok=True)
        pointer.symlink_to(Path(_GENERATIONS, generation))
        pointer.rename(self.current)
        sync(self.root)

    def _sweep(self) -> None:
        """Remove what is past, and what no writer lived to finish."""
        generation = self.current.resolve()
        parts = {part.resolve().name for part in generation.iterdir()}
        for old in (self.root / _GENERATIONS).iterdir():
            if old.name != generation.name:
                shutil.rmtree(old, ignore_errors=True)
        for old in vacant(part for part in (self.root / _PARTS).iterdir() if part.name not in parts):
            shutil.rmtree(old, ignore_errors=True)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, that nobody else may enter."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def put_file(path: Path, content: bytes) -> None:
    """Replace a file: old or new, and nothing between, whatever happens."""
    fresh = path.with_name(f".{path.name}~")
    fresh.unlink(missing_ok=True)
    write(fresh, content)
    fresh.rename(path)
    sync(path.parent)


def _write_all(files: Mapping[Path, bytes]) -> None:
    """Side by side: a file system takes what many wait for to its disk in one go."""
    if len(files) < AT_ONCE:
        for path, content in files.items():
            write(path, content)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(write, files.keys(), files.values()))


def write(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with writing(path), os.fdopen(os.open(path, flags, mode(content)), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Let a folder's entries outlive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(old: Path, new: Path) -> None:
    try:
        new.hardlink_to(old)
    except OSError:  # a file system without links
        write(new, old.read_bytes())


def _below(generation: Path) -> Iterator[str]:
    for folder, _, names in os.walk(generation, followlinks=True):
        within = f"{Path(folder).relative_to(generation).as_posix()}/".removeprefix("./")
        for name in names:
            if not (name.startswith(".") and name.endswith("~")):  # a writer died here
                yield within + name


def _part(path: str) -> str:
    return path.partition("/")[0]
