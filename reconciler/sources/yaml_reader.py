"""YAML text -> documents, fast, with the place of everything that is wrong.

Rules: YAML 1.2, and nothing that JSON cannot hold. Each document is read by itself, so that a broken
one never hides the next: `---` at the start of a line ends a document wherever it stands (inside a
block scalar it would be indented). No input raises: what cannot be read is handed out as `Misplaced`
in its document's stead. Size and number are bounded; a document's positions are found when asked for.

PyYAML's own loaders would take three times as long, speak YAML 1.1, and know neither bounds nor
duplicate keys; so libyaml scans and `yaml_composer` composes its events.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import yaml

from reconciler.errors import Misplaced, Place
from reconciler.model import JsonValue
from reconciler.records import dataclass
from reconciler.sources import positions
from reconciler.sources.wording import Path, dotted
from reconciler.sources.yaml_composer import Composer, Fill, Flaw
from reconciler.sources.yaml_errors import in_words

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_DOCUMENTS: Final = 100_000

_BOUNDARY: Final = re.compile(
    r"^(?:\ufeff?---(?=[ \t\n]|\Z)|\.\.\.(?:[ \t]+(?:#[^\n]*)?)?(?:\n|\Z))", re.MULTILINE
)
_PREAMBLE: Final = re.compile(r"(?>(?:[ \t]*(?:#[^\n]*)?|%[^\n]*)\n)*+")
# Not printable in YAML, and the three that libyaml takes for the end of a line and YAML 1.2 does not.
_UNREADABLE: Final = "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_UNDECODED: Final = range(0xDC80, 0xDD00)  # what `surrogateescape` makes of a byte that is no UTF-8
_WIDE: Final = 0x100


@dataclass(frozen=True, slots=True)
class Document:
    """One document that could be read."""

    data: JsonValue
    line: int  # where its first value stands
    flaws: tuple[Misplaced, ...]  # what is wrong in single values of it
    file: str
    text: str  # its own
    above: int  # lines of the file above its text

    def places(self, paths: Iterable[Path]) -> list[Place]:
        """Where the fields stand; for one that is not written, the nearest around it."""
        marks = positions.find(self.text, paths)
        return [Place(self.file, self.above + line, column) for line, column in marks]


def documents(text: str | bytes, file: str, fill: Fill = str) -> Iterator[Document | Misplaced]:
    """Each document in its order, or what keeps it from being read; empty ones are left out."""
    if len(text) > MAX_BYTES:
        reason = f"{len(text)} bytes; at most {MAX_BYTES} are read"
        yield Misplaced(Place(file), "", reason, remedy="split the file")
        return
    if isinstance(text, bytes):
        if text.startswith((b"\xff\xfe", b"\xfe\xff")):
            yield Misplaced(Place(file), "", "the text is UTF-16", remedy="save the file as UTF-8")
            return
        text = text.decode("utf-8", "surrogateescape")
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    for number, (above, part) in enumerate(_split(text), 1):
        if number > MAX_DOCUMENTS:
            reason = f"more than {MAX_DOCUMENTS} documents; the rest is not read"
            yield Misplaced(Place(file, above + 1), "", reason, remedy="split the file")
            return
        found = _read(part, file, above, fill)
        if found is not None:
            yield found


def _split(text: str) -> Iterator[tuple[int, str]]:
    """Each document's own text, and the number of lines above it."""
    begin = above = 0
    for boundary in _BOUNDARY.finditer(text):
        starts = boundary[0].endswith("-")
        if starts and _PREAMBLE.fullmatch(text, begin, boundary.start()):
            continue  # comments and directives belong to the document that they stand before
        if begin < boundary.start():
            yield above, text[begin : boundary.start()]
        end = boundary.start() if starts else boundary.end()
        above += text.count("\n", begin, end)
        begin = end
    yield above, text[begin:]


def _read(text: str, file: str, above: int, fill: Fill) -> Document | Misplaced | None:
    def misplaced(flaw: Flaw) -> Misplaced:
        place = Place(file, above + flaw.line, flaw.column)
        return Misplaced(place, dotted(flaw.path), flaw.message, remedy=flaw.remedy)

    composer = Composer(fill)
    try:
        if not text.isascii() and (flaw := _unreadable(text)):
            return misplaced(flaw)
        data = composer.compose(text)
    except Flaw as flaw:
        return misplaced(flaw)
    except yaml.YAMLError as error:
        return misplaced(_scanning(error, text, above, composer.path))
    if data is None:
        return None
    return Document(data, above + composer.line, tuple(map(misplaced, composer.flaws)), file, text, above)


def _unreadable(text: str) -> Flaw | None:
    bad = re.search(_UNREADABLE, text)  # compiled for the first text that is not ASCII: it takes milliseconds
    if bad is None:
        return None
    mark = text.count("\n", 0, bad.start()) + 1, bad.start() - text.rfind("\n", 0, bad.start())
    code = ord(bad[0])
    if code in _UNDECODED:
        return Flaw(mark, (), f"the byte 0x{code - 0xDC00:02x} is no UTF-8", remedy="save the file as UTF-8")
    escape = f"\\x{code:02x}" if code < _WIDE else f"\\u{code:04x}"
    return Flaw(mark, (), f"the character U+{code:04X} is not allowed", remedy=f"write {escape} in quotes")


def _scanning(error: yaml.YAMLError, text: str, above: int, path: Path) -> Flaw:
    """What libyaml found, in the shape that all errors have."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark.line + 1, error.problem_mark.column + 1
        reason, remedy = in_words(error, text, above)
        return Flaw(mark, path, reason, remedy=remedy)
    return _unreadable(text) or Flaw((1, 1), path, str(error))
