"""What a person writes of an API key: who may do what with a secret that is not in here.

Rules: the manifest holds the secret's hash and never the secret; a secret of ours has 256 random bits, so
one round of SHA-256 is enough to keep it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from reconciler.access import ADMIN, READ, SCOPES, WRITE, check
from reconciler.errors import Invalid
from reconciler.model import Part, Spec

HASH = r"^sha256:[0-9a-f]{64}$"
MOST_HASHES = 4


def _scope(text: str) -> str:
    try:
        return check(text)
    except Invalid as why:
        raise ValueError(f"{why.message}: {why.remedy}") from None


Scope = Annotated[
    str, AfterValidator(_scope), Field(json_schema_extra={"examples": [READ, WRITE, ADMIN, *SCOPES]})
]


class Limited(Part):
    """A permission for some resources only: they match all that is said here."""

    scope: Scope
    """A scope such as `services:write`, or a level: `read`, `write`, `admin`."""
    names: tuple[str, ...] = ()
    """Patterns such as `web.*`; one of them must match."""
    namespaces: tuple[str, ...] = ()
    """One of these."""
    labels: Mapping[str, str] = Field(default_factory=dict)
    """Labels that the resource must bear, all of them."""

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if not (self.names or self.namespaces or self.labels):
            raise ValueError("say `names`, `namespaces` or `labels`, or write the scope alone as a text")
        return self


class Rate(Part):
    """How much may be asked for; buckets that refill smoothly."""

    per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    """Calls a minute in the long run; where only `perHour` is said, as many as the node's settings allow."""
    burst: int | None = Field(default=None, ge=1, le=1_000_000)
    """How many at once; as many as in a minute if not said."""
    per_hour: int | None = Field(default=None, ge=1, le=10_000_000)
    """Calls an hour in the long run, and as many at once: both limits count. If not said, no such limit."""
    weight: int = Field(default=1, ge=1, le=1000)
    """What each call costs, beside the weight of its route."""

    @model_validator(mode="after")
    def _says_of_what(self) -> Self:
        if self.per_minute is None and self.per_hour is None:
            raise ValueError("say `perMinute`, `perHour`, or both")
        if self.burst is not None and self.per_minute is None:
            raise ValueError("`burst` is said of `perMinute`, which is missing")
        return self


class ApiKeySpec(Spec):
    """A key to the API. `holdfast api-key create` makes the secret and shows it once; its hash is here."""

    hashes: tuple[Annotated[str, Field(pattern=HASH)], ...] = Field(min_length=1, max_length=MOST_HASHES)
    """SHA-256 of each secret that counts: one, or during a rotation the new one and the old one."""
    permissions: tuple[Scope | Limited, ...] = Field(min_length=1)
    """`read`, `write`, `admin`, a scope such as `services:write`, or one of them for some resources only."""
    id: UUID | None = None
    """By which programs know it, whatever its name; it is known by its name as well."""
    title: str = Field(default="", max_length=200)
    """Its name in the words of who made it, such as `CI Pipeline`."""
    created_at: AwareDatetime | None = None
    """When it was made."""
    enabled: bool = True
    """False: the key is refused until it is true again."""
    expires_at: AwareDatetime | None = None
    """From then on the key is refused."""
    rotated_at: AwareDatetime | None = None
    """All `hashes` but the first are refused from then on."""
    prefix: str = Field(default="", max_length=12, pattern=r"^[A-Za-z0-9_-]*$")
    """How the newest secret begins, to tell keys from one another."""
    rate: Rate | None = None
    """A rate of its own, instead of the one in the node's settings."""
