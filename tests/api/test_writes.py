"""Writes over TCP: refused with the place where the desired state is declared, or taken by a setting."""

from __future__ import annotations

import pytest

from tests.api.nodes import Running, api_key, key, running, secret
from tests.api.test_errors import is_problem

YAML = {"Content-Type": "application/yaml"}


@pytest.mark.req("ERR-11", "ERR-02")
async def test_a_write_is_told_where_the_desired_state_is_declared(api: Running) -> None:
    told = is_problem(await api.public.post("/api/v1/apply", content=key("carol"), headers=YAML))
    assert told["code"] == "FORBIDDEN"
    declared = told["details"]["declared_in"]  # type: ignore[index]
    assert {"source": "root", "type": "directory", "location": str(api.source)} in declared
    assert str(api.source) in str(told["remedy"])
    assert "api.writes" in str(told["remedy"])


@pytest.mark.req("CORE-01")
async def test_where_the_setting_says_so_writes_land_in_the_inbox() -> None:
    async with running(api_key("admin", secret("a"), "admin"), api__writes=True) as api:
        await api.ready("apikey/admin")
        told = is_problem(await api.public.post("/api/v1/apply", content=key("carol"), headers=YAML))
        assert told["code"] == "UNAUTHORIZED"
        headers = YAML | {"X-API-Key": secret("a")}
        answer = await api.public.post("/api/v1/apply", content=key("carol"), headers=headers)
        assert answer.status_code == 202
        await api.ready("key/carol")
        stands = (await api.public.get("/api/v1/resources/key/default/carol")).json()
        assert (stands["origin"]["source"], stands["origin"]["managed_by"]) == ("inbox", "api")
        assert is_problem(await api.internal.post("/shutdown"))["code"] == "FORBIDDEN"
        told = is_problem(await api.public.get("/api/v1/resources/service/default/web/logs"))
        assert told["code"] == "FORBIDDEN", "what services print stays the owner's"
