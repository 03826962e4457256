"""A process that reads texts with others beside it: `test_reading_beside` says how, and compares.

It is a process of its own because only one without other threads begins any.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from reconciler.sources.reading_beside import Found, reading_beside
from reconciler.sources.substitute import filler


def children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def main() -> None:
    asked = json.load(sys.stdin)
    if asked.get("threads"):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    with reading_beside(asked["texts"], filler({}), processors=asked["processors"]) as found:
        begun = children()
        for pid in begun[: asked.get("kills", 0)]:
            os.kill(pid, signal.SIGKILL)
        read = list(_read(found, asked.get("of_each", sys.maxsize)))
    json.dump({"begun": len(begun), "left": len(children()), "read": read}, sys.stdout)


def _read(found: Iterator[tuple[str, Found]], of_each: int) -> Iterator[tuple[str, list[str]]]:
    for file, documents in found:
        yield file, [repr(one) for _, one in zip(range(of_each), documents, strict=False)]


if __name__ == "__main__":
    main()
