"""What a node has left, read by another process while this one imports what understands it.

Rules: imports nothing that needs pydantic. Only a store that lies whole in one file is read so, while nobody
writes it; from any other there is no answer, and who opens it as ever is told what is wrong with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from reconciler.beside import Beside, spare_processors
from reconciler.store.stamps import stamps

Tables = Mapping[str, Sequence[tuple[Any, ...]]]

LOADED = ("inventory", "memory", "statuses", "overrides", "notes")
STEPS = "SELECT count(*) FROM migrations"
FOLDER = Path(__file__).with_name("migrations")


class Kept:
    """The tables that a comparison acts on."""

    def __init__(self, beside: Beside | None) -> None:
        self._beside = beside

    def tables(self) -> Tables | None:
        found: Tables | None = self._beside.answer() if self._beside is not None else None
        return found


@contextmanager
def kept_beside(store: Path) -> Iterator[Kept]:
    beside = None
    if spare_processors() and store.exists():
        with suppress(OSError):  # no process, or no pipe
            beside = Beside(lambda: _tables(store))
    try:
        yield Kept(beside)
    finally:
        if beside is not None:
            beside.end()


def _tables(store: Path) -> Tables | None:
    import sqlite3

    from reconciler.store import queries

    before = stamps(store)
    if any(stamp.size for stamp in before[1:]) or not os.access(store, os.R_OK, effective_ids=True):
        return None
    address = f"{store.absolute().as_uri()}?immutable=1"
    with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
        if connection.execute(STEPS).fetchone() != (len(list(FOLDER.glob("*.sql"))),):
            return None
        found = {table: connection.execute(queries.TABLES[table]).fetchall() for table in LOADED}
    return found if stamps(store) == before else None
