"""Records as the engine writes them, for the store's tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.model import Condition, Event, JsonValue, Need, Override, Ref, Status
from reconciler.ports.store import (
    Judged,
    Kept,
    Note,
    Operation,
    Planned,
    Remembered,
    Revision,
    Sampled,
    Write,
)
from reconciler.ports.usage import Usage
from reconciler.store.memory import MemoryStore
from reconciler.store.sqlite import SqliteStore

AnyStore = SqliteStore | MemoryStore

NOW = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)
WEB = Ref("Service", "default", "web")
DB = Ref("Service", "shop", "db")


class FixedClock:
    """Stands still, so that what a store writes is the same each time."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def kept(ref: Ref = WEB, **spec: JsonValue) -> Kept:
    return Kept(ref, spec, f"digest of {ref}", 1, source="root", revision="r1")


def judged(ref: Ref = WEB, reason: str = "Converged") -> Judged:
    ready = Condition("Ready", status=True, reason=reason, message="all is well", since=NOW)
    return Judged(ref, Status((ready,), 1, 1, "r1"))


def event(name: str = "reconcile.applied", ref: Ref | None = WEB, **data: JsonValue) -> Event:
    return Event(name, NOW, ref, data)


def planned(ref: Ref = WEB, generation: int = 1, at: datetime = NOW, step: str = "Start") -> Planned:
    return Planned(ref, at, generation, ({"path": ["command"], "want": "web"},), ({"step": step},))


def operation(id: str, state: str = "running", at: datetime = NOW) -> Operation:
    return Operation(id, "apply", "alice", at, state, {"files": 3})


def sampled(ref: Ref = WEB, at: datetime = NOW, memory: int = 5 << 20, peak: int = 0) -> Sampled:
    usage = Usage(NOW - timedelta(days=99), 0, 0.25, memory, 2, 4096, 0)
    return Sampled(ref, at, usage, max(memory, peak))


def one_of_each() -> list[Write]:
    """Every kind of record, each field filled with something that is easily lost on the way."""
    odd: dict[str, JsonValue] = {"ä\x00\n": [1, 1.0, True, None, "1", 2**70, {}], "nested": {"deep": [[]]}}
    held = Condition("Reconciling", status=True, reason="Waits", message="for db\n…", since=NOW)
    return [
        Kept(
            WEB,
            odd,
            "d1",
            7,
            "root",
            "r1",
            {"a": "b"},
            {"c": "d"},
            {DB: Need.HEALTHY},
            parent=DB,
            doomed=True,
        ),
        kept(DB),
        Remembered(WEB, odd),
        Judged(WEB, Status((held,), 7, 6, "r1", frozenset({Need.STARTED, Need.HEALTHY}), (DB,), "no route")),
        judged(DB),
        planned(WEB),
        Revision(
            "root", "r1", NOW, "applied", "first", {"a.yaml": b"kind: Key", "b/ü.bin": bytes(range(256))}
        ),
        Revision("root", "r2", NOW, "held", "no signature"),
        operation("op-1"),
        Override("ov-1", WEB, {"state": "stopped", "x": None}, "alice", "maintenance", NOW, NOW),
        Override("ov-2", DB, {}, "bob", "", NOW),
        Note("node_id", "n-1"),
        Note("odd", odd),
        Sampled(WEB, NOW, Usage(NOW, 3, 1234.567891, 2**40, 9, None, 2**60), 2**41),
        sampled(DB),
        Event("service.started", NOW, WEB, odd, "alice", "req-1", "trace-1"),
        Event("node.started", NOW),
    ]
