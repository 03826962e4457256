"""The door to a node in this process, for as long as a command takes: the same desk, without a server.

Rules: one node a data folder, so it holds the folder's lock; a command that only reads takes no lock and
leaves no trace; what needs a living node is recorded, and said to wait for one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Generator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.cli.waiting_time import LOOK_S, seconds
from reconciler.errors import Invalid, Unavailable
from reconciler.ports.store import EventFilter
from reconciler.runtime.asker import Asker
from reconciler.runtime.looking import Looked, look
from reconciler.runtime.node import Node, open_node, read_node
from reconciler.runtime.own_sources import declare_own_sources
from reconciler.runtime.rights import Rights
from reconciler.settings import load

if TYPE_CHECKING:
    from reconciler.runtime.bundle import Bundle
    from reconciler.runtime.desk import Desk
    from reconciler.store.beside import Kept
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

R = TypeVar("R")
EVERY = 1_000_000


class LocalDoor:
    living = False

    def __init__(self, node: Node, runner: asyncio.Runner) -> None:
        self._node = node
        self._runner = runner
        self._by = Asker(f"uid:{os.getuid()}")
        self._peeked = False
        self._looked: tuple[Bundle, Looked] | None = None

    @property
    def _whole(self) -> Desk:
        """The desk, once all is known that the node declares and that lies in the inbox."""
        if not self._peeked:
            self._peeked = True
            self._wait(declare_own_sources(self._node))
            self._wait(self._node.desk.inbox_reader.peek_whole())
        return self._node.desk

    def node(self) -> NodeView:
        return self._whole.node()

    def resources(self, query: Mapping[str, str]) -> list[ResourceView]:
        from reconciler.runtime.window import Selection

        labels = _labels(query.get("labels", ""))
        names = (query["name"],) if "name" in query else ()
        return self._whole.resources(
            Selection(query.get("kind", ""), query.get("namespace", ""), names, labels)
        )

    def resource(self, ref: str) -> ResourceView:
        return self._whole.resource(self._whole.ref(ref))

    def statuses(self, refs: Sequence[str]) -> list[StatusView]:
        desk = self._whole
        named = (desk.ref(ref) for ref in refs)
        return [desk.status(ref) for ref in named if ref in self._node.engine.book]

    def looks(self, refs: Sequence[str]) -> Generator[list[StatusView], None, None]:
        """While the engine works, until nothing is left that it can do now."""
        working: asyncio.Task[None] = self._wait(self._begun(self._bring_about()))
        try:
            while self._wait(_still_works(working)):
                yield self.statuses(refs)
            yield self.statuses(refs)
        finally:
            self._wait(_ended(working))

    async def _begun(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(work)

    def plans(self, ref: str) -> list[PlannedView]:
        return self._wait(self._whole.plans(self._whole.ref(ref)))

    def causes(self, ref: str) -> list[CauseView]:
        return self._whole.why(self._whole.ref(ref))

    def graph(self) -> dict[str, list[str]]:
        return self._whole.graph()

    def sources(self) -> list[SourceView]:
        return self._whole.sources()

    def revisions(self, source: str) -> list[RevisionView]:
        return self._wait(self._whole.revisions(source))

    def usage(self, query: Mapping[str, str]) -> list[ServiceUsageView]:
        from reconciler.runtime.window import Selection

        found = self._whole.refs(Selection("Service", query.get("namespace", "")))
        return list(map(self._wait(self._whole.usage()), found))

    def events(self, query: Mapping[str, str], number: int) -> list[EventView]:
        subject = self._whole.ref(query["subject"]) if "subject" in query else None
        names = (query["type"],) if "type" in query else ()
        only = EventFilter(names, subject, since=_moment(query))
        found, _ = self._wait(self._node.desk.events(0, EVERY, only))
        return found[-number:]

    def audit(self, query: Mapping[str, str], number: int) -> list[AuditView]:
        names = (query["action"],) if "action" in query else ()
        only = EventFilter(names, since=_moment(query), actor=query.get("actor", ""), asked=True)
        return self._wait(self._node.desk.audit(0, EVERY, only))[-number:]

    def diff(self, bundle: Bundle) -> PreviewView:
        rights = Rights(self._node.kinds, self._node.engine.book)
        self._looked = bundle, self._wait(look(self._node, rights, bundle))
        return self._looked[1].view()

    def rehearse(self, bundle: Bundle) -> PreviewView:
        return self._wait(self._node.desk.rehearse(bundle, self._just_looked(bundle)))

    def apply(self, bundle: Bundle, *, at_once: bool) -> OperationView:
        looked = self._just_looked(bundle) if at_once else None
        return self._wait(self._node.desk.apply(bundle, self._by, looked))

    def _just_looked(self, bundle: Bundle) -> Looked | None:
        """What `diff` has found of the same."""
        about, looked = self._looked or (None, None)
        return looked if about is not None and replace(bundle, expect=about.expect) == about else None

    def delete(self, refs: Sequence[str], *, allow_prune: bool) -> OperationView:
        chosen = [self._whole.ref(ref) for ref in refs]
        done = self._whole.delete(chosen, self._by, allow_prune=allow_prune)
        return self._wait(self._brought_about(done))

    def override(self, ref: str, patch: Mapping[str, Any], reason: str, last: str) -> OverrideView:
        until = timedelta(seconds=seconds(last)) if last else None
        return self._wait(self._whole.override(self._whole.ref(ref), patch, self._by, reason, until))

    def end_override(self, ref: str) -> None:
        self._wait(self._whole.end_override(self._whole.ref(ref), self._by))

    def reconcile(self, refs: Sequence[str], *, allow_prune: bool) -> OperationView:
        chosen = [self._whole.ref(ref) for ref in refs]
        done = self._whole.reconcile(chosen, self._by, allow_prune=allow_prune)
        return self._wait(self._brought_about(done))

    def rollback(self, source: str, revision: str, reason: str) -> OverrideView:
        return self._wait(self._whole.rollback(source, revision, self._by, reason))

    def keys(self) -> list[ApiKeyView]:
        return self._whole.api_keys.every()

    def key(self, name: str) -> ApiKeyView:
        return self._whole.api_keys.one(name)

    def revoke_key(self, name: str) -> None:
        self._wait(self._brought_about(self._whole.api_keys.revoke(name, self._by)))

    def rotate_key(self, name: str, grace_s: int) -> NewApiKeyView:
        made = self._whole.api_keys.rotate(name, timedelta(seconds=grace_s), self._by)
        return self._wait(self._brought_about(made))

    def create_key(
        self, name: str, permissions: Sequence[str], expires_at: str | None, namespace: str
    ) -> NewApiKeyView:
        fields = {"permissions": list(permissions), "expiresAt": expires_at}
        made = self._whole.api_keys.create(name, fields, self._by, namespace=namespace)
        return self._wait(self._brought_about(made))

    @property
    def something_runs(self) -> bool:
        """Of what a node has left running at its end, and has not let go of."""
        from reconciler.ports.processes import RELEASED, ProcessState

        try:
            found = self._node.drivers.processes.processes().values()
        except Unavailable:
            return True  # it cannot be told from outside, so it is for a keeper to find
        return any(one.state is not ProcessState.EXITED and RELEASED not in one.care.labels for one in found)

    def end_services(self, patience_s: float) -> bool:
        """Whether all have ended in time; those that have not go on ending."""
        return self._wait(self._end_services(patience_s))

    async def _end_services(self, patience_s: float) -> bool:
        try:
            await self._node.desk.daemon.end_services(self._by, patience_s)
        except TimeoutError:
            return False
        return True

    def _wait(self, asked: Coroutine[Any, Any, R]) -> R:
        answers: list[R] = []

        async def answered() -> None:
            answers.append(await asked)

        self._runner.run(answered())  # which makes a text of what a task returns, however large it is
        return answers[0]

    async def _brought_about(self, asked: Coroutine[Any, Any, R]) -> R:
        """Do it, and let the engine work until nothing is left that it can do now."""
        done = await asked
        await self._bring_about()
        return done

    async def _bring_about(self) -> None:
        """The engine goes on trying, and cannot write down why: what the store refused last is the cause."""
        await self._node.engine.bring_about()
        if self._node.store.refused is not None:
            raise self._node.store.refused


async def _still_works(working: asyncio.Task[None]) -> bool:
    done, _ = await asyncio.wait({working}, timeout=LOOK_S)
    return not done


async def _ended(working: asyncio.Task[None]) -> None:
    working.cancel()
    await asyncio.wait({working})
    if not working.cancelled():
        working.result()


def _labels(text: str) -> dict[str, str]:
    """`a=b,c=d`."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise Invalid(f"labels: '{text}' is no label and its value", remedy="write `-l app=web,tier=db`")
    return {name: value for name, _, value in pairs}


@contextmanager
def local_door(data: Path, *, reading: bool, kept: Kept | None = None) -> Iterator[LocalDoor]:
    settings = load(str(data))
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        opened = read_node(settings, kept) if reading else open_node(settings, living=False)
        node = runner.run(stack.enter_async_context(opened))
        try:
            yield LocalDoor(node, runner)
        finally:
            with suppress(KeyboardInterrupt):
                runner.run(stack.aclose())


def _moment(query: Mapping[str, str]) -> datetime | None:
    since = datetime.fromisoformat(query["since"]) if "since" in query else None
    return since.replace(tzinfo=since.tzinfo or UTC) if since is not None else None
