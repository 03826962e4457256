"""How it is told that a service is healthy, field by field as a person writes it. Pure.

Rules: what is compared and shown has the names of the manifest; those who ask have words of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import Invalid
from reconciler.kinds.service.spec import Health
from reconciler.ports.health import Check, CommandCheck, HttpCheck, TcpCheck


@dataclass(frozen=True, slots=True)
class Checked:
    """One of the first three is there."""

    command: tuple[str, ...] | None = None
    http: HttpCheck | None = None
    tcp: TcpCheck | None = None
    interval_s: float = 10.0
    timeout_s: float = 5.0
    retries: int = 3
    start_period_s: float = 30.0

    @property
    def by(self) -> CommandCheck | HttpCheck | TcpCheck:
        if self.command is not None:
            return CommandCheck(self.command)
        if by := self.http or self.tcp:
            return by
        raise Invalid("a health check without a way to check")

    @property
    def check(self) -> Check:
        return Check(self.by, self.interval_s, self.timeout_s, self.retries, self.start_period_s)


def wished(health: Health) -> Checked:
    return Checked(
        health.command,
        None if health.http is None else HttpCheck(health.http.url),
        None if health.tcp is None else TcpCheck(health.tcp.host, health.tcp.port),
        health.interval.total_seconds(),
        health.timeout.total_seconds(),
        health.retries,
        health.start_period.total_seconds(),
    )


def found(check: Check) -> Checked:
    """How a process is checked."""
    by = check.by
    return Checked(
        by.argv if isinstance(by, CommandCheck) else None,
        by if isinstance(by, HttpCheck) else None,
        by if isinstance(by, TcpCheck) else None,
        check.interval_s,
        check.timeout_s,
        check.retries,
        check.start_period_s,
    )
