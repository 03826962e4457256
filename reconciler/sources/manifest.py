"""Manifest text -> resources, and everything that is wrong with it, each at its file, line and column.

Rules: no text raises anything; a broken document hides none of the others; a ref is declared once in a
text; problems come in the order of their places. What is known of a resource is held many times over, so
one that is too large is refused. Other people's documents are passed over with a notice, save in a file that
a person has named: there they are an error. A file that has held manifests before is ours, however little is
left of it: what was cut off, or emptied, is an error, and no wish taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from reconciler.errors import Misplaced, Place
from reconciler.model import API_VERSION, EMPTY, Origin, Ref, Resource
from reconciler.ports.kinds import Kinds
from reconciler.records import dataclass
from reconciler.sources.complaints import Complaint, Wrong
from reconciler.sources.declaration import Declared, declare
from reconciler.sources.document import Document
from reconciler.sources.overlay import Patch
from reconciler.sources.substitute import filler
from reconciler.sources.vocabulary import Foreign, Vocabulary
from reconciler.sources.wording import dotted

MOST_PROBLEMS: Final = 1_000  # of one file
RETRACT: Final = "restore it; to have what it declared removed, remove the file or leave a comment in it"
BEGUN: Final = 16 << 10  # a larger text that names no kind of ours is nobody's first manifest
LARGEST: Final = 2 << 20  # characters of one resource; a cluster takes 1.5 MiB


@dataclass(frozen=True, slots=True)
class Setting:
    """What a source brings to the text of its files."""

    source: str = ""
    revision: str = ""
    variables: Mapping[str, str] = EMPTY
    patches: Sequence[Patch] = ()
    named: bool = True  # a person has named this file, so all of it is meant for us
    ours: bool = False  # it has held manifests before


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text holds."""

    resources: tuple[Resource[Any], ...] = ()
    problems: tuple[Misplaced, ...] = ()
    notices: tuple[Misplaced, ...] = ()  # what was passed over, and why
    texts: Mapping[Ref, str] = EMPTY  # each resource's own document
    patched: frozenset[int] = frozenset()  # which of the patches found something


def read(text: str | bytes, file: str, kinds: Kinds, setting: Setting | None = None) -> Reading:
    """Read one text."""
    return read_known(text, file, Vocabulary(kinds), setting or Setting())


def read_known(text: str | bytes, file: str, known: Vocabulary, setting: Setting) -> Reading:
    """Read one of many texts."""
    from reconciler.sources.yaml_reader import documents  # who has them read elsewhere needs no YAML

    if not (setting.named or setting.ours) and not known.concerns(text):
        return Reading(notices=(_not_ours(text, file),))
    found = understood(documents(text, file, filler(setting.variables)), file, known, setting)
    commented = b"#" in text if isinstance(text, bytes) else "#" in text
    if setting.ours and found == Reading() and not commented:
        return Reading(problems=(emptied(file),))
    return found


def understood(
    found: Iterable[Document | Misplaced], file: str, known: Vocabulary, setting: Setting
) -> Reading:
    """What the documents of one text declare."""
    collected = _Collected(file, known, setting)
    for one in found:
        if isinstance(one, Misplaced):
            collected.complain([one])
        else:
            collected.add(one)
    return collected.reading()


class _Collected:
    """What was found in a text so far."""

    def __init__(self, file: str, known: Vocabulary, setting: Setting) -> None:
        self._file = file
        self._known = known
        self._setting = setting
        self._resources: dict[Ref, Resource[Any]] = {}
        self._texts: dict[Ref, str] = {}
        self._problems: list[Misplaced] = []
        self._notices: list[Misplaced] = []
        self._patched: frozenset[int] = frozenset()
        self._untold = 0

    def add(self, document: Document) -> None:
        try:
            declared = declare(document.data, self._known, self._setting.patches)
        except Foreign as foreign:
            self._pass_over(document, foreign)
        except Wrong as wrong:
            self._wrong(document, wrong.complaints)
        else:
            self._declared(document, declared)

    def complain(self, problems: Sequence[Misplaced]) -> None:
        room = MOST_PROBLEMS - len(self._problems)
        self._problems += problems[:room]
        self._untold += len(problems[room:])

    def reading(self) -> Reading:
        problems = sorted(self._problems, key=lambda problem: problem.place)
        if self._untold:
            last = Place(self._file, problems[-1].place.line)
            problems.append(Misplaced(last, "", f"and {self._untold} more errors in this file"))
        resources = tuple(self._resources.values())
        return Reading(resources, tuple(problems), tuple(self._notices), self._texts, self._patched)

    def _declared(self, document: Document, declared: Declared) -> None:
        self._patched |= declared.patched
        first = self._resources.get(declared.ref)
        if document.flaws:
            self.complain(document.flaws)
        elif len(document.text) > LARGEST:
            self.complain([_too_large(Place(self._file, document.line), len(document.text))])
        elif first is not None:
            place = Place(self._file, document.line)
            self.complain([twice(place, declared.ref, first.origin.place)])
        else:
            setting, metadata = self._setting, declared.metadata
            self._texts[declared.ref] = document.text
            self._resources[declared.ref] = Resource(
                declared.ref,
                declared.spec,
                Origin(setting.source, setting.revision, self._file, document.line),
                labels=metadata.labels,
                annotations=metadata.annotations,
                needs=declared.needs,
            )

    def _wrong(self, document: Document, complaints: Sequence[Complaint]) -> None:
        unfilled = {flaw.path for flaw in document.flaws}  # wrong only because nothing was filled in
        found = [each for each in complaints if dotted(each.path) not in unfilled]
        if len(self._problems) >= MOST_PROBLEMS:
            self._untold += len(found) + len(document.flaws)
            return
        places = document.places([each.path for each in found])
        problems = [
            Misplaced(place, dotted(each.path), each.reason, remedy=each.remedy)
            for place, each in zip(places, found, strict=True)
        ]
        self.complain([*document.flaws, *problems])

    def _pass_over(self, document: Document, foreign: Foreign) -> None:
        if self._setting.ours and self._known.torn(document.data):
            reason = f"{foreign.message}, and it was a manifest before"
            self._wrong(document, [Complaint((), reason, RETRACT)])
        elif self._setting.named:
            self._wrong(document, [Complaint(("apiVersion",), f"{foreign.message}, expected {API_VERSION}")])
        else:
            self._notices.append(
                Misplaced(Place(self._file, document.line), "", f"passed over: {foreign.message}")
            )


def _not_ours(text: str | bytes, file: str) -> Misplaced:
    """Why it is passed over: what is no YAML may be somebody's first manifest, broken."""
    from reconciler.sources.yaml_reader import documents

    reason = "it names no kind of ours"
    for one in documents(text, file) if len(text) <= BEGUN else ():
        if isinstance(one, Misplaced):
            return Misplaced(
                one.place, one.path, f"passed over: {reason}, and is no readable YAML: {one.reason}"
            )
    return Misplaced(Place(file), "", f"passed over: {reason}")


def _too_large(place: Place, size: int) -> Misplaced:
    reason = f"a resource of {size} characters; at most {LARGEST} are taken"
    return Misplaced(place, "", reason, remedy="put large values into files beside the manifest")


def emptied(file: str) -> Misplaced:
    """By an editor amid saving, or a full disk: who wants what it declared to go says so."""
    return Misplaced(Place(file, 1, 1), "", "it is empty, and has held manifests before", remedy=RETRACT)


def twice(place: Place, ref: Ref, first: Place) -> Misplaced:
    """Two documents of one source declare one ref."""
    return Misplaced(place, "", f"{ref} is declared at {first} already", remedy="remove one of them")
