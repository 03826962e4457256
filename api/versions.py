"""Versions of the API: chosen by the path, by `X-API-Version` or by `Accept`; and what goes out of use.

Rules: the path decides, and what is said beside it must not disagree; without a version in the path the
headers decide, and without these the present version answers. What is deprecated says in each answer so,
until when it stays, and what takes its place; it stays for half a year at least.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from litestar import Request
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler

from api.accept import best, ranges
from api.errors import Fault, NotAcceptable, Wrong

PRESENT = 1
SERVED = (1,)
NONE = 0  # is said

NOTICE = timedelta(days=182)
JSON = "application/json"
LINES, EVENTS = "application/x-ndjson", "text/event-stream"
VENDOR = "application/vnd.holdfast.v{}+json"

_IN_PATH = re.compile(r"/api/(?:v(\d{1,6})(?=/|$))?")
_IN_ACCEPT = re.compile(r"application/vnd\.holdfast\.v(\d{1,6})\+json")
_NUMBER = re.compile(r"\d{1,6}")


@dataclass(frozen=True, slots=True)
class Deprecated:
    """The opt `deprecated` of a route, or of a router with all of a version."""

    since: date
    sunset: date  # from this day on it may be gone
    successor: str  # the path of what takes its place

    def __post_init__(self) -> None:
        if self.sunset - self.since < NOTICE:
            raise ValueError(f"what is deprecated stays for {NOTICE.days} days at least")

    def headers(self) -> list[tuple[bytes, bytes]]:
        end = datetime.combine(self.sunset, time(), UTC)
        return [
            (b"deprecation", b"true"),
            (b"sunset", format_datetime(end, usegmt=True).encode()),
            (b"link", f'<{self.successor}>; rel="successor-version"'.encode()),
        ]


def in_path(path: str) -> int | None:
    """The version that it names, or `NONE`; nothing where it is not the API's, or of no served one."""
    told = _IN_PATH.match(path)
    if told is None:
        return None
    version = int(told[1] or NONE)
    return version if version in {NONE, *SERVED} else None


def negotiated(request: Request[Any, Any, Any]) -> None:
    """Before every route: is what it answers with accepted? Whatever is deprecated says so."""
    handler, state = request.route_handler, request.scope["state"]
    if deprecated := handler.opt.get("deprecated"):
        state["deprecation"] = deprecated.headers()
    if request.method == "OPTIONS" or handler.status_code == HTTPStatus.NO_CONTENT:
        return
    offers = _offers(handler)
    liked = best(state["headers"].get("accept", ""), offers)
    if liked is None:
        raise NotAcceptable(f"this is answered with {' or '.join(offers)}")
    state["media_type"] = liked


@lru_cache(maxsize=256)
def _offers(handler: HTTPRouteHandler) -> tuple[str, ...]:
    return tuple(_offered(handler))


def _offered(handler: HTTPRouteHandler) -> Iterator[str]:
    said = handler.media_type.value if isinstance(handler.media_type, MediaType) else handler.media_type
    own = said or JSON  # the framework leaves it open for who answers with a `Response`
    yield own.partition(";")[0]
    if own == JSON:
        yield from (VENDOR.format(version) for version in SERVED)
    if own == LINES:
        yield EVENTS


def chosen(in_path: int, headers: Mapping[str, str]) -> int:
    in_header = _of_header(headers.get("x-api-version"))
    accept = headers.get("accept", "")
    in_accept = _of_accept(accept) if accept else []
    version = in_path or in_header or next((one for one in in_accept if one in SERVED), PRESENT)
    if in_header not in {None, version}:
        raise _disagrees(f"says {in_header}, and the path says {version}", "leave one of them out")
    if in_accept and version not in in_accept and not _takes_more(accept):
        listed = ", ".join(VENDOR.format(one) for one in SERVED)
        raise NotAcceptable(f"this is version {version}; there is {listed}")
    return version


def _of_header(given: str | None) -> int | None:
    if given is None:
        return None
    if not _NUMBER.fullmatch(given) or int(given) not in SERVED:
        raise _disagrees("is no version that is served", f"served: {', '.join(map(str, SERVED))}")
    return int(given)


def _of_accept(header: str) -> list[int]:
    """The versions that it takes, the one that it likes best first."""
    weighed = [
        (int(match[1]), weight)
        for name, weight in ranges(header).items()
        if weight > 0 and (match := _IN_ACCEPT.fullmatch(name))
    ]
    return [version for version, _ in sorted(weighed, key=lambda one: -one[1])]


def _takes_more(header: str) -> bool:
    return any(weight > 0 and not _IN_ACCEPT.fullmatch(name) for name, weight in ranges(header).items())


def _disagrees(message: str, suggestion: str) -> Wrong:
    return Wrong(Fault("/header/X-API-Version", "X-API-Version", message, suggestion))


def renamed(headers: list[tuple[bytes, bytes]], liked: str) -> list[tuple[bytes, bytes]]:
    """JSON under the name that it was asked for by."""
    if liked == JSON or not _IN_ACCEPT.fullmatch(liked):
        return headers
    json = (b"content-type", JSON.encode())
    return [(json[0], liked.encode()) if header == json else header for header in headers]
