"""Push hooks: whether the sender knows the source's secret, and a fetch for who does.

Rules: what a hook says is never read, it only makes the node look, so one that comes twice, late or from a
recording is harmless; a source is made to look at most once in `APART_S`, and no hook is lost by that; a
sender without the secret learns nothing, not even whether there is such a source; where there is no
secret, nothing is a proof.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING

from reconciler.errors import NotFound, Problem, Unauthorized
from reconciler.model import Ref
from reconciler.ref_text import DEFAULT_NAMESPACE
from reconciler.runtime.asker import Asker
from reconciler.runtime.daemon import Daemon
from reconciler.runtime.parts import Parts

if TYPE_CHECKING:
    from reconciler.views import HookView

APART_S = 1.0
LONGEST_SECRET = 4096
SIGNATURES = (  # HMAC-SHA256 of the body, in hex; `sha256=` may stand before it
    "x-hub-signature-256",  # GitHub, and Gitea and Forgejo besides their own
    "x-hub-signature",  # Bitbucket; GitHub's is SHA-1, and no proof
    "x-gitea-signature",
    "x-forgejo-signature",
    "x-gogs-signature",
    "x-holdfast-signature",
    "x-k1node-signature",  # as programs sign that were written for K1Node
)
GITLAB = "x-gitlab-token"
BEARER = "bearer "


class Proof:
    """Holds a hook against the secret while its body comes in; the body itself is not kept."""

    def __init__(self, secret: bytes) -> None:
        self._known = bool(secret)
        self._secret = secret or token_bytes(32)  # as much work where there is none
        self._mac = hmac.new(self._secret, digestmod=sha256)

    def feed(self, chunk: bytes) -> None:
        self._mac.update(chunk)

    def holds(self, headers: Mapping[str, str]) -> bool:
        signature = self._mac.hexdigest().encode()
        digest = sha256(self._secret).digest()
        matches = [
            *(hmac.compare_digest(signature, given) for given in _signatures(headers)),
            *(hmac.compare_digest(digest, sha256(given).digest()) for given in _tokens(headers)),
        ]
        return self._known and any(matches)


class Hooks:
    """`push` is the desk's: what is done for a hook is told like all that somebody asks for."""

    def __init__(self, node: Parts, daemon: Daemon, push: Callable[[str, Asker], Awaitable[object]]) -> None:
        self._node = node
        self._daemon = daemon
        self._push = push
        self._looked: dict[str, float] = {}
        self._soon: dict[str, asyncio.TimerHandle] = {}

    async def proof(self, source: str) -> Proof:
        try:
            return Proof(await asyncio.to_thread(self._secret, source))
        except Problem as problem:
            told = f"push hooks of source {source} cannot be checked: {problem.message}"
            await self._daemon.warn(f"hook {source}", told, problem.remedy)
            return Proof(b"")

    async def fetch(self, source: str, by: Asker) -> HookView:
        """Look at once, or, if that was done a moment ago, when the moment is over."""
        if by.dry_run:
            await self._push(source, by)
        loop = asyncio.get_running_loop()
        wait = self._looked.get(source, -APART_S) + APART_S - loop.time()
        if wait <= 0:
            self._looked[source] = loop.time()
            self._daemon.settle(f"hook {source}")
            await self._push(source, by)
        elif source not in self._soon:
            self._soon[source] = loop.call_later(wait, self._poke, source)
        view: HookView = {"source": source, "fetch": "now" if wait <= 0 else "soon"}
        await self._node.store.commit(by.event("webhook.received", self._node.clock.now(), {**view}))
        return view

    def _poke(self, source: str) -> None:
        del self._soon[source]
        self._looked[source] = asyncio.get_running_loop().time()
        with suppress(NotFound):  # it may be gone by now
            self._node.sources.poke(source)

    def _secret(self, source: str) -> bytes:
        state = self._node.sources.state(source)
        if state is None:
            return b""
        if named := state.config.hook:
            namespace = source.rpartition("/")[0] or DEFAULT_NAMESPACE
            secret = Ref("Secret", namespace, str(named["secret"]))
            return self._node.drivers.keystore.secrets.resolve(secret, str(named["key"])).strip().encode()
        if file := self._node.settings.api.hook_secret_file:
            return _read(Path(file))
        return b""


def unproven() -> Unauthorized:
    return Unauthorized(
        "this is no hook of a source of this node, or not signed with its secret",
        remedy="compare the secret in the forge's settings with the one that the source's `hook` names",
    )


def _signatures(headers: Mapping[str, str]) -> Iterator[bytes]:
    for name in SIGNATURES:
        if given := headers.get(name):
            yield given.removeprefix("sha256=").lower().encode()


def _tokens(headers: Mapping[str, str]) -> Iterator[bytes]:
    if given := headers.get(GITLAB):
        yield given.encode()
    authorization = headers.get("authorization", "")
    if authorization[: len(BEARER)].lower() == BEARER:
        yield authorization[len(BEARER) :].strip().encode()


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LONGEST_SECRET).strip()
    except OSError as error:
        raise NotFound(
            f"{file} cannot be read: {error.strerror}", remedy="see the setting `api.hook_secret_file`"
        ) from error
