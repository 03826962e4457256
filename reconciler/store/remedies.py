"""What a person can do about a store that cannot answer, for all who say so."""

from __future__ import annotations

from typing import Final

from reconciler.errors import NotFound

RESTART: Final = "start the node again: it keeps the file aside and builds its state anew"


def no_files(source: str, revision: str) -> NotFound:
    return NotFound(
        f"the contents of revision {revision} of source {source} are not kept",
        remedy="`holdfast source history NAME` lists what is; take them from the source itself",
    )
