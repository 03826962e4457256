"""Who was not let in stands in the audit trail, however often they knock, without what they brought."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.api.nodes import Running, running
from tests.api.test_health import Ahead

pytestmark = pytest.mark.req("OBS-26")

REFUSED = {"action": "auth.refused", "limit": "100"}


async def refusals(api: Running, number: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        while True:
            told = (await api.socket.get("/api/v1/audit", params=REFUSED)).json()["data"]
            if len(told) >= number:
                return list(told)
            await asyncio.sleep(0.02)


async def test_a_key_that_does_not_count_is_remembered_and_not_repeated() -> None:
    clock, wrong = Ahead(), f"wrong{uuid4().hex}"
    async with running(clock=clock) as api:
        headers = {"X-API-Key": wrong, "X-Request-ID": "knock-1"}
        assert (await api.public.get("/api/v1/resources", headers=headers)).status_code == 401
        (first,) = await refusals(api, 1)
        assert (first["actor"], first["result"]) == ("anonymous", "UNAUTHORIZED")
        assert (first["request_id"], first["address"]) == ("knock-1", "127.0.0.1")
        assert first["data"] == {"method": "GET", "route": "/api/v1/resources", "more_before": 0}
        for _ in range(5):
            await api.public.get("/api/v1/resources", headers=headers)
        assert len(await refusals(api, 1)) == 1, "who knocks without end fills no log"
        clock.ahead = 61.0
        await api.public.get("/api/v1/status", headers=headers)
        _, second = await refusals(api, 2)
        assert second["data"]["more_before"] == 5
        history = await api.socket.get("/api/v1/events/history", params={"limit": "100"})
        assert wrong not in history.text


async def test_who_may_not_write_is_remembered_too(api: Running) -> None:
    answer = await api.public.post("/api/v1/reconcile", json={})
    assert answer.status_code in {401, 403}
    (one,) = await refusals(api, 1)
    assert one["result"] in {"UNAUTHORIZED", "FORBIDDEN"}
    assert one["data"]["route"] == "/api/v1/reconcile"
    assert (await api.public.get("/api/v1/status")).status_code == 200
    assert len(await refusals(api, 1)) == 1
