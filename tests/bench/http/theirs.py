"""Litestar and nothing else, with what a node has answered as msgspec Structs in memory.

Rules: on uvicorn as the node is, one worker, nothing logged; the first line that comes is the node's answers.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import msgspec
from litestar import Litestar, get
from uvicorn import Config, Server

from api.pages import Links, Pagination
from reconciler.views import ResourceView
from tests.api.nodes import until
from tests.bench.asked import asked


def struct_of(shape: Any) -> Any:  # noqa: ANN401 - types
    """The same shape, as a Struct; and all that is within."""
    if is_typeddict(shape):
        members = [(name, struct_of(hint)) for name, hint in get_type_hints(shape).items()]
        return msgspec.defstruct(shape.__name__, members)
    if get_origin(shape) is list:
        return list[struct_of(get_args(shape)[0])]  # type: ignore[misc] # made just now
    return shape


Resource = struct_of(ResourceView)
Page = msgspec.defstruct(
    "Page",
    [("data", list[Resource]), ("pagination", struct_of(Pagination)), ("links", struct_of(Links))],  # type: ignore[valid-type] # made just now
)


def application(listed: Any, single: Any) -> Litestar:  # noqa: ANN401 - Structs
    @get("/list", sync_to_thread=False)
    def pages() -> Any:  # noqa: ANN401 - made just now
        return listed

    @get("/one", sync_to_thread=False)
    def one() -> Any:  # noqa: ANN401 - made just now
        return single

    return Litestar([pages, one], logging_config=None, openapi_config=None)


async def main() -> None:
    words = asked()
    shape: Any = tuple[Page, Resource]  # type: ignore[valid-type] # made just now
    listed, single = msgspec.json.decode(await anext(words), type=shape)
    server = Server(
        Config(application(listed, single), port=0, http="httptools", loop="none", log_level="warning")
    )
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    host, port = server.servers[0].sockets[0].getsockname()
    sys.stdout.write(f"{host}:{port}\n")
    sys.stdout.flush()
    async for _ in words:
        pass
    server.should_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(main())
