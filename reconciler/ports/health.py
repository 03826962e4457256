"""How to tell whether a process does its work, and what was found."""

from __future__ import annotations

from enum import StrEnum

from reconciler.records import dataclass


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """Healthy when it exits with 0. Run in the process's own environment, folder and user."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """Healthy when it answers with a status from 200 to 399."""

    url: str


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """Healthy when it accepts a connection."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Check:
    """How to tell that a process does its work, and how often to ask."""

    by: CommandCheck | HttpCheck | TcpCheck
    interval_s: float = 10.0
    timeout_s: float = 5.0
    retries: int = 3  # failures in a row until it counts as unhealthy
    start_period_s: float = 30.0  # failures before its end do not count


class HealthState(StrEnum):
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Health:
    state: HealthState = HealthState.STARTING
    failures: int = 0  # in a row
    message: str = ""  # of the last failure
