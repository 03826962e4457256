"""The headers that the description of the API knows, those of limits aside: asked with, and answered."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

ETAG: Final[Json] = {
    "description": "Names what was told; ages that only pass are no news.",
    "schema": {"type": "string"},
}
IF_NONE_MATCH: Final[Json] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of what is known already: answered with 304 while it is the same.",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again under the same key it is not done again: the first answer is told, for a day"
    " (`Idempotency-Expires`); 409 while the first is at work, and if"
    " the node has ended amid it (`IDEMPOTENCY_IN_DOUBT`), 422 if something else was asked under it.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
IF_MATCH: Final[Json] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of what was seen: done only while it is the same, else 412.",
    "schema": {"type": "string"},
}
LAST_EVENT_ID: Final[Json] = {
    "description": "What is read is at least as new as the log up to this event: a stream that goes on after"
    " it tells all that comes.",
    "schema": {"type": "string"},
}
