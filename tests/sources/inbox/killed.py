"""Writes to an inbox in a process that is killed again and again, and checks what each death has left.

Usage: killed.py FOLDER KILLS SEED. Prints how many distinct states were found; exits 1 at a torn one.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from itertools import count
from pathlib import Path

from reconciler.model import Ref
from reconciler.sources.inbox import Batch, Document, Inbox

NAMES = [f"n{number}" for number in range(8)]


def batch(number: int) -> Batch:
    """Always the same refs and one file, all with one number; every third apply prunes and moves them."""
    folder = f"f{number % 3}"
    documents = [Document(Ref("Key", "default", name), str(number), folder) for name in NAMES]
    return Batch("shop", documents, {f"{folder}/data": str(number).encode()}, prune=True)


def write_for_ever(inbox: Inbox, start: int, tell: int) -> None:
    for number in count(start):
        asyncio.run(inbox.put(batch(number)))
        os.write(tell, b".")
        asyncio.run(inbox.put(Batch("one", [Document(Ref("Key", "default", "one"), str(number))], {})))


def found(inbox: Inbox) -> int:
    """The number that everything bears."""
    current = inbox.folder / "current" / "shop"
    numbers = {path.read_text() for path in current.rglob("*") if path.is_file()}
    files = sum(path.is_file() for path in current.rglob("*"))
    if len(numbers) != 1 or files != len(NAMES) + 1 or len(inbox.members("shop")) != len(NAMES):
        sys.exit(f"torn: {numbers} in {files} files")
    return int(numbers.pop())


def main(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    inbox = Inbox(folder)
    began = time.monotonic()
    asyncio.run(inbox.put(batch(0)))
    usual = time.monotonic() - began
    seen = {0}
    for _ in range(kills):
        told, tell = os.pipe()
        child = os.fork()
        if not child:
            write_for_ever(inbox, max(seen) + 1, tell)
        os.close(tell)
        os.read(told, 1)  # it has done one, and is within another
        os.close(told)
        time.sleep(chance.uniform(0, 2 * usual))  # any moment will do
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen.add(found(inbox))
    inbox.prepare()
    left = sorted(path.name for path in (folder / ".parts").iterdir())
    if len(left) != sum(bool(inbox.members(name)) for name in ("shop", "one")):
        sys.exit(f"left behind: {left}")
    print(len(seen))  # noqa: T201 - it is a command


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
