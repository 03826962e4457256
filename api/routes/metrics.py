"""What services use: all of them just now, and one of them over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter, SkipValidation

from api.errors import Fault, Wrong
from api.identity import EACH
from api.pages import Cursor, Much, Stretch, stretch_of
from api.routes import Namespace, TheDesk
from api.routes.resources import Names, Where
from reconciler.model import Ref
from reconciler.runtime.window import Selection
from reconciler.views import ServiceUsageView, UsageView

KIND = "Service"
Since = Annotated[
    datetime | None, QueryParameter(description="From this time on, in ISO 8601; an hour back if not said.")
]
Until = Annotated[
    datetime | None, QueryParameter(description="Up to this time, in ISO 8601; now if not said.")
]


class Span(NamedTuple):
    """Which stretch of time is asked for, and how far it was told already."""

    since: datetime
    until: datetime
    cursor: str | None


TheSpan = NamedDependency[SkipValidation[Span]]


def _span(since: Since = None, until: Until = None, cursor: Cursor = None) -> Span:
    now = datetime.now(UTC)
    return Span(_zoned(since or now - timedelta(hours=1)), _zoned(until or now), cursor)


@get("/api/v1/metrics/services", opt=EACH, summary="What services use just now")
async def services(
    desk: TheDesk, namespace: Where = "", name: Names = None, cursor: Cursor = None, limit: Much = 1000
) -> Stretch[ServiceUsageView]:
    """Measured when it is asked for; shares are of the time since it was measured before."""
    refs = desk.refs(Selection(KIND, namespace, tuple(name or ())))
    return stretch_of(refs, await desk.usage(), cursor, limit)


@get(
    "/api/v1/services/{name:str}/metrics",
    opt=EACH,
    dependencies={"span": Provide(_span, sync_to_thread=False)},
    summary="What a service used over time, the oldest first",
)
async def service(
    desk: TheDesk,
    name: FromPath[str],
    span: TheSpan,
    namespace: Namespace = "default",
    limit: Much = 1000,
) -> Stretch[UsageView]:
    """The older, the farther apart; a row's peak of memory is that of the time since the row before it."""
    after = _moment(span.cursor)
    found = await desk.used(Ref(KIND, namespace, name), span.since, span.until, limit + 1, after)
    told = found[:limit]
    return {
        "data": told,
        "cursor": span.cursor,
        "limit": limit,
        "next": told[-1]["at"] if len(found) > limit else None,
    }


def _moment(cursor: str | None) -> datetime | None:
    try:
        return _zoned(datetime.fromisoformat(cursor)) if cursor else None
    except ValueError:
        told = "is none that this node has given"
        raise Wrong(Fault("/query/cursor", "cursor", told, "begin without one")) from None


def _zoned(at: datetime) -> datetime:
    return at.replace(tzinfo=at.tzinfo or UTC)
