"""Inside one process: reading manifests, a pass over many resources, and from a revision to the queue.

Rules: nothing in here waits for anything, so processor time counts: on a machine that has nothing else to
do it is the time that passes, and on a busy one it is not much more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from random import Random
from statistics import median

from reconciler.engine.loop import Engine
from reconciler.engine.workers import Pace
from reconciler.engine.world import World
from reconciler.model import NODE_SOURCE
from reconciler.ports.feed import Fetched
from reconciler.ports.kinds import Kinds
from reconciler.ports.sources import SourceConfig
from reconciler.runtime.clock import SystemClock
from reconciler.sources.manifest import read
from reconciler.sources.reader import Reader
from reconciler.store.memory import MemoryStore
from tests.bench.row import RUNS, Row, at_most
from tests.plugins.holdfast_samples.null import Null, Uses

COUNT, MOVED = 10_000, 10
KINDS = Kinds({"Null.example.com": Null()})


def rows() -> Iterator[Row]:
    text = "---\n".join(_document(n, "value") for n in range(COUNT))
    yield at_most(
        "read 10,000 documents, validated", _median(lambda: read(text, "all.yaml", KINDS)), "s", 1.5
    )
    yield from asyncio.run(_in_an_engine())


def _median(work: object) -> float:
    taken = []
    for _ in range(RUNS):
        began = time.process_time()
        work()  # type: ignore[operator]
        taken.append(time.process_time() - began)
    return median(taken)


async def _in_an_engine() -> list[Row]:
    clock, store = SystemClock(), MemoryStore()
    world = World(KINDS, {"Null.example.com": Uses(clock)}, store, clock, Random(1))
    engine = Engine(world, Pace(resync_s=3600.0))
    await engine.start()
    tree = _Texts({f"r{n}.yaml": _document(n, "value") for n in range(COUNT)})
    reader, config = Reader(KINDS), SourceConfig(NODE_SOURCE, "directory", "")
    await engine.submit(reader.snapshot(config, tree.fetched("one")))
    await engine.bring_about()
    before, passes = await store.dump(), []
    for _ in range(RUNS):
        for entry in engine.book:
            engine.request(entry.ref)
        began = time.process_time()
        await engine.bring_about()
        passes.append(time.process_time() - began)
    same = await store.dump() == before
    queued = []
    for turn in range(RUNS):
        for n in range(MOVED):
            tree.texts[f"r{n}.yaml"] = _document(n, f"turn-{turn}")
        fetched = tree.fetched(f"turn-{turn}")
        began = time.process_time()
        await engine.submit(reader.snapshot(config, fetched))
        queued.append(time.process_time() - began)
        await engine.bring_about()
    return [
        at_most("a pass over 10,000 unchanged resources", median(passes), "s", 1.0),
        Row("writes of that pass", 0.0 if same else 1.0, "writes", goal="<= 0", holds=same),
        at_most("10 files of 10,000 changed: fetched to queued", median(queued), "s", 0.05),
    ]


class _Texts:
    """A tree in memory."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self._digests: dict[str, str] = {}

    def fetched(self, revision: str) -> Fetched:
        paths = {path: sha256(text.encode()).hexdigest() for path, text in self.texts.items()}
        return Fetched(revision, self, paths, datetime.now(UTC))

    def read(self, path: str) -> bytes:
        return self.texts[path].encode()

    def digest(self, path: str) -> str:
        return sha256(self.read(path)).hexdigest()

    def folder(self, path: str) -> str:
        return path


def _document(number: int, value: str) -> str:
    """As large as a small schedule: about 280 bytes."""
    return (
        f'apiVersion: example.com/v1\nkind: "Null"\nmetadata:\n  name: r{number}\n'
        f"  labels: {{app: shop, tier: web, number: n{number}}}\n  annotations: {{note: {'x' * 60}}}\n"
        f"spec:\n  input: {value}-{number}\n  triggersReplace: {'y' * 60}\n"
        "  dependsOn: []\n  suspend: false\n"
    )
