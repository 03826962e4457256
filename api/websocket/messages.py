"""What a client may say over a WebSocket: JSON objects with an `action`, each of one shape.

Rules: what is unknown in one is refused with a suggestion, by a problem that leaves the connection open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

import msgspec

from api.errors import Fault, Wrong, misspelt
from api.shapes import members
from reconciler.errors import Invalid

DEFAULT = "default"
PLACE = re.compile(r"(?P<told>.+?)(?: - at `\$\.?(?P<path>[^`]*)`)?")


class Authenticate(TypedDict):
    """I am who has this key: the first message of who could send no header."""

    action: Literal["authenticate"]  # what is asked for
    key: str  # an API key, or an access token


class Subscribe(TypedDict):
    """Tell me of the events that all of these let through."""

    action: Literal["subscribe"]  # what is asked for
    subscription: NotRequired[str]  # its name, which all that is told of it bears; `default` if not said
    type: NotRequired[list[str]]  # only events of these names; `reconcile.*` takes all that begin so
    subject: NotRequired[str]  # only events about this resource: `kind/name`
    kind: NotRequired[str]  # only events about resources of this kind
    state: NotRequired[list[str]]  # only events whose `data.state` is one of these
    since: NotRequired[str]  # only events from this time on, in ISO 8601
    last_event_id: NotRequired[int]  # go on after this event; 0: from the oldest that is kept


class Unsubscribe(TypedDict):
    """Tell me no more of it."""

    action: Literal["unsubscribe"]  # what is asked for
    subscription: NotRequired[str]  # its name; `default` if not said


class Ping(TypedDict):
    """Are you there?"""

    action: Literal["ping"]  # what is asked for
    data: NotRequired[Any]  # it comes back with the answer


SHAPES: Mapping[str, type[Any]] = {
    "authenticate": Authenticate,
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "ping": Ping,
}


def read(text: str) -> Any:  # noqa: ANN401 - one of the shapes
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"the message is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Wrong(Fault("", "message", "expected an object"))
    action = found.get("action")
    if not isinstance(action, str) or action not in SHAPES:
        raise Wrong(Fault("/action", "action", "unknown action", misspelt(str(action), sorted(SHAPES))))
    known = members(SHAPES[action])
    if unknown := [name for name in found if name not in known]:
        raise Wrong(
            *(Fault(f"/{name}", name, "unknown field", misspelt(name, list(known))) for name in unknown)
        )
    try:
        return msgspec.convert(found, SHAPES[action])
    except msgspec.ValidationError as error:
        raise Wrong(_fault(str(error))) from error


def _fault(text: str) -> Fault:
    """`Expected `str`, got `int` - at `$.type[0]``, as ours are written."""
    found = PLACE.fullmatch(text)
    path = (found["path"] or "" if found else "").replace("[", ".").replace("]", "")
    pointer = "".join(f"/{part}" for part in path.split(".") if part)
    return Fault(pointer, path.partition(".")[0] or "message", found["told"] if found else text)
