"""How a custom resource stands, as its `.status` tells it: kstatus conditions. Pure.

Rules: `observedGeneration` is the generation that the conditions are about; `Reconciling` and `Stalled` are
there only while true; a status that says the same is not written again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.model import EMPTY, JsonValue, Status
from reconciler.sources.cluster.objects import CustomResource


@dataclass(frozen=True, slots=True)
class Standing:
    """What the node knows of it."""

    status: Status | None = None  # of the version in force
    generation: int | None = None  # that the status is about; None: of an earlier wish
    columns: Mapping[str, str] = EMPTY
    obstacle: tuple[str, str] | None = None  # reason and message: why what is written there is not in force
    stalled: bool = False  # by the obstacle: somebody must change something
    gone: bool = False  # nothing of it is left


def status_of(one: CustomResource, standing: Standing, now: datetime) -> dict[str, JsonValue]:
    """The whole `.status` as it should be."""
    conditions = _judged(standing.status)
    generation = standing.generation
    if standing.obstacle is not None:
        conditions = _obstructed(*standing.obstacle, stalled=standing.stalled)
        generation = one.generation if standing.stalled else generation
    if generation is None:
        generation = one.status.get("observedGeneration", 0)
    before = {each["type"]: each for each in one.status.get("conditions", ())}
    status = standing.status
    return {
        "observedGeneration": generation,
        "conditions": [
            {
                "type": name,
                **told,
                "observedGeneration": generation,
                "lastTransitionTime": _since(before.get(name), told["status"], now),
            }
            for name, told in conditions.items()
        ],
        "columns": dict(standing.columns),
        "waitsFor": [str(ref) for ref in status.waits_for] if status is not None else [],
        "lastError": status.error if status is not None else "",
    }


def patch(one: CustomResource, wanted: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What to merge into `.status`, so that it is as wanted; empty: it is so already."""
    changes = {key: value for key, value in wanted.items() if one.status.get(key) != value}
    if "columns" in changes:
        changes["columns"] = dict.fromkeys(one.status.get("columns", ())) | wanted["columns"]
    return changes


def _judged(status: Status | None) -> dict[str, dict[str, str]]:
    """The conditions by type, in their order."""
    found = status.conditions if status is not None else ()
    if not found:
        pending = {"reason": "Pending", "message": "not looked at yet"}
        return {"Ready": {"status": "False", **pending}, "Reconciling": {"status": "True", **pending}}
    return {
        one.type: {"status": str(one.status), "reason": one.reason, "message": one.message} for one in found
    }


def _obstructed(reason: str, message: str, *, stalled: bool) -> dict[str, dict[str, str]]:
    told = {"reason": reason, "message": message}
    name = "Stalled" if stalled else "Reconciling"
    return {"Ready": {"status": "False", **told}, name: {"status": "True", **told}}


def _since(before: Mapping[str, JsonValue] | None, status: str, now: datetime) -> str:
    """A transition is one of the status, not of the message."""
    if before is not None and before["status"] == status:
        return str(before["lastTransitionTime"])
    return now.isoformat(timespec="seconds").replace("+00:00", "Z")
