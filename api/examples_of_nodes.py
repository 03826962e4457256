"""What answers about the node itself look like: its sources, its machine, its keys, its trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler import views

REVISION = "5d41402abc4b2a76b9719d911017c592ae3fd1a2"
NODE_ID = "0c5c1c1e3a8b6a0f9d1e7b2c4f6a8d30"
COUNTS = {"Service": {"ready": 11, "not_ready": 0, "stalled": 1}}
SOURCE: views.SourceView = {
    "name": "root",
    "type": "git",
    "location": "https://git.example.org/machine.git",
    "revision": REVISION,
    "seen_revision": REVISION,
    "fetched_at": "2026-01-31T12:00:00.120Z",
    "applied_at": "2026-01-31T12:00:00.412Z",
    "resources": 12,
    "error": "",
    "held": "",
    "problems": [],
    "notices": [],
    "signer": "",
    "interval_s": 60.0,
    "branch": "main",
    "paths": ["."],
    "withheld": [],
}
REBUILT: views.RebuiltView = {
    "at": "2026-01-31T11:58:03.001Z",
    "reason": "database disk image is malformed",
    "aside": "/var/lib/holdfast/holdfast.db.damaged",
    "withheld": ["service/old"],
    "remedy": "holdfast source resume root --allow-prune",
}
NODE: views.NodeView = {
    "node_id": NODE_ID,
    "status": "degraded",
    "version": "0.1.0",
    "started_at": "2026-01-30T12:00:00.000Z",
    "uptime_s": 86400.0,
    "last_pass_age_s": 0.8,
    "resources": 12,
    "ready": 11,
    "not_ready": 0,
    "stalled": 1,
    "kinds": COUNTS,
    "sources": [SOURCE],
    "rebuilt": None,
    "problems": ["service/web: Crashed"],
    "warnings": [],
}
MACHINE: views.MachineView = {
    "processors": 4,
    "load": [0.42, 0.38, 0.31],
    "memory_bytes": 8_232_632_320,
    "memory_available_bytes": 5_812_002_816,
    "disk_bytes": 105_089_261_568,
    "disk_free_bytes": 61_012_213_760,
}
STATS: views.StatsView = {
    "uptime_s": 86400.0,
    "memory_bytes": 71_303_168,
    "cpu_s": 212.4,
    "resources": 12,
    "availability": 0.999871,
    "availability_target": 0.999,
    "oldest_event": 1,
    "newest_event": 1042,
}
TIMING: views.TimingView = {
    "count": 49,
    "mean_ms": 1.204,
    "p50_ms": 1.01,
    "p95_ms": 2.31,
    "p99_ms": 4.75,
}
ROUTE_TIMING: views.RouteTimingView = {
    "method": "GET",
    "route": "/api/v1/resources",
    "errors": 0,
    "refused": 0,
    "unchanged": 1,
    **TIMING,
}
QUERY_TIMING: views.QueryTimingView = {"query": "page of events", "failed": 0, **TIMING}
OPTIMIZATION: views.OptimizationView = {
    "rule": "low-cache-hit-rate",
    "subject": "GET /api/v1/resources",
    "figure": 0.0204,
    "bound": 0.2,
    "message": "480 of 490 answers were told in full",
    "remedy": "let callers send the `ETag` that they have as `If-None-Match`",
}
DAEMON: views.DaemonView = {
    "status": "running",
    "version": "0.1.0",
    "uptime_s": 86400.0,
    "last_pass_age_s": 0.8,
    "last_heartbeat_age_s": 4.2,
    "problems": [],
    "node_id": NODE_ID,
    "pid": 4242,
    "started_at": "2026-01-30T12:00:00.000Z",
    "resources": 12,
    "listeners": {"socket": "/var/lib/holdfast/holdfast.sock", "public": "127.0.0.1:8081"},
    "warnings": [],
}
API_KEY: views.ApiKeyView = {
    "id": "key-6bfa1c6cf3a3",
    "name": "CI Pipeline",
    "ref": "apikey/ci-pipeline",
    "prefix": "sk-3n0aZ",
    "permissions": ["read", {"scope": "services:write", "labels": {"app": "shop"}}],
    "enabled": True,
    "created_at": "2026-01-31T12:00:00.000Z",
    "expires_at": "2026-05-01T12:00:00Z",
    "rotated_at": None,
    "last_used_at": None,
    "rate_limit": {"per_minute": 60},
}
AUDIT: views.AuditView = {
    "id": 1040,
    "timestamp": "2026-01-31T12:00:00.000Z",
    "actor": "apikey/ci-pipeline",
    "action": "operation.apply",
    "resource": ["service/web"],
    "result": "ok",
    "request_id": "req-6bfa1c6cf3a3",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "address": "127.0.0.1",
    "data": {"operation": "op-6bfa1c6cf3a3"},
}
OVERRIDE: views.OverrideView = {
    "id": "ov-6bfa1c6cf3a3",
    "ref": "service/web",
    "patch": {"suspend": True},
    "author": "uid:1000 ada",
    "reason": "looking into it",
    "created": "2026-01-31T12:00:00.000Z",
    "until": "2026-01-31T14:00:00.000Z",
}

EXAMPLES: Mapping[str, Any] = {
    "SourceView": SOURCE,
    "RebuiltView": REBUILT,
    "NodeView": NODE,
    "MachineView": MACHINE,
    "StatsView": STATS,
    "DaemonView": DAEMON,
    "SystemView": {"machine": MACHINE, "process": STATS, "resources": COUNTS},
    "ApiKeyView": API_KEY,
    "NewApiKeyView": {**API_KEY, "secret": "sk-3n0aZ…"},
    "AuditView": AUDIT,
    "OverrideView": OVERRIDE,
    "RevisionView": {
        "revision": REVISION,
        "at": "2026-01-31T12:00:00.412Z",
        "outcome": "ready",
        "message": "",
    },
    "HookView": {"source": "root", "fetch": "now"},
    "PerformanceView": {
        "uptime_s": 86400.0,
        "requests": [ROUTE_TIMING],
        "queries": [QUERY_TIMING],
    },
    "RouteTimingView": ROUTE_TIMING,
    "QueryTimingView": QUERY_TIMING,
    "OptimizationView": OPTIMIZATION,
    "OptimizationsView": {
        "uptime_s": 86400.0,
        "suggestions": [OPTIMIZATION],
    },
    "MeView": {
        "actor": "apikey/ci-pipeline",
        "permissions": API_KEY["permissions"],
        "key": API_KEY,
        "session": None,
        "expires_at": None,
    },
    "TokenView": {
        "access_token": "eyJhbGciOiJFZERTQSIs…",
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": "eyJhbGciOiJFZERTQSIs…",
        "refresh_expires_in": 604800,
    },
    "RefreshBody": {"refresh_token": "eyJhbGciOiJFZERTQSIs…"},
    "JwksView": {
        "keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "alg": "EdDSA", "use": "sig", "x": "11qY…"}]
    },
    "ApiKeyBody": {
        "name": "CI Pipeline",
        "permissions": ["read", "services:write"],
        "expires_at": "2026-05-01T12:00:00Z",
        "rate_limit": {"per_minute": 60},
    },
    "ChangedApiKeyBody": {"permissions": ["read"], "enabled": True},
    "RotateBody": {"grace_seconds": 3600},
}
