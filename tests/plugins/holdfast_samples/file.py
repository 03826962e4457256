"""A kind with a real file behind it: path, content, mode, and nothing else.

Rules: a file is ours when we wrote down its path before we made it; a wish that moves to another path
leaves nothing behind at the old one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from stat import S_IMODE

from pydantic import Field

from reconciler.errors import Failed
from reconciler.model import Case, Change, JsonValue, Owner, Plan, Ref, Resource, Seen, Spec, Step
from reconciler.ports.clock import Clock
from reconciler.ports.kind import Kind


class FileSpec(Spec):
    """A file."""

    path: str = Field(pattern="^/")
    """Where it lies."""
    content: str = ""
    """What is in it."""
    mode: str = Field(default="0644", pattern="^0[0-7]{3}$")
    """Who may do what with it."""


@dataclass(frozen=True, slots=True)
class FileState:
    path: str = field(metadata={"recreates": True})
    sha256: str
    mode: str
    strays: tuple[str, ...] = ()  # what an earlier wish has left elsewhere


@dataclass(frozen=True, slots=True)
class WriteFile(Step):
    path: str
    content: str
    mode: str


@dataclass(frozen=True, slots=True)
class RemoveFile(Step):
    path: str


@dataclass(frozen=True, slots=True)
class Uses:
    clock: Clock


class File(Kind[FileSpec, FileState, WriteFile | RemoveFile, Uses]):
    spec = FileSpec
    uses = Uses

    async def observe(
        self, want: Resource[FileSpec], memory: Mapping[str, JsonValue], uses: Uses, *, fresh: bool
    ) -> Seen[FileState]:
        now = uses.clock.now()
        ours = memory.get("paths", ())
        path = want.wish.path
        strays = tuple(other for other in ours if other != path and os.path.lexists(other))
        found = _read(path)
        if found is None:
            if not strays:
                return Seen(None, Owner.NONE, now)
            return Seen(FileState(path, "", "", strays), Owner.OURS, now)
        digest, mode = found
        owner = Owner.OURS if path in ours else Owner.FOREIGN
        return Seen(FileState(path, digest, mode, strays), owner, now)

    def settle(self, case: Case[FileSpec, FileState]) -> FileState | None:
        spec = case.want.spec
        if spec is None:
            return None
        return FileState(spec.path, sha256(spec.content.encode()).hexdigest(), spec.mode)

    def plan(
        self, case: Case[FileSpec, FileState], changes: Sequence[Change]
    ) -> Plan[WriteFile | RemoveFile]:
        if not changes:
            return Plan()
        spec, actual = case.want.spec, case.seen.actual
        strays = actual.strays if actual is not None else ()
        if spec is None:
            return Plan(tuple(RemoveFile(path) for path in (*strays, case.want.wish.path)))
        remember = {"paths": [*strays, spec.path]}
        removals = tuple(RemoveFile(path) for path in strays)
        return Plan((WriteFile(spec.path, spec.content, spec.mode, remember=remember), *removals))

    async def act(self, ref: Ref, step: WriteFile | RemoveFile, uses: Uses) -> None:
        try:
            match step:
                case WriteFile(path=path, content=content, mode=mode):
                    _write(Path(path), content.encode(), int(mode, 8))
                case RemoveFile(path=path):
                    with suppress(FileNotFoundError):
                        Path(path).unlink()
        except OSError as error:
            raise Failed(f"{step.path}: {error.strerror}") from error


def _read(path: str) -> tuple[str, str] | None:
    """Digest and mode; None where there is nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from error
    try:
        mode = S_IMODE(os.fstat(descriptor).st_mode)
        digest = sha256()
        while block := os.read(descriptor, 1 << 16):
            digest.update(block)
    finally:
        os.close(descriptor)
    return digest.hexdigest(), f"{mode:04o}"


def _write(path: Path, content: bytes, mode: int) -> None:
    """All or nothing: whoever reads meanwhile sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(content)
    draft.chmod(mode)
    draft.replace(path)
