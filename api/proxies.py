"""Proxies that are trusted: what they say of whom they ask for is believed, what anybody else says is not.

Rules: `X-Forwarded-For` is read from its end, for the beginning is what the caller has written; the first
address that is no trusted proxy's is the caller's. What makes no sense is passed over. A trusted proxy may
ask by whatever name it is itself known by.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

SCHEMES = frozenset({"http", "https"})


class Proxies:
    def __init__(self, inner: ASGIApp, trusted: Sequence[str]) -> None:
        self._inner = inner
        self._trusted = [ip_network(text, strict=False) for text in trusted]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client") if self._trusted else None
        if scope["type"] != ScopeType.HTTP or client is None or not self._is_trusted(client[0]):
            await self._inner(scope, receive, send)
            return
        told = scope.copy()
        told["state"]["proxied"] = True
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        told["client"] = (self._caller(",".join(given), client[0]), 0)
        scheme = dict(scope["headers"]).get(b"x-forwarded-proto", b"").decode("latin-1").strip().lower()
        if scheme in SCHEMES:
            told["scheme"] = scheme
        await self._inner(told, receive, send)

    def _caller(self, header: str, proxy: str) -> str:
        caller = proxy
        for text in reversed(header.split(",")):
            try:
                caller = str(ip_address(text.strip()))
            except ValueError:
                return caller
            if not self._is_trusted(caller):
                return caller
        return caller

    def _is_trusted(self, address: str) -> bool:
        with suppress(ValueError):
            return any(ip_address(address) in network for network in self._trusted)
        return False
