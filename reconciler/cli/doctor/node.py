"""The node itself: who holds the folder, whether it answers and is well, and whether its ports are free."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

from reconciler.cli.doctor.finding import Finding, failed, ok, warning
from reconciler.cli.door import Where
from reconciler.errors import Problem
from reconciler.runtime.lock import is_free
from reconciler.settings import Settings


def node(where: Where) -> Iterator[Finding]:
    try:
        if not where.runs:
            yield _nobody(where.data)
            return
        health = where.remote().ask("GET", "/health/full")
    except Problem as problem:
        yield failed("node", problem.message, problem.remedy or "see its log")
        return
    yield ok("node", f"{health['status']}, up for {health['uptime_s']:.0f} s, version {health['version']}")
    if "parts" not in health:
        yield warning("node", "it names its parts only to who has a key", "give one with `--api-key`")
    for name, part in health.get("parts", {}).items():
        if part["status"] != "ok":
            told = failed if part["status"] == "failed" else warning
            yield told(name, part["message"], "`holdfast status` says more")


def _nobody(data: Path) -> Finding:
    if not is_free(data):
        return failed(
            "node",
            f"a process holds {data} and answers nobody",
            f"it may be starting, or ending; if it stays so, end it: `fuser -v {data / 'lock'}` names it",
        )
    return ok("node", "none runs, and nothing keeps one from starting")


def ports(settings: Settings) -> Iterator[Finding]:
    """Where no node runs: could it listen?"""
    wanted = {"daemon.legacy_listen": settings.daemon.legacy_listen}
    if settings.api.enabled:
        wanted["api.listen"] = settings.api.listen
    for setting, text in wanted.items():
        if text:
            yield port(setting, text)


def port(setting: str, text: str) -> Finding:
    check = f"port {text}"
    host, _, number = text.rpartition(":")
    host = host.strip("[]")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(number)))
    except OSError as error:
        who = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
        return failed(check, f"{who}", f"`ss -ltnp` names it; end it, or set `{setting}` to another address")
    except (ValueError, OverflowError):
        return failed(check, "is no address", f"set `{setting}` to HOST:PORT")
    return ok(check, f"free, for `{setting}`")
