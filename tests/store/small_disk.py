"""What a store does on a disk of two megabytes: `python -m tests.store.small_disk FOLDER SCENE`.

Run on a disk of its own, by `test_full_disk.py`; a scene that does not go as it should ends in an error.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reconciler.errors import Unavailable
from reconciler.model import Ref
from reconciler.ports.store import Note
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore
from tests.store.records import FixedClock, event, kept

MEGABYTE = 1 << 20


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (4096, 512, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return filler


def ref(number: int) -> Ref:
    return Ref("Service", "default", f"n{number}")


async def write_until_full(store: SqliteStore) -> int:
    made = 0

    async def write() -> None:
        nonlocal made
        while True:
            await store.commit(kept(ref(made), text="x" * 500), event(number=made))
            made += 1

    with pytest.raises(Unavailable) as caught:
        await write()
    assert "room" in caught.value.remedy
    return made


async def goes_on(disk: Path) -> None:
    """Full, then with room again: what was promised is there, what failed left nothing, and it goes on."""
    store = await open_store(disk / "holdfast.db", FixedClock())
    await store.commit(Note("first", 1))
    filler = fill(disk)
    made = await write_until_full(store)
    for _ in range(3):
        outcomes = await asyncio.gather(
            *(store.commit(kept(ref(9000 + n), text="x" * 5000)) for n in range(20)), return_exceptions=True
        )
        assert all(isinstance(outcome, Unavailable) for outcome in outcomes), outcomes
    saved = await store.load()
    assert set(saved.inventory) == {ref(n) for n in range(made)}
    filler.unlink()
    await store.commit(kept(ref(made), text="back"), event(number=made))
    await store.close()
    again = await open_store(disk / "holdfast.db", FixedClock())
    saved = await again.load()
    assert set(saved.inventory) == {ref(n) for n in range(made + 1)}
    assert "rebuilt" not in saved.notes
    assert [one.data["number"] for one in await again.events(0, 99_999)] == list(range(made + 1))
    await again.close()


async def one_too_large(disk: Path) -> None:
    """One caller asks for more than there is room for; those beside it get theirs."""
    store = await open_store(disk / "holdfast.db", FixedClock())
    large = store.commit(Note("large", "x" * 4 * MEGABYTE))
    small = [store.commit(kept(ref(n))) for n in range(40)]
    outcomes = await asyncio.gather(*small[:20], large, *small[20:], return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if outcome is not None] == [20], outcomes
    assert isinstance(outcomes[20], Unavailable), outcomes
    saved = await store.load()
    assert set(saved.inventory) == {ref(n) for n in range(40)}
    await store.close()


async def cannot_begin(disk: Path) -> None:
    """Not even a new store fits: said, and nothing is left that would hinder a later start."""
    filler = fill(disk)
    await expect_unavailable(open_store(disk / "holdfast.db", FixedClock()))
    filler.unlink()
    store = await open_store(disk / "holdfast.db", FixedClock())
    assert (await store.load()).notes == {}
    await store.close()


async def cannot_rebuild(disk: Path) -> None:
    """Damaged, and no room for a new one: the damaged one stays where it is until there is."""
    path = disk / "holdfast.db"
    store = await open_store(path, FixedClock())
    await store.commit(Note("node_id", "n-1"), *(kept(ref(n), text="untouched") for n in range(50)))
    await store.close()
    path.write_bytes(path.read_bytes().replace(b"untouched", b"unT0uched"))
    damaged = path.read_bytes()
    filler = fill(disk)
    await expect_unavailable(open_store(path, FixedClock()))
    assert path.read_bytes() == damaged
    filler.unlink()
    store = await open_store(path, FixedClock())
    notes = (await store.load()).notes
    assert notes["node_id"] == "n-1"
    assert (disk / notes["rebuilt"]["aside"]).read_bytes() == damaged
    await store.close()


async def expect_unavailable(attempt: Awaitable[SqliteStore]) -> None:
    with pytest.raises(Unavailable) as caught:
        await attempt
    assert caught.value.remedy


SCENES: dict[str, Callable[[Path], Awaitable[None]]] = {
    scene.__name__: scene for scene in (goes_on, one_too_large, cannot_begin, cannot_rebuild)
}


async def main() -> None:
    folder, scene = Path(sys.argv[1]), sys.argv[2]
    room = os.statvfs(folder)
    assert room.f_blocks * room.f_frsize <= 2 * MEGABYTE, "it must run on a small disk"
    await SCENES[scene](folder)


if __name__ == "__main__":
    asyncio.run(main())
