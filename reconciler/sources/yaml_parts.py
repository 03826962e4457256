"""YAML text -> the texts of its documents.

Rules: `---` at the start of a line ends a document wherever it stands (inside a block scalar it would be
indented), so that each can be read without the others. Size and number are bounded; what goes beyond is
handed out as `Misplaced` in the rest's stead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from reconciler.errors import Misplaced, Place

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_DOCUMENTS: Final = 100_000

_BOUNDARY: Final = re.compile(
    r"^(?:\ufeff?---(?=[ \t\n]|\Z)|\.\.\.(?:[ \t]+(?:#[^\n]*)?)?(?:\n|\Z))", re.MULTILINE
)
_PREAMBLE: Final = re.compile(r"(?>(?:[ \t]*(?:#[^\n]*)?|%[^\n]*)\n)*+")


class Part(NamedTuple):
    """The text of one document, which may be empty."""

    above: int  # lines of the file above it
    text: str


def parts(text: str | bytes, file: str) -> Iterator[Part | Misplaced]:
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
    for number, part in enumerate(_split(text), 1):
        if number > MAX_DOCUMENTS:
            reason = f"more than {MAX_DOCUMENTS} documents; the rest is not read"
            yield Misplaced(Place(file, part.above + 1), "", reason, remedy="split the file")
            return
        yield part


def _split(text: str) -> Iterator[Part]:
    begin = above = 0
    for boundary in _BOUNDARY.finditer(text):
        starts = boundary[0].endswith("-")
        if starts and _PREAMBLE.fullmatch(text, begin, boundary.start()):
            continue  # comments and directives belong to the document that they stand before
        if begin < boundary.start():
            yield Part(above, text[begin : boundary.start()])
        end = boundary.start() if starts else boundary.end()
        above += text.count("\n", begin, end)
        begin = end
    yield Part(above, text[begin:])
