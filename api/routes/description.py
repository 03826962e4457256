"""The API described for programs."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec

from api.identity import OPEN


@get(
    "/api/v1/openapi.json",
    opt=OPEN,
    responses={200: ResponseSpec(dict[str, Any], generate_examples=False, description="As it is.")},
    summary="This document: the API as OpenAPI 3.1",
)
async def openapi() -> Response[bytes]:
    from api.openapi import encoded  # it describes these routes: it knows them, and not the other way round

    return Response(await asyncio.to_thread(encoded), media_type="application/json")


@get(
    "/api/v1/asyncapi.json",
    opt=OPEN,
    responses={200: ResponseSpec(dict[str, Any], generate_examples=False, description="As it is.")},
    summary="The streams as AsyncAPI 3",
)
async def asyncapi() -> Response[bytes]:
    from api.asyncapi import encoded

    return Response(await asyncio.to_thread(encoded), media_type="application/json")
