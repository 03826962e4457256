"""Lists in pieces: numbered pages for what stands still, cursors for what grows.

Rules: a page tells its place and the way to its neighbours, which are null at the ends; a cursor is the
last thing that was told, so that nothing is told twice and nothing left out while things come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Generic, NamedTuple, TypedDict, TypeVar
from urllib.parse import parse_qsl, urlencode

from litestar import Request
from litestar.params import QueryParameter

from api.errors import Fault, Wrong
from reconciler.model import Ref

DEFAULT_SIZE = 20
LARGEST = 100

T = TypeVar("T")
V = TypeVar("V")

Number = Annotated[int, QueryParameter(ge=1, description="Which page, from 1 on.")]
Size = Annotated[
    int | None, QueryParameter(ge=1, le=LARGEST, description="How many on a page; 20 if not said.")
]
Synonym = Annotated[int | None, QueryParameter(ge=1, le=LARGEST, description="The same as `per_page`.")]
Limit = Annotated[int, QueryParameter(ge=1, le=LARGEST, description="How many at most.")]

Cursor = Annotated[
    str | None, QueryParameter(description="What follows this one; empty: from the beginning.")
]
Much = Annotated[int, QueryParameter(ge=1, le=1000, description="How many at most.")]


class Pagination(TypedDict):
    """Where this page stands among all."""

    page: int  # from 1 on
    per_page: int  # how many at most
    total_pages: int  # as things stand now
    total_items: int  # on all pages


class Links(TypedDict):
    """The way to the other pages; null at the ends."""

    first: str | None  # path and query
    prev: str | None  # path and query
    next: str | None  # path and query
    last: str | None  # path and query


class Page(TypedDict, Generic[T]):
    """One numbered page."""

    data: list[T]  # what is on it
    pagination: Pagination  # its place
    links: Links  # the way on


class Stretch(TypedDict, Generic[T]):
    """What follows a cursor; `next` is the cursor to go on with, null at the end."""

    data: list[T]  # in order
    cursor: str | None  # that it follows
    limit: int  # how many at most
    next: str | None  # the cursor to go on with


class Paging(NamedTuple):
    """Which page is asked for."""

    page: int
    size: int

    @property
    def part(self) -> slice:
        """Where it lies among all items."""
        return slice((self.page - 1) * self.size, self.page * self.size)


def paging(page: Number = 1, per_page: Size = None, limit: Synonym = None) -> Paging:
    if per_page is not None and limit is not None and per_page != limit:
        raise Wrong(Fault("/query/limit", "limit", "says something else than per_page, which means the same"))
    return Paging(page, per_page or limit or DEFAULT_SIZE)


class Frame(TypedDict):
    """What a page says beside its data."""

    pagination: Pagination
    links: Links


def page_of(
    items: Sequence[V], view: Callable[[V], T], request: Request[Any, Any, Any], asked: Paging
) -> Page[T]:
    """One page of all items; only what is on it is made into views."""
    frame = frame_of(len(items), request, asked)
    return {"data": [view(item) for item in items[asked.part]], **frame}


def frame_of(items: int, request: Request[Any, Any, Any], asked: Paging) -> Frame:
    """Of a page of so many items in all."""
    page, size = asked
    total = -(-items // size)

    way = _way(request.scope["path"], request.scope["query_string"])

    def link(number: int) -> str | None:
        return f"{way}{number}" if 1 <= number <= total else None

    return {
        "pagination": {"page": page, "per_page": size, "total_pages": total, "total_items": items},
        "links": {
            "first": link(1),
            "prev": link(page - 1) if page > 1 else None,
            "next": link(page + 1),
            "last": link(total),
        },
    }


@lru_cache(maxsize=64)
def _way(path: str, query: bytes) -> str:
    """To another page of the same, up to its number."""
    same = [one for one in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if one[0] != "page"]
    return f"{path}?{urlencode(same)}&page=" if same else f"{path}?page="


def stretch_of(refs: Iterable[Ref], view: Callable[[Ref], T], cursor: str | None, limit: int) -> Stretch[T]:
    """What follows the cursor, by its refs in their order; only what is told is made into views."""
    after = _after(cursor)
    rest = [ref for ref in refs if tuple(ref) > after]
    told = rest[:limit]
    return {
        "data": [view(ref) for ref in told],
        "cursor": cursor,
        "limit": limit,
        "next": "/".join(told[-1]) if len(rest) > limit else None,
    }


def _after(cursor: str | None) -> tuple[str, ...]:
    if not cursor:
        return ()
    if cursor.count("/") != 2:  # noqa: PLR2004 - kind, namespace and name
        raise Wrong(Fault("/query/cursor", "cursor", "is none that this node has given", "begin without one"))
    return tuple(cursor.split("/"))
