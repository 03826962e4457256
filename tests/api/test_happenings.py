"""What happens to services, groups and keys is told in words of its own; each is on the page of events."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.runtime.clock import SystemClock
from reconciler.sources.directory import DirectoryFeed
from tests.api.nodes import PATIENCE_S, Running, api_key, key, running, secret, until
from tests.saving import save

PAGE = Path("docs/reference/events.md")
ROW = re.compile(r"^\| `([a-z_]+\.[a-z_-]+)` \|", re.MULTILINE)
NAME = re.compile(r"[a-z_]+\.[a-z_-]+")
MADE = {  # names that are put together, or handed on
    *(f"resource.{word}" for word in ("ready", "unready", "stalled")),
    *(f"reconcile.{word}" for word in ("removed", "released", "withdrawn")),
    *(f"source.{word}" for word in ("applied", "ready", "failed", "rolled-back", "held", "refused")),
    *(f"operation.{word}" for word in ("apply", "delete", "override", "end-override", "reconcile", "push")),
    *(f"session.{word}" for word in ("ended", "misused")),
    *(f"plugin.{word}" for word in ("loaded", "unloaded")),
}
OF_A_STREAM = "stream."  # stands in no log
SHOP = """\
apiVersion: holdfast.dev/v1
kind: ServiceGroup
metadata: {name: shop}
spec:
  services:
    web: {command: [sleep, "1000"]}
"""


async def told(api: Running, *prefixes: str) -> list[tuple[str, str]]:
    """All of these so far, each with what it is about."""
    names = ",".join(f"{prefix}.*" for prefix in prefixes)
    answer = (await api.socket.get("/api/v1/events/history", params={"type": names, "limit": 100})).json()
    return [(one["event"], one["subject"]["id"]) for one in answer["data"]]


async def until_told(api: Running, number: int, *prefixes: str) -> list[tuple[str, str]]:
    async with asyncio.timeout(PATIENCE_S):
        while len(found := await told(api, *prefixes)) < number:
            pass
    return found


@pytest.mark.req("EVT-09", "EVT-02")
async def test_the_life_of_a_group_and_its_service() -> None:
    async with running(SHOP) as api:
        api.node.ends_services = True  # and with them who keeps them
        await api.ready("servicegroup/shop")
        group, web = "servicegroup/shop", "service/shop.web"
        beginning = [("service.started", web), ("group.started", group)]
        assert await until_told(api, 2, "service", "group") == beginning
        os.kill(api.node.desk.resource(api.node.desk.ref(web))["facts"]["pid"], signal.SIGKILL)
        found = await until_told(api, 4, "service", "group")
        assert [one for one in found[2:] if one[1] == web] == [
            ("service.stopped", web),
            ("service.started", web),
        ]
        (killed,) = [one for one in await api.node.store.events(0, 1000) if one.name == "service.stopped"]
        assert killed.data == {"exit_code": None, "signal": signal.SIGKILL}
        await api.ready("servicegroup/shop")
        save(api.source / "all.yaml", key("release"))
        await until(lambda: not [one for one in api.node.engine.book if one.ref.kind.startswith("Service")])
        found = await told(api, "service", "group")
        assert found[-2:] == [("service.stopped", web), ("group.stopped", group)]


@pytest.mark.req("EVT-09", "EVT-02")
async def test_keys_that_come_and_go() -> None:
    async with running("---\n".join((key("release"), api_key("ci", secret("c"), "read")))) as api:
        await api.ready("key/release", "apikey/ci")
        assert sorted(await told(api, "key")) == [
            ("key.created", "apikey/ci"),
            ("key.created", "key/release"),
        ]
        save(api.source / "all.yaml", key("other"))
        await api.ready("key/other")
        gone = {api.node.desk.ref("key/release"), api.node.desk.ref("apikey/ci")}
        await until(lambda: not gone & {one.ref for one in api.node.engine.book})
        revoked = [one for one in await told(api, "key") if one[0] == "key.revoked"]
        assert sorted(revoked) == [("key.revoked", "apikey/ci"), ("key.revoked", "key/release")]


class Deaf(DirectoryFeed):
    """Cannot be listened to."""

    async def changed(self) -> None:
        raise OSError("no ears")


@pytest.mark.req("EVT-08", "OBS-13", "OBS-03")
async def test_a_source_that_nobody_tells_of_changes_is_told_of(api: Running, tmp_path: Path) -> None:
    api.node.drivers.feeds["directory"] = lambda config: Deaf(config, SystemClock())
    quiet = "apiVersion: holdfast.dev/v1\nkind: Source\nmetadata: {name: quiet}\n"
    save(api.source / "quiet.yaml", f"{quiet}spec: {{directory: {{path: {tmp_path}}}}}\n")
    await api.ready("source/quiet")
    await until(lambda: (state := api.node.sources.state("quiet")) is not None and state.deaf)
    await api.node.desk.health.notice()
    await api.node.desk.health.notice()
    (about,) = await told(api, "guardrail")
    assert about == ("guardrail.config_watcher", "source/quiet"), "once"
    answer = (await api.socket.get("/health/full")).json()
    part = answer["parts"]["source/quiet"]
    assert (answer["status"], part["status"]) == ("degraded", "degraded")
    assert "cannot be listened to" in part["message"]
    assert (await api.socket.get("/health")).json()["status"] == "running", "it is looked at instead"
    assert 'holdfast_source_unwatched{source="quiet"} 1' in (await api.socket.get("/metrics")).text


@pytest.mark.req("EVT-06", "EVT-08", "EVT-09")
def test_the_page_has_every_event_that_the_code_writes() -> None:
    written = set(MADE)
    for folder in ("reconciler", "api"):
        for file in Path(folder).rglob("*.py"):
            written |= set(_names(ast.parse(file.read_text())))
    rows = ROW.findall(PAGE.read_text())
    assert sorted(rows) == sorted(set(rows)), "each once"
    assert written == set(rows), f"`{PAGE}` lists every event: add what is new, take out what is gone"


def _names(module: ast.Module) -> Iterator[str]:
    """The first word of each `Event(...)` and `….event(...)`, and of what kinds tell."""
    constants = {
        target.id: value.value
        for one in module.body
        if isinstance(one, ast.Assign) and isinstance(value := one.value, ast.Constant)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(module):
        first: ast.expr | None = None
        match node:
            case ast.Call(func=ast.Name(id="Event") | ast.Attribute(attr="event"), args=[first, *_]):
                pass
            case ast.Yield(value=ast.Tuple(elts=[first, *_])):
                pass
        found = constants.get(first.id) if isinstance(first, ast.Name) else getattr(first, "value", None)
        if isinstance(found, str) and NAME.fullmatch(found) and not found.startswith(OF_A_STREAM):
            yield found
