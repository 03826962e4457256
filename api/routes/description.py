"""The API described for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Lock
from typing import Any

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec

from api.conditional import TAGGED, tag_of
from api.identity import OPEN

YAML = "application/yaml"
MAKING = Lock()


@get(
    "/api/v1/openapi.json",
    opt=OPEN,
    responses={200: ResponseSpec(dict[str, Any], generate_examples=False, description="As it is.")},
    summary="This document: the API as OpenAPI 3.1",
)
async def openapi() -> Response[bytes]:
    from api.openapi import encoded  # it describes these routes: it knows them, and not the other way round

    return Response(await asyncio.to_thread(_made, encoded), media_type="application/json")


@get(
    "/api/v1/openapi.yaml",
    media_type=YAML,
    opt=OPEN | TAGGED,
    responses={
        200: ResponseSpec(dict[str, Any], media_type=YAML, generate_examples=False, description="As it is.")
    },
    summary="The same in YAML",
)
async def openapi_yaml() -> Response[bytes]:
    from api.openapi import as_yaml

    text = await asyncio.to_thread(_made, as_yaml)
    return Response(text, media_type=YAML, headers={"etag": tag_of(text)})


@get(
    "/api/v1/asyncapi.json",
    opt=OPEN,
    responses={200: ResponseSpec(dict[str, Any], generate_examples=False, description="As it is.")},
    summary="The streams as AsyncAPI 3",
)
async def asyncapi() -> Response[bytes]:
    from api.asyncapi import encoded

    return Response(await asyncio.to_thread(_made, encoded), media_type="application/json")


def _made(make: Callable[[], bytes]) -> bytes:
    """One at a time: they are made once, and Python 3.11 parses in no two threads at once without fail."""
    with MAKING:
        return make()
