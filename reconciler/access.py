"""What somebody may do: scopes, levels and roles that stand for several, limits to some resources. Pure.

Rules: a scope is `what:how`; who may write a thing may read it; `admin` alone implies what names no other
scope. A limited permission is worth nothing where no single resource is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from reconciler.errors import Invalid
from reconciler.model import EMPTY, Ref
from reconciler.records import dataclass
from reconciler.spelling import nearest, shown

READ: Final = "read"
WRITE: Final = "write"
ADMIN: Final = "admin"
LEVELS: Final = (ADMIN, WRITE, READ)  # the highest first

SCOPES: Final[Mapping[str, str]] = {
    "audit:read": "the audit trail",
    "batch:admin": "all batches, other people's too",
    "batch:read": "batches and how they do",
    "batch:write": "submit batches",
    "config:read": "the node's settings and what its sources are",
    "config:write": "where the wishes come from: sources and settings",
    "dht:read": "the distributed hash table",
    "error-recovery:admin": "all of the error recovery",
    "error-recovery:read": "retries, breakers and dead letters",
    "error-recovery:write": "resubmit, pause and resume",
    "events:read": "the event log and its streams",
    "keys:read": "keys, their public parts",
    "keys:write": "make, rotate and remove keys",
    "maintainers:read": "maintainers",
    "maintainers:write": "add and remove maintainers",
    "packages:read": "packages",
    "packages:write": "add, change and remove packages",
    "plugins:read": "plug-ins, and the kinds that they bring",
    "plugins:write": "change plug-ins, and what is of their kinds",
    "ports:read": "who has which port",
    "ports:write": "reserve and release ports",
    "reconcile:read": "statuses, plans and operations",
    "reconcile:write": "ask for a look, suspend and resume",
    "scheduler:read": "list and get schedules",
    "scheduler:trigger": "trigger events",
    "scheduler:write": "create, change and delete schedules",
    "scheduling:admin": "all of the scheduling",
    "secrets:read": "secrets, never their values",
    "secrets:write": "declare secrets",
    "services:read": "services and groups, and their logs",
    "services:write": "declare, stop and start services and groups",
    "torrents:read": "torrents",
    "torrents:write": "add, change and remove torrents",
    "webhooks:read": "webhooks and their deliveries",
    "webhooks:write": "add, change and remove webhooks",
}
"""Every scope, and what it is about."""

ROLES: Final[Mapping[str, str]] = {"viewer": READ, "operator": WRITE, "admin": ADMIN}
_FOR_ADMINS: Final = frozenset(
    {"config:write", "plugins:write"}
)  # with these one could give oneself the rest
_ALL_OF: Final[Mapping[str, str]] = {
    "batch:admin": "batch:",
    "error-recovery:admin": "error-recovery:",
    "scheduling:admin": "scheduler:",
}


@dataclass(frozen=True, slots=True)
class Permission:
    """One scope, level or role; for everything, or for some resources."""

    scope: str
    names: Sequence[str] = ()  # patterns such as `web.*`; of none: all
    namespaces: Sequence[str] = ()
    labels: Mapping[str, str] = EMPTY  # which a resource must bear, all of them

    @property
    def limited(self) -> bool:
        return bool(self.names or self.namespaces or self.labels)

    def covers(self, ref: Ref, labels: Mapping[str, str]) -> bool:
        return (
            (not self.names or any(fnmatchcase(ref.name, pattern) for pattern in self.names))
            and (not self.namespaces or ref.namespace in self.namespaces)
            and self.labels.items() <= labels.items()
        )


@dataclass(frozen=True, slots=True)
class Permissions:
    """All that a caller was given."""

    given: tuple[Permission, ...] = ()

    def allow(self, scope: str) -> bool:
        """Everywhere, whatever it is about?"""
        return any(not one.limited and scope in implied(one.scope) for one in self.given)

    def allow_some(self, scope: str) -> bool:
        """Anywhere at all?"""
        return any(scope in implied(one.scope) for one in self.given)

    @property
    def level(self) -> str:
        """The highest that they are worth, for everything; empty: they are worth none."""
        whole = [implied(one.scope) for one in self.given if not one.limited]
        return next((level for level in LEVELS if any(implied(level) <= one for one in whole)), "")

    def allow_on(self, scope: str, ref: Ref, labels: Mapping[str, str]) -> bool:
        """On this resource?"""
        return any(scope in implied(one.scope) and one.covers(ref, labels) for one in self.given)


EVERYTHING: Final = Permissions((Permission(ADMIN),))
NOTHING: Final = Permissions()


def check(scope: str) -> str:
    """The scope, level or role as it is meant; refuses what is none."""
    name = scope.lower()
    if name in _IMPLIED:
        return name
    near = nearest(name, _IMPLIED)
    hint = f"did you mean '{near}'?" if near else f"levels: {READ}, {WRITE}, {ADMIN}; or a scope"
    raise Invalid(f"there is no permission '{shown(scope)}'", remedy=hint)


def implied(scope: str) -> frozenset[str]:
    """All scopes that one scope, level or role stands for; of an unknown one: none."""
    return _IMPLIED.get(scope, frozenset())


def _spread(scopes: Iterable[str]) -> dict[str, frozenset[str]]:
    known = frozenset(scopes)
    found = {scope: _with_reading(scope, known) for scope in known}
    for scope, prefix in _ALL_OF.items():
        found[scope] = frozenset({scope, *(one for one in known if one.startswith(prefix))})
    reading = frozenset(one for one in known if one.endswith(":read"))
    writing = frozenset(one for one in known if one.endswith(":write")) - _FOR_ADMINS
    found[READ] = reading
    found[WRITE] = reading | writing | {"scheduler:trigger"}
    found[ADMIN] = known | {ADMIN}
    return found | {role: found[level] for role, level in ROLES.items()}


def _with_reading(scope: str, known: frozenset[str]) -> frozenset[str]:
    """Who may write a thing may see what became of it."""
    what, _, how = scope.partition(":")
    return frozenset({scope, f"{what}:{READ}"} & known) if how == WRITE else frozenset({scope})


_IMPLIED: Final = _spread(SCOPES)
