"""What a client may say over a WebSocket: JSON objects with an `action`, each of one shape.

Rules: what is wrong in one is told at once and whole, by a problem that leaves the connection open.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

import msgspec

from api import members
from api.errors import Fault, Wrong, misspelt
from reconciler.errors import Invalid

DEFAULT = "default"
LONGEST_NAME = 100
LARGEST_ID = 2**63 - 1  # that SQLite can number


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


def read(given: str) -> dict[str, Any]:
    """What it says, in one of the shapes; or all that is wrong with it."""
    try:
        found = msgspec.json.decode(given)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"the message is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Wrong(Fault("", "message", "expected an object"))
    action = found.get("action")
    if not isinstance(action, str) or action not in SHAPES:
        raise Wrong(Fault("/action", "action", "unknown action", misspelt(str(action), sorted(SHAPES))))
    return members.read(found, SHAPES[action], READS)


def _texts(given: Any, name: str) -> list[str]:  # noqa: ANN401 - whatever the message has there
    if not isinstance(given, list):
        raise Wrong(Fault(members.pointer(name), name, "expected a list of texts"))
    wrong = (at for at, one in enumerate(given) if not isinstance(one, str))
    if faults := [Fault(members.pointer(name, str(at)), name, "expected text") for at in wrong]:
        raise Wrong(*faults)
    return given


def _name(given: Any, name: str) -> str:  # noqa: ANN401 - the same
    if not isinstance(given, str) or not 1 <= len(given) <= LONGEST_NAME:
        raise Wrong(Fault(members.pointer(name), name, f"a name has 1 to {LONGEST_NAME} characters"))
    return given


def _moment(given: Any, name: str) -> datetime:  # noqa: ANN401 - the same
    try:
        return datetime.fromisoformat(given)
    except (TypeError, ValueError):
        raise Wrong(Fault(members.pointer(name), name, "is no time in ISO 8601")) from None


def _event_id(given: Any, name: str) -> int:  # noqa: ANN401 - the same
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= LARGEST_ID:
        raise Wrong(Fault(members.pointer(name), name, "is no event id"))
    return given


READS: Mapping[str, members.Reader] = {
    "action": members.text,
    "subscription": _name,
    "type": _texts,
    "state": _texts,
    "since": _moment,
    "last_event_id": _event_id,
    "data": lambda given, _: given,
}
