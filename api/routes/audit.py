"""The audit trail: what somebody has asked for, as the log of events has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation

from api.following import event_id
from api.identity import needs
from api.pages import Limit, Stretch
from api.routes import TheDesk
from reconciler.ports.store import EventFilter
from reconciler.views import AuditView

Actor = Annotated[str, QueryParameter(description="Only what this one has asked for.")]
Action = Annotated[str, QueryParameter(description="Only this; `operation.*` takes all that begin so.")]
Since = Annotated[datetime | None, QueryParameter(description="Only from this time on, in ISO 8601.")]
Cursor = Annotated[str, QueryParameter(description="What follows this id; empty: from the oldest on.")]
TheTrail = NamedDependency[SkipValidation[EventFilter]]


def _trail(actor: Actor = "", action: Action = "", since: Since = None) -> EventFilter:
    moment = since.replace(tzinfo=since.tzinfo or UTC) if since else None
    return EventFilter((action,) if action else (), since=moment, actor=actor, asked=True)


@get(
    "/api/v1/audit",
    opt=needs("audit:read"),
    dependencies={"trail": Provide(_trail, sync_to_thread=False)},
    summary="Who has asked for what, the oldest first",
)
async def trail(desk: TheDesk, trail: TheTrail, cursor: Cursor = "", limit: Limit = 20) -> Stretch[AuditView]:
    """A view of the log of events, whose chain `holdfast audit verify` walks."""
    found = await desk.audit(event_id(cursor, "/query/cursor"), limit, trail)
    following = str(found[-1]["id"]) if len(found) == limit else None
    return {"data": found, "cursor": cursor or None, "limit": limit, "next": following}
