"""The headers that the description of the API knows, those of limits aside: asked with, and answered."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

ETAG: Final[Json] = {
    "description": "Names what was told; ages that only pass are no news.",
    "schema": {"type": "string"},
}
LAST_EVENT_ID: Final[Json] = {
    "description": "What is read is at least as new as the log up to this event: a stream that goes on after"
    " it tells all that comes.",
    "schema": {"type": "string"},
}


def _asked_with(name: str, description: str, **more: object) -> Json:
    schema = {"type": "string", **more}
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


IF_NONE_MATCH: Final = _asked_with(
    "If-None-Match", "The `ETag` of what is known already: answered with 304 while it is the same."
)
IF_MATCH: Final = _asked_with(
    "If-Match", "The `ETag` of what was seen: done only while it is the same, else 412."
)
IDEMPOTENCY_KEY: Final = _asked_with(
    "Idempotency-Key",
    "Sent again under the same key it is not done again: the first answer is told, for a day"
    " (`Idempotency-Expires`); 409 while the first is at work, and if the node has ended amid it"
    " (`IDEMPOTENCY_IN_DOUBT`), 422 if something else was asked under it.",
    minLength=1,
    maxLength=255,
    pattern="^[!-~]+$",
)
