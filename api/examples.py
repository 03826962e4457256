"""What answers about resources look like, and what is asked of them: an example of each shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api import examples_of_nodes
from reconciler import views

CONDITION: views.ConditionView = {
    "type": "Ready",
    "status": "True",
    "reason": "Running",
    "message": "",
    "last_transition_time": "2026-01-31T12:00:04.525Z",
}
STATUS: views.StatusView = {
    "kind": "Service",
    "namespace": "default",
    "name": "web",
    "ref": "service/web",
    "ready": True,
    "reason": "Running",
    "message": "",
    "conditions": [CONDITION],
    "generation": 1,
    "observed_generation": 1,
    "revision": "5d41402abc4b2a76b9719d911017c592ae3fd1a2",
    "last_error": "",
    "last_pass_age_s": 1.507,
    "waits_for": [],
}
RESOURCE: views.ResourceView = {
    "api_version": "holdfast.dev/v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default", "labels": {"app": "shop"}, "annotations": {}},
    "spec": {"command": ["./serve", "--port", "8000"]},
    "status": STATUS,
    "origin": {
        "source": "root",
        "revision": "5d41402abc4b2a76b9719d911017c592ae3fd1a2",
        "file": "services/web.yaml",
        "line": 3,
        "managed_by": "git",
    },
    "columns": {"state": "running", "pid": "4711", "restarts": "0", "health": "healthy"},
    "facts": {"pid": 4711, "restarts": 0},
    "overrides": [],
}
PREVIEW: views.PreviewView = {
    "differences": [
        {
            "ref": "service/web",
            "action": "change",
            "changes": [
                {"path": ["env", "LEVEL"], "seen": "info", "want": "debug", "recreates": True},
            ],
            "reason": "",
            "place": "services/web.yaml:3:1",
            "affects": ["service/proxy"],
            "wish": {},
        }
    ],
    "unchanged": 11,
    "adds": 0,
    "changes": 1,
    "removes": 0,
    "warnings": [],
    "conflicts": [],
    "digest": "sha256:0c5c1c1e3a8b6a0f",
}
OPERATION: views.OperationView = {
    "id": "op-6bfa1c6cf3a3",
    "kind": "apply",
    "actor": "uid:1000 ada",
    "at": "2026-01-31T12:00:00.000Z",
    "state": "done",
    "refs": ["service/web"],
}
EVENT: views.EventView = {
    "id": 1042,
    "timestamp": "2026-01-31T12:00:04.525Z",
    "event": "resource.ready",
    "subject": {"kind": "Service", "id": "service/web"},
    "data": {},
    "actor": "",
    "trace_id": "",
    "request_id": "",
}
HEALTH: views.HealthView = {
    "status": "degraded",
    "version": "0.1.0",
    "uptime_s": 86400.0,
    "last_pass_age_s": 0.8,
    "last_heartbeat_age_s": 4.2,
    "problems": ["source root: Invalid; `holdfast source show root` says more"],
}
FULL_HEALTH: views.FullHealthView = {
    **HEALTH,
    "parts": {
        "engine": {"status": "ok", "latency_ms": 0.0, "message": ""},
        "store": {"status": "ok", "latency_ms": 0.412, "message": ""},
        "source/root": {"status": "degraded", "latency_ms": None, "message": "Invalid"},
    },
    "revisions": {"root": "5d41402abc4b2a76b9719d911017c592ae3fd1a2"},
}
USAGE: views.UsageView = {
    "at": "2026-01-31T12:00:15.000Z",
    "cpu_percent": 3.27,
    "cpu_percent_of_s": 15.0,
    "cpu_s": 812.49,
    "memory_bytes": 50_593_792,
    "memory_peak_bytes": 50_593_792,
    "processes": 3,
    "restarts": 0,
    "started_at": "2026-01-31T04:11:42.310Z",
    "read_bytes": 8_192,
    "written_bytes": 1_310_720,
}
PROBLEM: views.ProblemView = {
    "type": "urn:holdfast:problem:conflict",
    "title": "Conflict",
    "status": 409,
    "detail": "service/web is declared differently at services/web.yaml:3:1 (source root)",
    "instance": "/api/v1/apply",
    "code": "CONFLICT",
    "message": "service/web is declared differently at services/web.yaml:3:1 (source root)",
    "timestamp": "2026-01-31T12:00:00.000Z",
    "request_id": "req-6bfa1c6cf3a3",
    "remedy": "change it there: what a source declares, only that source changes",
}
PLACE = {"page": 1, "per_page": 20, "total_pages": 1, "total_items": 1}
WAY = {"first": "?page=1", "prev": None, "next": None, "last": "?page=1"}

EXAMPLES: Mapping[str, Any] = {
    **examples_of_nodes.EXAMPLES,
    "Pagination": PLACE,
    "Links": WAY,
    "ConditionView": CONDITION,
    "OriginView": RESOURCE["origin"],
    "DifferenceView": PREVIEW["differences"][0],
    "ChangeView": PREVIEW["differences"][0]["changes"][0],
    "PartHealthView": FULL_HEALTH["parts"]["store"],
    "CauseView": {
        "ref": "service/web",
        "reason": "WaitsForDependency",
        "message": "waits for service/db to be healthy (Starting)",
        "depth": 0,
    },
    "KindView": {
        "name": "Service",
        "api_version": "holdfast.dev/v1",
        "columns": ["state", "pid", "restarts", "health"],
        "expands": False,
        "lives": True,
    },
    "PlannedView": {
        "at": "2026-01-31T12:00:03.901Z",
        "generation": 1,
        "changes": [{"path": ["command"], "seen": None, "want": ["./serve", "--port", "8000"]}],
        "steps": [{"step": "Start"}],
    },
    "StatusView": STATUS,
    "ResourceView": RESOURCE,
    "PreviewView": PREVIEW,
    "OperationView": OPERATION,
    "EventView": EVENT,
    "HealthView": HEALTH,
    "FullHealthView": FULL_HEALTH,
    "ProblemView": PROBLEM,
    "UsageView": USAGE,
    "ServiceUsageView": {
        "ref": "service/web",
        "namespace": "default",
        "name": "web",
        "ready": True,
        "reason": "Running",
        "used": USAGE,
    },
    "ReconcileBody": {"refs": ["source/root"]},
    "DeleteBody": {"refs": ["service/web", "key/old"]},
    "OverrideBody": {
        "ref": "service/web",
        "patch": {"suspend": True},
        "reason": "looking into it",
        "for": "2h",
    },
    "RollbackBody": {"revision": "5d41402", "reason": "the new one is slow"},
    "BundleBody": {
        "manifests": {
            "web.yaml": "apiVersion: holdfast.dev/v1\nkind: Service\nmetadata: {name: web}\n"
            "spec: {command: [./serve]}\n"
        },
        "files": {"serve": "IyEvYmluL3NoCg=="},
    },
}


def example_of(name: str) -> Any:  # noqa: ANN401 - JSON
    """Of a shape by its name; a piece of a list has one of what it lists. None: there is none."""
    if name.startswith("PageOf"):
        return {"data": [EXAMPLES[name.removeprefix("PageOf")]], "pagination": PLACE, "links": WAY}
    if name.startswith("StretchOf"):
        return {"data": [EXAMPLES[name.removeprefix("StretchOf")]], "cursor": None, "limit": 20, "next": None}
    return EXAMPLES.get(name)
