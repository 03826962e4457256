"""Every error as one problem document (RFC 9457); the only table from codes to HTTP.

Rules: whatever goes wrong, wherever, leaves as `application/problem+json` with the fields of
`ProblemView`; a crash shows its request id and nothing else, the log has the rest; what the framework
refuses (a path, a method, a parameter) reads like what Holdfast refuses.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar, cast

from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.handlers import HTTPRouteHandler
from litestar.types import Scope, Send

from reconciler.errors import Invalid, Misplaced, Problem, Refused, Rejected
from reconciler.model import EMPTY
from reconciler.spelling import hint_in, nearest
from reconciler.views import ProblemView, SourceView

STATUS: Mapping[str, int] = {
    "INVALID_REQUEST": 400,
    "MISSING_FIELD": 400,
    "INVALID_FIELD": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    "REQUEST_TIMEOUT": 408,
    "CONFLICT": 409,
    "PRECONDITION_FAILED": 412,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "UPGRADE_REQUIRED": 426,
    "IDEMPOTENCY_IN_DOUBT": 409,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "RATE_LIMIT_EXCEEDED": 429,
    "HEADERS_TOO_LARGE": 431,
    "INTERNAL_SERVER_ERROR": 500,
    "FAILED": 500,
    "CORRUPT": 500,
    "SERVICE_UNAVAILABLE": 503,
    "TIMEOUT": 504,
}
CODE: Mapping[int, str] = {status: code for code, status in reversed(tuple(STATUS.items()))}
"""The code of what the framework refuses: the first of its status in the table."""

CONTENT_TYPE = "application/problem+json"
BESIDE: Mapping[str, Mapping[str, str]] = {
    "UNAUTHORIZED": {"www-authenticate": 'Bearer realm="holdfast"'},
    "SERVICE_UNAVAILABLE": {"retry-after": "1"},  # it is there again soon
}
CRASHED = "Holdfast could not answer because of a fault of its own"

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """One member of the request that is wrong."""

    pointer: str  # a JSON pointer; below `/query` and `/path` for what is not in the body
    name: str
    message: str
    suggestion: str = ""
    place: str = ""  # in a manifest: `file:line:column`

    def view(self) -> dict[str, str]:
        found = {
            "pointer": self.pointer,
            "field": self.name,
            "message": self.message,
            "suggestion": self.suggestion,
        }
        return {**found, "place": self.place} if self.place else found


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a problem document is made of."""

    code: str
    detail: str
    remedy: str = ""
    faults: Sequence[Fault] = ()
    headers: Mapping[str, str] = EMPTY
    details: Mapping[str, Any] = EMPTY

    @property
    def status(self) -> int:
        return STATUS.get(self.code, 500)


class Detailed(Problem):
    """What says more than a cause and a remedy."""

    faults: Sequence[Fault] = ()
    headers: Mapping[str, str] = EMPTY
    details: Mapping[str, Any] = EMPTY


class Wrong(Detailed):
    """A request whose members are wrong: all of them are named."""

    code = "INVALID_FIELD"

    def __init__(self, *faults: Fault, remedy: str = "") -> None:
        super().__init__("; ".join(f"{fault.name}: {fault.message}" for fault in faults), remedy=remedy)
        self.faults = faults


def read_at(pointer: str, read: Callable[[str], T], text: str) -> T:
    """What stands at that place of the request; what makes no sense there is said to be wrong there."""
    try:
        return read(text)
    except Invalid as error:
        name = pointer.rstrip("/0123456789").rpartition("/")[2]  # of a list, where it is one of many
        raise Wrong(
            Fault(pointer, name, error.message, hint_in(error.message)), remedy=error.remedy
        ) from error


class NotAcceptable(Problem):
    """What the caller accepts is not among what there is."""

    code = "NOT_ACCEPTABLE"


class ReadOnly(Detailed, Refused):
    """A write over TCP, where only reading is allowed: it belongs where the desired state is declared."""

    def __init__(self, sources: Sequence[SourceView]) -> None:
        declared = [f"{one['name']} ({one['type']} {one['location']})" for one in sources]
        super().__init__(
            "over TCP this node is read-only",
            remedy=f"change what its sources declare: {', '.join(declared)}; or write through the node's"
            " Unix socket, as `holdfast` does; or switch the setting `api.writes` on",
        )
        self.details = {
            "declared_in": [
                {"source": one["name"], "type": one["type"], "location": one["location"]} for one in sources
            ]
        }


def misspelt(name: str, known: Sequence[str]) -> str:
    """A suggestion for a name that is not known."""
    near = nearest(name, known)
    return f"did you mean '{near}'?" if near else f"known: {', '.join(sorted(known))}"


def trouble(error: Exception) -> Trouble:
    """What is to be told of an error; of a crash: nothing."""
    match error:
        case Detailed():
            found = error.faults, error.headers, error.details
            return Trouble(error.code, error.message, error.remedy, *found)
        case Rejected():
            return Trouble(
                error.code, error.message, error.remedy, [_misplaced(one) for one in error.problems]
            )
        case Misplaced():
            return Trouble(error.code, error.message, error.remedy, [_misplaced(error)])
        case Problem():
            return Trouble(error.code, error.message, error.remedy, headers=BESIDE.get(error.code, {}))
        case ValidationException():
            return _invalid(error)
        case NotFoundException() if error.detail == HTTPStatus.NOT_FOUND.phrase:
            return Trouble("NOT_FOUND", "there is nothing at this path", "all paths: /api/v1/openapi.json")
        case MethodNotAllowedException():
            headers = error.headers or {}
            told = f"it takes {headers['allow'].replace('GET', 'GET, HEAD')}" if "allow" in headers else ""
            return Trouble("METHOD_NOT_ALLOWED", "this path does not take this method", told, headers=headers)
        case HTTPException() if error.status_code in CODE and error.status_code < 500:  # noqa: PLR2004
            return Trouble(CODE[error.status_code], error.detail, headers=error.headers or {})
    return Trouble("INTERNAL_SERVER_ERROR", CRASHED, "the node's log says more under this request id")


def _misplaced(error: Misplaced) -> Fault:
    """An error in a manifest; its pointer leads to the manifest, its place into it."""
    file = error.place.file.replace("~", "~0").replace("/", "~1")
    suggestion = error.remedy or hint_in(error.reason)
    return Fault(f"/manifests/{file}", error.path, error.reason, suggestion, str(error.place))


def _invalid(error: ValidationException) -> Trouble:
    """The parameters that the framework refused."""
    faults = [
        Fault(f"/{one['source'].value}/{one['key']}", one["key"], one["message"])
        for one in (error.extra if isinstance(error.extra, list) else ())
    ]
    told = "; ".join(f"{fault.name}: {fault.message}" for fault in faults)
    return Trouble("INVALID_FIELD", told or error.detail, faults=faults)


def _too_large(scope: Scope) -> Trouble:
    most = cast("HTTPRouteHandler", scope["route_handler"]).resolve_request_max_body_size()
    return Trouble("PAYLOAD_TOO_LARGE", f"the body is larger than {most} bytes", "send less at once")


def document(told: Trouble, path: str, request_id: str) -> ProblemView:
    status = told.status
    found: ProblemView = {
        "type": f"urn:holdfast:problem:{told.code.lower().replace('_', '-')}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": told.detail,
        "instance": path,
        "code": told.code,
        "message": told.detail,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "request_id": request_id,
    }
    if told.remedy:
        found["remedy"] = told.remedy
    if told.details:
        found["details"] = dict(told.details)
    if "retry_after" in told.details:  # of limits, these are members of their own as well
        found |= told.details  # type: ignore[typeddict-item]
    if told.faults:
        found["errors"] = found["invalid_params"] = [fault.view() for fault in told.faults]
    return found


def encoded(told: Trouble, path: str, request_id: str) -> bytes:
    return json.dumps(document(told, path, request_id), ensure_ascii=False).encode()


async def refuse(told: Trouble, scope: Scope, send: Send) -> None:
    body = encoded(told, scope["path"], scope["state"]["request_id"])
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in told.headers.items()]
    await send({"type": "http.response.start", "status": told.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def failed(error: Exception, scope: Scope, send: Send) -> None:
    """Answer with what went wrong; what should not have is told to the log."""
    told = _too_large(scope) if isinstance(error, RequestEntityTooLarge) else trouble(error)
    if told.status >= 500 and not isinstance(error, Problem):  # noqa: PLR2004
        asked = scope.get("method", ""), scope["path"]
        log.error("%s %s %s", scope["state"]["request_id"], *asked, exc_info=error)
    await refuse(told, scope, send)
