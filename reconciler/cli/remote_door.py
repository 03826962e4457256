"""The door to a running node: each verb is one route of its API."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.cli.remote import Remote, located
from reconciler.cli.waiting_time import LOOK_S
from reconciler.ref_text import parted

if TYPE_CHECKING:
    from reconciler.runtime.bundle import Bundle
    from reconciler.views import (
        ApiKeyView,
        AuditView,
        CauseView,
        EventView,
        NewApiKeyView,
        NodeView,
        OperationView,
        OverrideView,
        PlannedView,
        PreviewView,
        ResourceView,
        RevisionView,
        ServiceUsageView,
        SourceView,
        StatusView,
    )

V1 = "/api/v1"


class RemoteDoor:
    living = True

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        return self._remote.ask("GET", V1 + path, query)

    def _post(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        return self._remote.ask("POST", V1 + path, None, body, timeout=300.0)

    def node(self) -> NodeView:
        return self._get("/status")  # type: ignore[no-any-return]

    def resources(self, query: Mapping[str, str]) -> list[ResourceView]:
        return list(self._stretches("/resources/all", query))

    def statuses(self, refs: Sequence[str]) -> list[StatusView]:
        named: dict[tuple[str, str], list[str]] = {}
        for kind, namespace, name in map(parted, refs):
            named.setdefault((kind, namespace), []).append(name)
        found: list[StatusView] = []
        for (kind, namespace), names in named.items():
            wanted = frozenset(names)
            query = {"kind": kind, "namespace": namespace}
            if len(names) == 1:
                query["name"] = names[0]
            found += (one for one in self._stretches("/status/all", query) if one["name"] in wanted)
        return found

    def usage(self, query: Mapping[str, str]) -> list[ServiceUsageView]:
        return list(self._stretches("/metrics/services", query))

    def looks(self, refs: Sequence[str]) -> Generator[list[StatusView], None, None]:
        """Without an end; to look takes a fifth of a node's time at most, however much it is."""
        while True:
            began = time.monotonic()
            statuses = self.statuses(refs)
            pause = max(LOOK_S, 4 * (time.monotonic() - began))
            yield statuses
            time.sleep(pause)

    def _stretches(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        cursor: str | None = ""
        while cursor is not None:
            more = {"cursor": cursor} if cursor else {}
            piece = self._get(path, {**query, **more})
            yield from piece["data"]
            cursor = piece["next"]

    def resource(self, ref: str) -> ResourceView:
        return self._get(self._path(ref))  # type: ignore[no-any-return]

    def plans(self, ref: str) -> list[PlannedView]:
        return self._get(f"{self._path(ref)}/plans")  # type: ignore[no-any-return]

    def causes(self, ref: str) -> list[CauseView]:
        return self._get(f"{self._path(ref)}/causes")  # type: ignore[no-any-return]

    def graph(self) -> dict[str, list[str]]:
        return self._get("/graph")  # type: ignore[no-any-return]

    def sources(self) -> list[SourceView]:
        return self._get("/sources", {"per_page": "100"})["data"]  # type: ignore[no-any-return]

    def revisions(self, source: str) -> list[RevisionView]:
        return self._get(f"/sources/{located(source)}/revisions")  # type: ignore[no-any-return]

    def events(self, query: Mapping[str, str], number: int) -> list[EventView]:
        """The latest, the oldest of them first."""
        return self._latest("/events/history", query, number)

    def audit(self, query: Mapping[str, str], number: int) -> list[AuditView]:
        return self._latest("/audit", query, number)

    def _latest(self, path: str, query: Mapping[str, str], number: int) -> list[Any]:
        found: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            more = {"cursor": cursor} if cursor else {}
            piece = self._get(path, {**query, **more, "limit": "100"})
            found = [*found, *piece["data"]][-number:]
            cursor = piece["next"]
        return found

    def diff(self, bundle: Bundle) -> PreviewView:
        return self._post("/diff", bundle.to_json())  # type: ignore[no-any-return]

    def rehearse(self, bundle: Bundle) -> PreviewView:
        return self._post("/apply?dryRun=true", bundle.to_json())  # type: ignore[no-any-return]

    def apply(self, bundle: Bundle, *, at_once: bool) -> OperationView:
        return self._post("/apply", bundle.to_json())  # type: ignore[no-any-return]

    def delete(self, refs: Sequence[str], *, allow_prune: bool) -> OperationView:
        body = {"refs": list(refs), "allow_prune": allow_prune}
        return self._post("/delete", body)  # type: ignore[no-any-return]

    def override(self, ref: str, patch: Mapping[str, Any], reason: str, last: str) -> OverrideView:
        body = {"ref": ref, "patch": dict(patch), "reason": reason, "for": last}
        return self._post("/overrides", body)  # type: ignore[no-any-return]

    def end_override(self, ref: str) -> None:
        self._remote.ask("DELETE", f"{V1}/overrides/{located(*parted(ref))}")

    def reconcile(self, refs: Sequence[str], *, allow_prune: bool) -> OperationView:
        body = {"refs": list(refs), "allow_prune": allow_prune}
        return self._post("/reconcile", body)  # type: ignore[no-any-return]

    def rollback(self, source: str, revision: str, reason: str) -> OverrideView:
        body = {"revision": revision, "reason": reason}
        return self._post(f"/sources/{located(source)}/rollback", body)  # type: ignore[no-any-return]

    def keys(self) -> list[ApiKeyView]:
        found: list[ApiKeyView] = []
        page = 1
        while True:
            piece = self._get("/auth/keys", {"page": str(page), "per_page": "100"})
            found += piece["data"]
            if piece["links"]["next"] is None:
                return found
            page += 1

    def key(self, name: str) -> ApiKeyView:
        return self._get(f"/auth/keys/{located(name)}")  # type: ignore[no-any-return]

    def revoke_key(self, name: str) -> None:
        self._remote.ask("DELETE", f"{V1}/auth/keys/{located(name)}")

    def rotate_key(self, name: str, grace_s: int) -> NewApiKeyView:
        path = f"/auth/keys/{located(name)}/rotate"
        return self._post(path, {"grace_seconds": grace_s})  # type: ignore[no-any-return]

    def create_key(
        self, name: str, permissions: Sequence[str], expires_at: str | None, namespace: str
    ) -> NewApiKeyView:
        path = f"/auth/keys?namespace={located(namespace)}"
        body = {"name": name, "permissions": list(permissions)}
        if expires_at is not None:
            body["expires_at"] = expires_at
        return self._post(path, body)  # type: ignore[no-any-return]

    def _path(self, ref: str) -> str:
        return f"/resources/{located(*parted(ref))}"
