"""A hint that something in a folder has changed, from the kernel.

Rules: a hint says nothing but "look"; it may come too often, and it may not come at all (a watch that
was refused, a network's file system), so whoever listens also looks by itself now and then. Folders
are watched, never single files: an editor's rename and a swapped link would leave a file's watch behind.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver, ObservedWatch

log = logging.getLogger(__name__)


class Folder(NamedTuple):
    """A folder to watch; its identity is in it, because a watch follows the folder and not its path."""

    path: str
    recursive: bool
    only: str  # the one name in it that counts; empty: all
    identity: tuple[int, int]


def folders(location: Path) -> frozenset[Folder]:
    """What to watch for a location: itself, and where it would appear or be swapped."""
    found = set()
    above = location.parent
    only = location.name
    while not above.is_dir() and above != above.parent:
        above, only = above.parent, above.name
    whole = location.is_dir()
    with suppress(OSError):
        # Beside a single file everything counts: its link may lead over a neighbour (`..data`).
        found.add(_folder(above, recursive=False, only="" if location.is_file() else only))
    if whole:
        with suppress(OSError):
            found.add(_folder(location.resolve(), recursive=True, only=""))
    return frozenset(found)


def _folder(path: Path, *, recursive: bool, only: str) -> Folder:
    status = path.stat()
    return Folder(str(path), recursive, only, (status.st_dev, status.st_ino))


class Watch:
    """Calls `heard`, from a thread of its own, when something may have changed."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._observer: BaseObserver | None = None
        self._watched: dict[Folder, ObservedWatch] = {}
        self._deaf = ""
        self.last = 0.0  # when it heard something last, on the monotonic clock

    @property
    def deaf(self) -> str:
        """Why the kernel watches less than it was asked for; empty: it does not."""
        return self._deaf

    def follow(self, wanted: frozenset[Folder]) -> None:
        """Watch exactly these."""
        for folder in self._watched.keys() - wanted:
            with suppress(KeyError, OSError):  # its folder is gone, and the watch with it
                self._started().unschedule(self._watched[folder])
            del self._watched[folder]
        refused = ""
        for folder in wanted - self._watched.keys():
            try:
                self._watched[folder] = self._schedule(folder)
            except OSError as error:
                refused = f"{folder.path} cannot be watched, so it is looked at instead: {error}"
        if refused and not self._deaf:
            log.warning("%s", refused)
        self._deaf = refused

    def _schedule(self, folder: Folder) -> ObservedWatch:
        from watchdog import events

        class Handler(events.FileSystemEventHandler):
            def on_any_event(_, event: FileSystemEvent) -> None:  # noqa: N805 - `self` is the watch
                if not folder.only or folder.only in {_name(event.src_path), _name(event.dest_path)}:
                    self.last = time.monotonic()
                    self._heard()

        # Not opening and closing: looking would be heard, and looked at again, for ever.
        told = [
            events.FileCreatedEvent, events.FileModifiedEvent, events.FileClosedEvent, events.FileMovedEvent,
            events.FileDeletedEvent, events.FileAttribEvent, events.DirCreatedEvent, events.DirMovedEvent,
            events.DirDeletedEvent, events.DirAttribEvent,
        ]  # fmt: skip
        return self._started().schedule(
            Handler(), folder.path, recursive=folder.recursive, event_filter=list(told)
        )

    def _started(self) -> BaseObserver:
        if self._observer is None:
            from watchdog.observers import Observer

            # It warns when a folder appears while it looks for folders, and where warnings are errors that
            # would end its one thread, and all hearing with it.
            warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
            logging.getLogger("watchdog.observers.inotify").addFilter(_no_farewell)
            observer = Observer()
            observer.daemon = True
            observer.start()  # the kernel may have no more watches to give: then there is nothing to end
            self._observer = observer
        return self._observer

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None
            self._watched.clear()


def _no_farewell(record: logging.LogRecord) -> bool:
    """A thread of its own that is told to end, and finds so, takes that for an error now and then."""
    return "called when the thread is inactive" not in record.msg


def _name(path: str | bytes) -> str:
    return os.path.basename(os.fsdecode(path))  # noqa: PTH119 - a name from the kernel, not a path of ours
