"""How a person writes that a service is healthy, in the words of those who ask it. Pure."""

from __future__ import annotations

from reconciler.errors import Invalid
from reconciler.kinds.service.spec import Health
from reconciler.ports.health import Check, CommandCheck, HttpCheck, TcpCheck


def check(health: Health) -> Check:
    by = probe(health)
    return Check(
        by,
        health.interval.total_seconds(),
        health.timeout.total_seconds(),
        health.retries,
        health.start_period.total_seconds(),
    )


def probe(health: Health) -> CommandCheck | HttpCheck | TcpCheck:
    if health.command is not None:
        return CommandCheck(health.command)
    if health.http is not None:
        return HttpCheck(health.http.url)
    if health.tcp is None:
        raise Invalid("a health check without a way to check")
    return TcpCheck(health.tcp.host, health.tcp.port)
