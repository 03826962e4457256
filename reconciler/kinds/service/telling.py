"""What is told of services and their groups beside their statuses: started, stopped, well or not. Pure.

Rules: a life is known by the moment of its start, so that an end and a new start between two looks are told
as both; what ended while nobody looked is told by who looks next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.kinds.service.running import Phase, Running
from reconciler.model import Case, JsonValue, Seen, Status
from reconciler.ports.kind import Telling

LIVES = frozenset({Phase.RUNNING, Phase.FROZEN, Phase.ENDING})
RAN = frozenset(
    {"Running", "Starting", "Unhealthy"}
)  # reasons of a service that was alive when it was judged
ALL_READY, STOPPED = "AllReady", "Stopped"


def of_service(
    case: Case[Any, Running], was: Seen[Running] | None, before: Status | None
) -> Iterator[Telling]:
    now, facts = _life(case.seen), case.seen.facts
    if was is None:
        if now is None and _reason(before) in RAN:
            yield "service.stopped", _how(facts)
        return
    old = _life(was)
    if old is not None and now != old:
        yield "service.stopped", _how(facts) if now is None else {}
    if now is not None and now != old:
        yield "service.started", {"pid": facts.get("pid"), "restarts": facts.get("restarts")}
    if now is not None and now == old:
        yield from _health(was.facts, facts)


def _how(facts: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {"exit_code": facts.get("exit_code"), "signal": facts.get("signal")}


def _health(was: Mapping[str, JsonValue], facts: Mapping[str, JsonValue]) -> Iterator[Telling]:
    old, health = was.get("health"), facts.get("health")
    if old is not None and health is not None and health != old:
        message = str(facts.get("health_message", ""))
        yield "service.health_changed", {"was": str(old), "health": str(health), "message": message}


def of_group(case: Case[Any, Any], reason: str, before: Status | None) -> Iterator[Telling]:
    """`reason` is that of its verdict; empty: it is wished gone, and has ended with the last of its parts."""
    if reason == ALL_READY and _reason(before) != ALL_READY:
        yield "group.started", {}
    if reason == STOPPED and _reason(before) not in ("", STOPPED):
        yield "group.stopped", {}
    if not reason and not any(look.want for look in case.look.values()):
        yield "group.stopped", {}


def _life(seen: Seen[Running]) -> JsonValue:
    """When it began; None: it has none."""
    return seen.facts.get("started_at") if seen.actual is not None and seen.actual.phase in LIVES else None


def _reason(status: Status | None) -> str:
    ready = status.condition("Ready") if status is not None else None
    return ready.reason if ready is not None else ""
