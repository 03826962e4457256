"""What the keeper has to say about itself, for whoever looks into keeper.log."""

from __future__ import annotations

import contextlib
import os
import time

STDERR = 2


def note(words: str) -> None:
    """Say it if that is possible: a full disk must not end the keeper."""
    with contextlib.suppress(OSError):
        os.write(
            STDERR, f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {words}\n".encode(errors="replace")
        )
