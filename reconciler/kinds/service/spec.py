"""What a person writes of a service and of a group of them."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from reconciler.model import Need, Part, Spec
from reconciler.quantities import Duration, Size, format_duration

SECOND = timedelta(seconds=1)
NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=63)]
Reference = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$", max_length=253)]
Argv = Annotated[tuple[str, ...], Field(min_length=1, max_length=1024)]


def _at_least(least: timedelta) -> AfterValidator:
    def checked(value: timedelta) -> timedelta:
        if value < least:
            raise ValueError(f"expected at least {format_duration(least)}")
        return value

    return AfterValidator(checked)


def _within_a_day(value: timedelta) -> timedelta:
    if value > timedelta(days=1):
        raise ValueError("expected at most 1d")
    return value


class FromSecret(Part):
    """A value that a `Secret` holds."""

    secret: str
    """The name of the `Secret`, in the same namespace."""
    key: str
    """Which of its values."""


class Http(Part):
    url: Annotated[str, StringConstraints(pattern=r"^http://")]
    """Healthy when it answers with a status from 200 to 399."""


class Tcp(Part):
    host: str = "127.0.0.1"
    """Where to connect to."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """Healthy when it accepts a connection."""


class Health(Part):
    """How to tell that a service does its work. Exactly one of `command`, `http` and `tcp`."""

    command: Argv | None = None
    """Healthy when it exits with 0; run in the service's own environment and folder."""
    http: Http | None = None
    """Healthy when it answers."""
    tcp: Tcp | None = None
    """Healthy when it accepts a connection."""
    interval: Annotated[Duration, _at_least(SECOND / 10)] = 10 * SECOND
    """How often to ask."""
    timeout: Annotated[Duration, _at_least(SECOND / 1000)] = 5 * SECOND
    """How long an answer may take."""
    retries: Annotated[int, Field(ge=1, le=100)] = 3
    """How many failures in a row make it unhealthy."""
    start_period: Duration = 30 * SECOND
    """How long after the start failures do not count."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.command, self.http, self.tcp)) != 1:
            raise ValueError("write exactly one of 'command', 'http' and 'tcp'")
        return self


class Logs(Part):
    """How much of the service's output is kept."""

    max_size: Annotated[Size, Field(ge=4 << 10, le=1 << 40)] = 10 << 20
    """A file that has grown to this is rotated."""
    keep: Annotated[int, Field(ge=1, le=100)] = 5
    """How many files are kept."""


class Restart(StrEnum):
    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class State(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"


def _known_signal(name: str) -> str:
    full = name if name.startswith("SIG") else f"SIG{name}"
    if full not in signal.Signals.__members__:
        raise ValueError("unknown signal; write one such as TERM, INT, QUIT or KILL")
    return signal.Signals[full].name.removeprefix("SIG")  # of two names the one that a process is told by


Signal = Annotated[str, AfterValidator(_known_signal)]


class ServiceFields(Part):
    """What a service is, wherever it is declared."""

    command: Argv
    """What is run, as a list; no shell. A first word with a slash is a path relative to the manifest."""
    env: Mapping[str, str | FromSecret] = Field(default_factory=dict)
    """The environment, on top of PATH, HOME, USER and LANG: texts, or references to a `Secret`'s values."""
    cwd: str = ""
    """The working folder; a relative one starts at the manifest. A data folder of its own when empty."""
    user: str = ""
    """Whose rights it runs with, `name` or `name:group`; the node's own when empty."""
    needs: Mapping[Reference, Need] = Field(default_factory=dict)
    """Other services, and how far they must be: `started`, `healthy` (by `health`), `completed`, `ready`."""
    health: Health | None = None
    """How to tell that it does its work."""
    restart: Restart = Restart.ALWAYS
    """What happens when it ends by itself: start again `always`, `on-failure`, or `never`."""
    stop_signal: Signal = "TERM"
    """The signal that asks it to end."""
    stop_grace: Annotated[Duration, AfterValidator(_within_a_day)] = 10 * SECOND
    """How long it may take to end before it is killed."""
    restart_on: tuple[str, ...] = ()
    """Files and folders beside the manifest; when their content changes, the service is restarted."""
    logs: Logs = Logs()
    """How much of its output is kept."""
    state: State = State.RUNNING
    """`running`, or `stopped`: declared, but not running."""

    @model_validator(mode="after")
    def _can_be_passed_on(self) -> Self:
        """What the kernel takes no program with."""
        for name, value in self.env.items():
            if not name or "=" in name or "\0" in name:
                raise ValueError(
                    "env: a variable's name is not empty and holds neither '=' nor a zero character"
                )
            if isinstance(value, str) and "\0" in value:
                raise ValueError(f"env: the value of {name} holds a zero character")
        if any("\0" in word for word in (*self.command, self.cwd, self.user)):
            raise ValueError("command, cwd and user hold no zero character")
        return self


class ServiceSpec(Spec, ServiceFields):
    """One supervised process."""

    runtime: Literal["auto", "process"] = "auto"
    """What runs it: `process`, a supervised child process; `auto` takes what the node has."""


class ServiceGroupSpec(Spec):
    """Services that belong together. Each becomes a `Service` of its own, named GROUP.NAME."""

    runtime: Literal["auto", "process"] = "auto"
    """What runs the services."""
    services: Annotated[Mapping[Name, ServiceFields], Field(min_length=1, max_length=1000)]
    """The services, by name."""

    @model_validator(mode="after")
    def _needs_inside(self) -> Self:
        for name, service in self.services.items():
            for other, need in service.needs.items():
                if other not in self.services:
                    known = ", ".join(sorted(self.services))
                    raise ValueError(
                        f"services.{name}.needs: '{other}' is no service of this group ({known})"
                    )
                if need is Need.HEALTHY and self.services[other].health is None:
                    raise ValueError(
                        f"services.{name}.needs: '{other}' cannot be told to be healthy: give it a `health`, "
                        "or need it `started`"
                    )
        return self
