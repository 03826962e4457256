"""A key to the API: whoever has its secret may do what it permits, for as long as it is declared.

Rules: it is in force from the moment that its wish is, and out of force likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from reconciler.declared import Declared, Facts
from reconciler.kinds.apikey.spec import ApiKeySpec, Limited
from reconciler.model import Case, Seen, Status, Verdict
from reconciler.ports.kind import Telling


class ApiKey(Declared[ApiKeySpec]):
    spec = ApiKeySpec
    reads = "admin"
    writes = "admin"
    columns: ClassVar[Mapping[str, Callable[[Case[Any, Any]], str]]] = {
        "prefix": lambda case: case.want.wish.prefix,
        "permissions": lambda case: ", ".join(map(_shown, case.want.wish.permissions)),
        "expires": lambda case: _day(case.want.wish.expires_at),
    }

    def tells(
        self, case: Case[ApiKeySpec, Facts], was: Seen[Facts] | None, before: Status | None
    ) -> Iterator[Telling]:
        if was is not None and (was.actual is None) is not (case.seen.actual is None):
            yield "key.created" if was.actual is None else "key.revoked", {}

    def verdict(self, case: Case[ApiKeySpec, Facts]) -> Verdict:
        wish = case.want.wish
        if not wish.enabled:
            return Verdict(ready=True, reason="Disabled", message="it is refused until `enabled` is true")
        if wish.expires_at is not None and wish.expires_at <= case.seen.at:
            return Verdict(ready=True, reason="Expired", message="it is refused; rotate it, or delete it")
        return Verdict(reason="InForce")


def _shown(permission: str | Limited) -> str:
    return permission if isinstance(permission, str) else f"{permission.scope} (limited)"


def _day(at: Any) -> str:  # noqa: ANN401 - a time, or none
    return "" if at is None else at.strftime("%Y-%m-%d")
