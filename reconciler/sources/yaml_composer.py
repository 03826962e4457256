"""libyaml's events of one document -> plain data, within bounds.

Rules: keys are text and stand once; a tag that would make an object is refused; an alias may not hold
itself, and what all aliases of a document repeat is counted, so that ten lines cannot become a
terabyte for whoever walks the data; merge keys fill in what the mapping does not say itself, the first
of several winning. Positions cost nothing until somebody asks: an error takes its event's mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final

from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.errors import Invalid
from reconciler.sources.core_schema import FIRST, resolve
from reconciler.sources.wording import Path
from reconciler.spelling import shown

if TYPE_CHECKING:
    from reconciler.model import JsonValue

MAX_EVENTS: Final = 1_000_000  # of one document: one a scalar, two a mapping or a list
MAX_DEPTH: Final = 100
MAX_REPEATED: Final = 1_000_000  # characters that aliases and variables may add to a document

Fill = Callable[[str], str]
"""Fills in the variables of a scalar's text; raises `Invalid` for one that it cannot fill in."""

_Event = Any  # what the parser gives out; in its stubs every mark is optional

# What stands for a key: a list has none, a mapping's is still to come, `<<` is no key of its own.
_ITEM: Final = object()
_AWAITED: Final = object()
_MERGE: Final = object()
_OPEN: Final = object()  # the value of an anchor whose mapping or list is not closed yet


class Flaw(Invalid):
    """Something wrong in a document. Line and column count from one, in the document's own text."""

    def __init__(self, mark: tuple[int, int], path: Path, reason: str, *, remedy: str = "") -> None:
        super().__init__(reason, remedy=remedy)
        self.line, self.column = mark
        self.path = path


class _Level:
    """A mapping or a list that is not closed yet."""

    __slots__ = ("anchor", "items", "key", "merges")

    def __init__(self, items: JsonValue, key: object) -> None:
        self.items = items
        self.key = key
        self.merges: list[JsonValue] | None = None
        self.anchor: tuple[str, int, int] | None = None  # its name, where it starts, what was repeated before


class Composer:
    """Composes one document; `flaws` holds what is wrong without keeping the rest from being read."""

    def __init__(self, fill: Fill) -> None:
        self.flaws: list[Flaw] = []
        self.line = 1  # of the first value
        self._fill = fill
        self._level = _Level([], _ITEM)  # the document itself
        self._levels = [self._level]
        self._anchors: dict[str, tuple[JsonValue, int]] = {}
        self._repeated = 0

    def compose(self, text: str) -> JsonValue:
        """The data of the one document in the text; None when there is nothing but comments."""
        parser: Any = CParser(text)
        parser.get_event()  # the stream's start
        if not parser.check_event(DocumentStartEvent):
            return None
        self._check_directives(parser.get_event())
        event = parser.peek_event()
        self.line = event.start_mark.line + 1
        acts = self._ACTS
        for event in islice(iter(parser.get_event, None), MAX_EVENTS):
            kind = event.__class__
            if kind is DocumentEndEvent:
                parser.get_event()  # the stream's end: whatever else stands in the text is an error
                return self._level.items[0]
            acts[kind](self, event)
        raise self._flaw(event, f"a document of more than {MAX_EVENTS} values", "split it")

    @property
    def path(self) -> Path:
        """Where in the document the composer stands."""
        return tuple(self._steps())

    def _steps(self) -> Iterator[str | int]:
        for level in self._levels[1:]:
            if isinstance(level.items, list):
                yield len(level.items)
            elif isinstance(level.key, str):
                yield level.key
            elif level.key is _MERGE:
                yield "<<"

    def _flaw(self, event: _Event, reason: str, remedy: str = "", *deeper: str) -> Flaw:
        mark = event.start_mark
        return Flaw((mark.line + 1, mark.column + 1), (*self.path, *deeper), reason, remedy=remedy)

    def _check_directives(self, event: _Event) -> None:
        if event.version not in (None, (1, 2)) or event.tags:
            raise self._flaw(event, "a directive other than '%YAML 1.2'", "remove it")

    def _scalar(self, event: _Event) -> None:
        value = text = event.value
        level = self._level
        if level.key is _AWAITED:
            self._key(text, event)
            return
        if "${" in text:
            value = text = self._filled(text, event)
        if event.implicit[0]:
            if text[:1] in FIRST:
                value = self._resolved(text, event)
        elif event.tag is not None:
            self._check_tag(event, "str")
        if event.anchor is not None:
            self._anchors[event.anchor] = value, len(text)
        if level.key is _ITEM:
            level.items.append(value)
        elif level.key is _MERGE:
            self._put(value, event)
        else:
            level.items[level.key] = value
            level.key = _AWAITED

    def _resolved(self, text: str, event: _Event) -> JsonValue:
        try:
            return resolve(text)
        except Invalid as error:
            raise self._flaw(event, error.message, error.remedy) from None

    def _filled(self, text: str, event: _Event) -> str:
        try:
            filled = self._fill(text)
        except Invalid as error:
            self.flaws.append(self._flaw(event, error.message, error.remedy))
            return text
        self._repeat(len(filled) - len(text), event)
        return filled

    def _key(self, text: str, event: _Event) -> None:
        level = self._level
        if event.implicit[0]:
            if text == "<<":
                if level.merges is not None:
                    raise self._flaw(event, "the key stands twice", "give a list of mappings", text)
                level.key = _MERGE
                return
            if text[:1] in FIRST and not isinstance(self._resolved(text, event), str):
                raise self._flaw(event, "a key that is no text", "quote it")
        elif event.tag is not None:
            self._check_tag(event, "str")
        if event.anchor is not None:
            self._anchors[event.anchor] = text, len(text)
        if text in level.items:
            raise self._flaw(event, "the key stands twice", "remove one of them", text)
        level.key = text

    def _put(self, value: JsonValue, event: _Event) -> None:
        """Put what a closed mapping or list or an alias holds where it belongs."""
        level = self._level
        if level.key is _ITEM:
            level.items.append(value)
            return
        if level.key is _MERGE:
            level.merges = value if isinstance(value, list) else [value]
            if not all(isinstance(each, dict) for each in level.merges):
                raise self._flaw(event, "expected a mapping or a list of mappings")
        else:
            level.items[level.key] = value
        level.key = _AWAITED

    def _open_mapping(self, event: _Event) -> None:
        self._open(_Level({}, _AWAITED), event, "map")

    def _open_list(self, event: _Event) -> None:
        self._open(_Level([], _ITEM), event, "seq")

    def _open(self, level: _Level, event: _Event, tag: str) -> None:
        if self._level.key is _AWAITED:
            raise self._flaw(event, "a key that is no text", "quote it")
        if event.tag is not None:
            self._check_tag(event, tag)
        if len(self._levels) > MAX_DEPTH:
            mark = event.start_mark.line + 1, event.start_mark.column + 1
            raise Flaw(mark, (), f"nested deeper than {MAX_DEPTH} levels")
        if event.anchor is not None:
            self._anchors[event.anchor] = _OPEN, 0
            level.anchor = event.anchor, event.start_mark.index, self._repeated
        self._levels.append(level)
        self._level = level

    def _close(self, event: _Event) -> None:
        closed = self._levels.pop()
        self._level = self._levels[-1]
        for merged in closed.merges or ():
            for key, value in merged.items():
                closed.items.setdefault(key, value)
        if closed.anchor is not None:
            name, start, repeated = closed.anchor
            self._anchors[name] = closed.items, event.end_mark.index - start + self._repeated - repeated
        self._put(closed.items, event)

    def _alias(self, event: _Event) -> None:
        if self._level.key is _AWAITED:
            raise self._flaw(event, "a key that is an alias", "write it out")
        value, size = self._anchors.get(event.anchor, (_AWAITED, 0))
        if value is _AWAITED:
            raise self._flaw(event, "this alias has no anchor before it", "quote a text that begins with *")
        if value is _OPEN:
            raise self._flaw(event, f"the alias '*{shown(event.anchor)}' holds itself")
        self._repeat(size, event)
        self._put(value, event)

    def _repeat(self, size: int, event: _Event) -> None:
        self._repeated += size
        if self._repeated > MAX_REPEATED:
            raise self._flaw(event, f"aliases and variables add more than {MAX_REPEATED} characters")

    def _check_tag(self, event: _Event, name: str) -> None:
        if event.tag != f"tag:yaml.org,2002:{name}":
            raise self._flaw(event, "a tag is not allowed", "remove it; quote a text with ! before it")

    _ACTS: ClassVar[Mapping[type, Callable[[Composer, _Event], None]]] = {
        ScalarEvent: _scalar,
        MappingStartEvent: _open_mapping,
        MappingEndEvent: _close,
        SequenceStartEvent: _open_list,
        SequenceEndEvent: _close,
        AliasEvent: _alias,
    }
