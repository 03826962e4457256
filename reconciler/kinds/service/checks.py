"""How it is told that a service is healthy, field by field as a person writes it. Pure.

Rules: what is compared and shown has the names of the manifest; those who ask have words of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.errors import Invalid
from reconciler.kinds.service.spec import Health, ServiceSpec
from reconciler.model import Case, Need
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


def ask_only_for_what_is_told(case: Case[ServiceSpec, Any]) -> None:
    """Refuse to wait for the health of a service that tells none: it would be healthy whenever it runs.

    A group refuses that as it is read; a service on its own is met here, since the other may stand anywhere.
    """
    for ref, need in case.want.needs.items():
        other = look.want.spec if (look := case.look.get(ref)) is not None and look.want is not None else None
        if need is Need.HEALTHY and isinstance(other, ServiceSpec) and other.health is None:
            raise Invalid(
                f"needs {ref} to be healthy, and nothing tells whether it is",
                remedy=f"give {ref} a `health`, or need it `started`",
            )


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
