"""A real node with its API, on a scratch folder and ports that are free."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from litestar.types import ASGIApp

from api import listen
from api.app import layered
from api.connections import Connections, Limits
from api.identity import Door
from api.listener import Listener
from api.stream import Closing
from api.wire import config_of
from reconciler.model import Event, JsonValue, Ref
from reconciler.ports.clock import Clock
from reconciler.runtime.desk import Desk
from reconciler.runtime.keyring import hash_of
from reconciler.runtime.node import CLOCK, Node, open_node
from reconciler.settings import Settings, load

KEYS = """\
apiVersion: holdfast.dev/v1
kind: Key
metadata: {{name: {name}, labels: {{app: shop, tier: {tier}}}}}
spec: {{role: creator, generate: true}}
"""
API_KEY = """\
apiVersion: holdfast.dev/v1
kind: ApiKey
metadata: {{name: {name}}}
spec: {{permissions: [{permissions}], hashes: ["{hash}"]}}
"""
PATIENCE_S = 60.0
LIMITS = Limits()


def key(name: str, tier: str = "web") -> str:
    return KEYS.format(name=name, tier=tier)


def secret(letter: str) -> str:
    """An API key's, as long as they are."""
    return f"sk-{letter * 43}"


def api_key(name: str, secret: str, permissions: str) -> str:
    return API_KEY.format(name=name, permissions=permissions, hash=hash_of(secret))


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for is another task's work
            await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Running:
    node: Node
    socket: httpx.AsyncClient  # as the owner
    public: httpx.AsyncClient  # over TCP, as anybody
    internal: httpx.AsyncClient
    source: Path  # the folder that declares

    @property
    def path(self) -> str:
        """The Unix socket."""
        return str(self.node.settings.socket)

    def address(self, door: str) -> tuple[str, int]:
        host, _, port = self.node.desk.daemon.listeners[door].rpartition(":")
        return host, int(port)

    async def ready(self, *refs: str) -> None:
        """Wait until these are there and ready."""
        statuses = self.node.engine.status
        named = [self.node.desk.ref(ref) for ref in refs]
        await until(lambda: all((status := statuses(ref)) is not None and status.ready for ref in named))

    async def judged(self, source: str = "root") -> None:
        """Wait until what is in force is known to have come up: no more is written about it."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.node.store.revisions(source, 1))[0].outcome != "ready":  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A short path: a Unix socket's address has room for about a hundred bytes."""
    return tempfile.TemporaryDirectory(prefix="hf")


def settings_in(folder: Path, **flags: object) -> Settings:
    free = {"api.listen": "127.0.0.1:0", "daemon.legacy_listen": "127.0.0.1:0", "limits.enabled": False}
    return load(
        str(folder), {**free, **{name.replace("__", "."): value for name, value in flags.items()}}, {}
    )


@asynccontextmanager
async def living(
    settings: Settings, root: Mapping[str, object] | None = None, clock: Clock = CLOCK
) -> AsyncIterator[Node]:
    """A node at work, with its API open."""
    async with open_node(settings, root, living=True, clock=clock) as node:
        work = asyncio.create_task(node.run())
        try:
            await until(lambda: work.done() or "socket" in node.desk.daemon.listeners)
            yield node
        finally:
            node.stopping.set()
            await work


@asynccontextmanager
async def running(manifests: str = "", *, clock: Clock = CLOCK, **flags: object) -> AsyncIterator[Running]:
    """A node that follows a folder with these manifests."""
    with scratch() as folder:
        source = Path(folder, "source")
        source.mkdir()
        (source / "all.yaml").write_text(manifests or key("release"))
        settings = settings_in(Path(folder, "data"), **flags)
        async with (
            living(settings, {"directory": {"path": str(source)}}, clock) as node,
            _clients(node) as clients,
        ):
            yield Running(node, *clients, source)


@asynccontextmanager
async def _clients(
    node: Node,
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient, httpx.AsyncClient]]:
    listeners = node.desk.daemon.listeners
    expected = {"socket", "internal"} | ({"public"} if node.settings.api.enabled else set())
    await until(lambda: expected <= listeners.keys())
    transport = httpx.AsyncHTTPTransport(uds=str(node.settings.socket))
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://holdfast", timeout=PATIENCE_S) as socket,
        httpx.AsyncClient(base_url=f"http://{listeners.get('public')}", timeout=PATIENCE_S) as public,
        httpx.AsyncClient(base_url=f"http://{listeners['internal']}", timeout=PATIENCE_S) as internal,
    ):
        yield socket, public, internal


@asynccontextmanager
async def serving_at(
    desk: Desk, limits: Limits = LIMITS, most: int = 100, grace_s: float = PATIENCE_S
) -> AsyncIterator[str]:
    """The API before this desk at a Unix socket of its own."""
    closing = Closing()
    app = layered(desk, Settings(Path()), closing)
    async with listening(app, closing, limits, most, grace_s) as path:
        yield path


@asynccontextmanager
async def listening(
    app: ASGIApp, closing: Closing, limits: Limits = LIMITS, most: int = 100, grace_s: float = PATIENCE_S
) -> AsyncIterator[str]:
    """An application at a Unix socket."""
    with scratch() as folder:
        path = Path(folder, "s")
        listener = Listener(listen.unix(path), config_of(app), Connections(Door.SOCKET, most, limits))
        try:
            yield str(path)
        finally:
            listener.stop_accepting()
            closing.tell()
            await listener.finish(grace_s)


@asynccontextmanager
async def serving(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with serving_at(desk) as path, asking(path) as client:
        yield client


def asking(path: str) -> httpx.AsyncClient:
    """A client of this Unix socket."""
    transport = httpx.AsyncHTTPTransport(uds=path)
    return httpx.AsyncClient(transport=transport, base_url="http://holdfast", timeout=PATIENCE_S)


async def publish(api: Running, *names: str, subject: Ref | None = None, **data: JsonValue) -> None:
    now = api.node.clock.now()
    await api.node.store.commit(*(Event(name, now, subject, data) for name in names))


async def newest(api: Running) -> int:
    return (await api.node.store.event_ids())[1]
