"""A process that has a store read by another one beside it: `test_beside` says how, and judges.

It is a process of its own because only one without other threads begins any.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

from reconciler.store.beside import kept_beside
from reconciler.store.comparing import open_read_only
from reconciler.store.memory import MemoryStore


def children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


async def alike(store: Path, found: MemoryStore) -> bool:
    other = await open_read_only(store)
    try:
        return await found.load() == await other.load()
    finally:
        await other.close()


def main(store: Path, how: str) -> None:
    if how == "threads":
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    if how == "kill":  # before it has an answer
        os.register_at_fork(after_in_child=partial(signal.raise_signal, signal.SIGSTOP))
    with kept_beside(store) as kept:
        begun = children()
        if how == "kill":
            os.kill(begun[0], signal.SIGKILL)
        tables = kept.tables()
    found = "nothing"
    if tables is not None:
        found = "the same" if asyncio.run(alike(store, MemoryStore.holding(tables))) else "something else"
    sys.stdout.write(f"{len(begun)} {len(children())} {found}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
