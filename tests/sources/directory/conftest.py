"""A test that needs to be refused runs as somebody who can be."""

from __future__ import annotations

# What is imported late is imported now: nobody may not be let near it then.
import concurrent.futures.thread  # noqa: F401
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import watchdog.observers  # noqa: F401

NOBODY = 65534


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[None]:
    """File access as nobody, where the tests run as root, whom no mode keeps out."""
    if os.geteuid() != 0:
        yield
        return
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005 and folder.owner() == "root" and "pytest" in str(folder):
            folder.chmod(folder.stat().st_mode | 0o055)
    os.chown(tmp_path, NOBODY, NOBODY)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
