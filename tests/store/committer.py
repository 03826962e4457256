"""A process that commits as fast as it can and says what it was promised.

`python -m tests.store.committer FILE`: each line on stdout is `TASK NUMBER`, written after that commit
returned. Each commit writes its number in every kind of record that a pass writes, so that a half one shows.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from reconciler.model import Event, Ref
from reconciler.ports.store import Drop, Note, Planned, Remembered, Revision, Write
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore
from tests.store.records import NOW, FixedClock, judged, kept

TASKS = 6


def ref(task: int) -> Ref:
    return Ref("Service", "default", f"task{task}")


def writes(task: int, number: int) -> list[Write]:
    """Each third number takes the ref away, the next one brings it back."""
    history: list[Write] = [
        Event("committed", NOW, ref(task), {"number": number}),
        Planned(ref(task), NOW, number, (), ({"step": "x" * (number % 7 * 500)},)),
        Note(ref(task).name, number),
    ]
    if number % 3 == 2:
        return [Drop(ref(task)), *history]
    files = {"now": str(number).encode(), "same": b"same" * 1000}
    return [
        kept(ref(task), number=number),
        Remembered(ref(task), {"number": number}),
        judged(ref(task), str(number)),
        Revision(ref(task).name, f"r{number % 5}", NOW, "applied", str(number), files),
        *history,
    ]


async def commit(store: SqliteStore, task: int, start: int) -> None:
    for number in count(start):
        await store.commit(*writes(task, number))
        os.write(1, f"{task} {number}\n".encode())


async def main(path: Path) -> None:
    store = await open_store(path, FixedClock())
    notes = (await store.load()).notes
    async with asyncio.TaskGroup() as group:
        for task in range(TASKS):
            group.create_task(commit(store, task, notes.get(ref(task).name, -1) + 1))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
