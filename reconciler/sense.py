"""Which values of a setting make sense: asked where one is written, so that a slip is told at its place.

Rules: a setting without a rule of its own takes any text, and any number from zero up; nothing is imported
that a command without settings would wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any, Final

LEVELS: Final = ("debug", "info", "warning", "error")
FORMATS: Final = ("text", "json")
HIGHEST_PORT: Final = 65535


def remedy(setting: str, value: Any) -> str:  # noqa: ANN401 - of the setting's type
    """What to write instead; empty: it makes sense."""
    if isinstance(value, int | float):
        least = LEAST.get(setting, 0)
        return "" if isfinite(value) and value >= least else f"write a number, {least} or more"
    holds, instead = RULES.get(setting, (_anything, ""))
    return "" if holds(value) else instead


def _anything(_: object) -> bool:
    return True


def _networks(texts: tuple[str, ...]) -> bool:
    from ipaddress import ip_network

    with suppress(ValueError):
        return all(ip_network(text, strict=False) for text in texts)
    return False


def _address(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    whole = bool(host and colon) and not set(host) & set("/@ ")
    return whole and port.isascii() and port.isdigit() and int(port) <= HIGHEST_PORT


def _collector(text: str) -> bool:
    from urllib.parse import urlsplit

    with suppress(ValueError):
        return not text or (urlsplit(text).scheme in {"http", "https"} and bool(urlsplit(text).hostname))
    return False


_ADDRESS: Final = "write HOST:PORT, as in 127.0.0.1:8081"

LEAST: Final[Mapping[str, float]] = {
    "reconcile.workers": 1,
    "reconcile.interval_s": 0.05,
    "api.max_body_bytes": 1,
}
RULES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "api.listen": (_address, _ADDRESS),
    "api.trusted_proxies": (_networks, "write addresses or networks, as in 127.0.0.1 or 10.0.0.0/8"),
    "daemon.legacy_listen": (lambda text: not text or _address(text), f"{_ADDRESS}, or nothing"),
    "log.level": (LEVELS.__contains__, f"write one of {', '.join(LEVELS)}"),
    "log.format": (FORMATS.__contains__, f"write one of {', '.join(FORMATS)}"),
    "tracing.otlp_endpoint": (_collector, "write a URL, as in http://localhost:4318/v1/traces"),
}
