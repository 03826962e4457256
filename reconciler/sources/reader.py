"""The files of a revision -> the snapshot that a source declares by it.

Rules: a file is read again only when its content has changed, or what the source brings to it; all
others keep the same resources, as objects, whose origin names the revision that they came with. Within
a layer a ref is declared once, and the first one stays; a later layer replaces it. A patch that finds
nothing to change is an error: it was meant for something.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from reconciler.errors import Conflict, Failed, Invalid, Misplaced, Place, Problem
from reconciler.model import EMPTY, Ref, Resource, Snapshot, Tree
from reconciler.ports.feed import Fetched
from reconciler.ports.kinds import Kinds
from reconciler.ports.sources import SourceConfig
from reconciler.records import dataclass
from reconciler.sources.inbox import ref_of
from reconciler.sources.manifest import Reading, Setting, read_known, twice
from reconciler.sources.overlay import Patch, layers
from reconciler.sources.vocabulary import Vocabulary

INBOX: Final = "inbox"
MOST_NOTICES: Final = 20


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What was read of one source."""

    recipe: tuple[object, ...] = ()  # what else than the files has made it
    readings: Mapping[str, Reading] = EMPTY  # by file
    digests: Mapping[str, str] = EMPTY  # of the files, as they were when they were read
    names: frozenset[str] = frozenset()  # of all files, and how they lie over one another
    layered: Sequence[Sequence[str]] = ()


class Reader:
    """Reads the revisions of all sources; each source from one thread at a time."""

    def __init__(self, kinds: Kinds) -> None:
        self._known = Vocabulary(kinds)
        self._shelves: dict[str, _Shelf] = {}

    def snapshot(
        self, config: SourceConfig, fetched: Fetched, ours: Collection[str] = frozenset()
    ) -> Snapshot:
        """All that the source declares; raises when a file changes meanwhile, or cannot be had just now.

        `ours`: the files that are known to hold manifests.
        """
        patches = tuple(Patch.parse(each) for each in config.patches)
        recipe = (config.paths, dict(config.substitute), patches)
        shelf = self._shelves.get(config.name, _Shelf())
        if shelf.recipe != recipe:
            shelf = _Shelf(recipe)
        setting = Setting(config.name, fetched.revision, config.substitute, patches)
        named = frozenset(config.paths)  # a path may be a file, which is named by that

        def setting_of(file: str) -> Setting:
            known = config.type == INBOX or file in ours  # nobody else writes into the inbox
            return replace(setting, named=file in named, ours=known)

        layered, names = shelf.layered, shelf.names
        if fetched.paths.keys() != names:
            layered, names = layers(_manifests(config, fetched), config.paths), frozenset(fetched.paths)
        before, now = shelf.digests, fetched.paths
        moved = [file for files in layered for file in files if before.get(file) != now[file]]
        readings = dict(shelf.readings)
        if names is not shelf.names:
            readings = {file: one for file, one in readings.items() if file in now}
        readings |= {file: self._read(file, fetched.tree, setting_of(file)) for file in moved}
        self._shelves[config.name] = _Shelf(recipe, readings, now, names, layered)
        return _laid_over([[readings[file] for file in files] for files in layered], config, fetched)

    def _read(self, file: str, tree: Tree, setting: Setting) -> Reading:
        try:
            text = tree.read(file)
        except (Conflict, Failed):
            raise
        except Problem as problem:
            return Reading(problems=(Misplaced(Place(file), "", problem.message, remedy=problem.remedy),))
        return replace(read_known(text, file, self._known, setting), texts=EMPTY)


def _manifests(config: SourceConfig, fetched: Fetched) -> Iterable[str]:
    """The files that may declare something; in the inbox, what a manifest refers to is a mere file."""
    return filter(ref_of, fetched.paths) if config.type == INBOX else fetched.paths


def _laid_over(layered: Sequence[Sequence[Reading]], config: SourceConfig, fetched: Fetched) -> Snapshot:
    resources: dict[Ref, Resource[Any]] = {}
    problems: list[Problem] = []
    notices: list[Misplaced] = []
    for readings in layered:
        layer: dict[Ref, Resource[Any]] = {}
        for reading in readings:
            if reading.problems or reading.notices:
                problems += reading.problems
                notices += reading.notices
            for resource in reading.resources:
                first = layer.setdefault(resource.ref, resource)
                if first is not resource:
                    problems.append(twice(resource.origin.place, resource.ref, first.origin.place))
        resources |= layer
    if config.patches and not problems:
        problems += _idle(config, [reading for readings in layered for reading in readings])
    return Snapshot(
        config.name,
        fetched.revision,
        resources,
        tuple(problems),
        message=fetched.message,
        deleted=fetched.deleted,
        notices=_told(notices),
    )


def _told(notices: Sequence[Misplaced]) -> tuple[str, ...]:
    """A folder may hold thousands of other people's files."""
    more = len(notices) - MOST_NOTICES
    told = tuple(str(notice) for notice in notices[:MOST_NOTICES])
    return (*told, f"and {more} more files or documents passed over") if more > 0 else told


def _idle(config: SourceConfig, readings: Iterable[Reading]) -> list[Problem]:
    """The patches that found nothing to change."""
    busy = frozenset[int]().union(*(reading.patched for reading in readings))
    return [
        Invalid(
            f"the patch {number} of source {config.name}, on {Patch.parse(each)}, finds nothing to change",
            remedy="correct its target, or remove it from the source's `patches`",
        )
        for number, each in enumerate(config.patches)
        if number not in busy
    ]
