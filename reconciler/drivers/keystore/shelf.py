"""Records of one shape, one file for each ref, mirrored in memory.

Rules: a look-up reads the file only when it has changed, which costs one `stat`; a file that cannot
be read is `Corrupt` and never taken for an absent one, since something new would be put in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Generic, TypeVar
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, ValidationError

from reconciler.drivers.keystore.folder import Folder, Stamp
from reconciler.errors import Corrupt, Invalid
from reconciler.model import Ref

LONGEST_NAME = 255


class Record(BaseModel):
    """What stands in a file. Private parts and values only ever encrypted."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


R = TypeVar("R", bound=Record)


class Shelf(Generic[R]):
    def __init__(self, folder: Folder, name: str, kind: str, record: type[R]) -> None:
        self._folder = folder
        self._name = name
        self._kind = kind
        self._record = record
        self._mirror: dict[Ref, tuple[Stamp, R]] = {}

    def get(self, ref: Ref, *, fresh: bool = False) -> R | None:
        file = self._file(ref)
        stamp = self._folder.stamp(file)
        if stamp is None:
            self._mirror.pop(ref, None)
            return None
        known = self._mirror.get(ref)
        if known is not None and known[0] == stamp and not fresh:
            return known[1]
        content = self._folder.read(file)
        if content is None:  # removed this very moment
            return None
        record = self._parsed(content, file)
        self._mirror[ref] = (stamp, record)
        return record

    def put(self, ref: Ref, record: R) -> None:
        """The lock must be held."""
        self._folder.write(self._file(ref), record.model_dump_json(indent=1).encode())

    def remove(self, ref: Ref) -> None:
        """The lock must be held."""
        self._folder.remove(self._file(ref))

    def all(self) -> Iterator[tuple[Ref, R]]:
        for name in self._folder.names(self._name):
            namespace, own = name.split("/")
            ref = Ref(self._kind, unquote(namespace), unquote(own))
            record = self.get(ref)
            if record is not None:
                yield ref, record

    def empty(self) -> bool:
        return not self._folder.names(self._name)

    def _parsed(self, content: bytes, file: str) -> R:
        try:
            return self._record.model_validate_json(content)
        except ValidationError as why:
            fields = ", ".join(".".join(map(str, e["loc"])) or "the whole" for e in why.errors()[:3])
            raise Corrupt(
                f"{self._folder.path / file} cannot be read: {fields} is damaged",
                remedy="restore the file from the backup, or move it away to start anew",
            ) from None

    def _file(self, ref: Ref) -> str:
        if ref.kind != self._kind:
            raise Invalid(f"{ref} is no {self._kind}")
        return f"{self._name}/{_part(ref.namespace)}/{_part(ref.name)}"


@lru_cache(maxsize=4096)
def _part(name: str) -> str:
    """A name as one component of a path; a leading dot would hide it, or climb."""
    part = quote(name, safe="")
    part = "%2E" + part[1:] if part.startswith(".") else part
    if not 0 < len(part) <= LONGEST_NAME:
        raise Invalid(f"a name of {len(part)} characters cannot be kept", remedy="use 1 to 253 characters")
    return part
