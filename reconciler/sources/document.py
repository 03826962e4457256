"""One YAML document that could be read.

Rules: it keeps its own text and no positions, since next to nothing ever needs one: they are found when
somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reconciler.errors import Misplaced, Place
from reconciler.records import dataclass
from reconciler.sources.wording import Path

if TYPE_CHECKING:
    from reconciler.model import JsonValue


@dataclass(frozen=True, slots=True)
class Document:
    data: JsonValue
    line: int  # where its first value stands
    flaws: tuple[Misplaced, ...]  # what is wrong in single values of it
    file: str
    text: str  # its own
    above: int  # lines of the file above its text

    def places(self, paths: Iterable[Path]) -> list[Place]:
        """Where the fields stand; for one that is not written, the nearest around it."""
        from reconciler.sources.positions import find

        return [Place(self.file, self.above + line, column) for line, column in find(self.text, paths)]
