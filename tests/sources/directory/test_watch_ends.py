"""A watch that comes to its end."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from watchdog.observers.api import EventQueue, ObservedWatch
from watchdog.observers.inotify import InotifyEmitter

from reconciler.sources.watch import Watch, folders


@pytest.mark.req("DMN-09")
def test_a_thread_that_finds_itself_ended_is_nothing_to_tell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ended = InotifyEmitter(EventQueue(), ObservedWatch(str(tmp_path), recursive=False))
    watch = Watch(lambda: None)
    watch.follow(folders(tmp_path))
    ended.queue_events(1)
    logging.getLogger("watchdog.observers.inotify").error("something else")
    watch.close()
    assert [one.message for one in caplog.records] == ["something else"]
