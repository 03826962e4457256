"""Server-sent events, as a client reads them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Frame:
    id: int
    event: str
    data: dict[str, Any]


async def frames(answer: httpx.Response) -> AsyncIterator[Frame]:
    found: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            found[name] = value
        else:
            if "event" in found:
                yield Frame(int(found.get("id", 0)), found["event"], json.loads(found["data"]))
            found = {}
