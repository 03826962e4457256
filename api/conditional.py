"""Conditional requests: tags on all that is read, 304 for who has it already, 412 for who saw something else.

Rules: a tag names what was told, whoever asked; ages that only pass are no news, so tags are weak, and are
compared by what they name for writes, too: a write is right as long as wish and status are those that were
seen. A route may set a tag of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha1
from typing import Any

from litestar import Request
from litestar.serialization import encode_json

from api.errors import Detailed, Fault, Wrong
from api.identity import SAFE
from reconciler.errors import Conflict
from reconciler.runtime.asker import Still

MATCHES = {"matches": True}
"""The opt of a write that takes `If-Match`."""
TAGGED = {"tagged": True}
"""The opt of a read that sets a tag of its own, and is no JSON."""

_OPAQUE = re.compile(r'"([^"]*)"')
_AGE = re.compile(rb'_age_s":[^,}]*')  # in two, for an alternative would take five times as long
_UPTIME = re.compile(rb'uptime_s":[^,}]*')


class Changed(Detailed, Conflict):
    """What was to be changed has changed already."""

    code = "PRECONDITION_FAILED"

    def __init__(self, tag: str) -> None:
        super().__init__(
            "it is no longer what `If-Match` names", remedy="read it again, and decide about what it is now"
        )
        self.headers = {"etag": tag}


def tag_of(told: bytes) -> str:
    if b"uptime_s" in told:
        told = _UPTIME.sub(b"", told)
    return named(sha1(_AGE.sub(b"", told), usedforsecurity=False).hexdigest()[:32])


def named(text: str) -> str:
    """The tag of what has a name already."""
    return f'W/"{text}"'


def tag_of_view(view: object) -> str:
    """Of what a route answers with."""
    return tag_of(encode_json(view))


def still(request: Request[Any, Any, Any], tag: Callable[[], str]) -> Still:
    """For a write to ask in the very moment of it."""
    seen = request.scope["state"]["headers"].get("if-match", "")

    def check() -> None:
        if seen and not knows(seen, now := tag()):
            raise Changed(now)

    return check


def no_condition(request: Request[Any, Any, Any]) -> None:
    """Before every route: one that cannot keep a condition refuses it."""
    if request.method in SAFE or "if-match" not in request.scope["state"]["headers"]:
        return
    if "matches" not in request.route_handler.opt:
        told = "this is not done under a condition"
        raise Wrong(Fault("/header/If-Match", "If-Match", told, "send it without one"))


def knows(given: str, tag: str) -> bool:
    """Does the caller mean this one? `*` names whatever there is."""
    return given.strip() == "*" or _OPAQUE.findall(tag)[0] in _OPAQUE.findall(given)
