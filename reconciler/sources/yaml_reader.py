"""YAML text -> documents, fast, with the place of everything that is wrong.

Rules: YAML 1.2, and nothing that JSON cannot hold. Each document is read by itself, so that a broken one
never hides the next. No input raises: what cannot be read is handed out as `Misplaced` in its document's
stead. Size and number are bounded.

PyYAML's own loaders would take three times as long, speak YAML 1.1, and know neither bounds nor
duplicate keys; so libyaml scans and `yaml_composer` composes its events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import yaml

from reconciler.errors import Misplaced, Place
from reconciler.sources.document import Document
from reconciler.sources.wording import Path, dotted
from reconciler.sources.yaml_composer import Composer, Fill, Flaw
from reconciler.sources.yaml_errors import in_words
from reconciler.sources.yaml_parts import Part, parts

# Not printable in YAML, and the three that libyaml takes for the end of a line and YAML 1.2 does not.
_UNREADABLE: Final = "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_UNDECODED: Final = range(0xDC80, 0xDD00)  # what `surrogateescape` makes of a byte that is no UTF-8
_WIDE: Final = 0x100


def documents(text: str | bytes, file: str, fill: Fill = str) -> Iterator[Document | Misplaced]:
    """Each document in its order, or what keeps it from being read; empty ones are left out."""
    for part in parts(text, file):
        found = document(part, file, fill) if isinstance(part, Part) else part
        if found is not None:
            yield found


def document(part: Part, file: str, fill: Fill) -> Document | Misplaced | None:
    """The one document in the text, or what is wrong with it; None when it is empty."""
    above, text = part

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
