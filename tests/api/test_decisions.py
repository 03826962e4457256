"""Where the sources of the requirements differ, one way was decided for: it holds for every route."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from api.openapi import document
from tests.api.nodes import Running

DOCUMENT: dict[str, Any] = document()
WHOLE = {
    "/api/v1/kinds",
    "/api/v1/resources/{kind}/{namespace}/{name}/plans",
    "/api/v1/resources/{kind}/{namespace}/{name}/causes",
    "/api/v1/sources/{name}/revisions",
}
"""Answers about one thing that are always told whole."""
ENVELOPES = ({"status", "data", "timestamp"}, {"status", "data", "error", "metadata"})
KEYS = "/api/v1/auth/keys"


@pytest.mark.req("X-09", "CORE-18")
def test_one_thing_is_told_bare_and_a_list_with_its_pages() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name, schema in schemas.items():
        members = set(schema["properties"])
        assert members not in ENVELOPES, name
        if name.startswith("PageOf"):
            assert members == {"data", "pagination", "links"}, name
    told = {
        path: answer["content"]["application/json"]["schema"]
        for path, methods in DOCUMENT["paths"].items()
        for answer in [methods.get("get", {}).get("responses", {}).get("200", {})]
        if "application/json" in answer.get("content", {})
    }
    assert {path for path, schema in told.items() if schema.get("type") == "array"} == WHOLE
    assert told["/api/v1/resources"] == {"$ref": "#/components/schemas/PageOfResourceView"}
    assert told["/api/v1/status"] == {"$ref": "#/components/schemas/NodeView"}


@pytest.mark.req("CORE-12", "OBS-22")
async def test_each_part_of_a_request_and_of_an_answer_has_its_place(api: Running) -> None:
    headers = {"X-Request-ID": "mine-1"}
    done = await api.socket.post("/api/v1/reconcile", json={"refs": ["key/release"]}, headers=headers)
    assert (done.status_code, done.json()["refs"]) == (202, ["key/release"])
    assert done.headers["x-request-id"] == "mine-1"
    (line,) = (await api.socket.get("/api/v1/audit", params={"action": "operation.reconcile"})).json()["data"]
    assert (line["request_id"], line["resource"]) == ("mine-1", ["key/release"])
    assert line["actor"] == done.json()["actor"] != ""
    failed = await api.socket.get("/api/v1/resources/key/default/nobody", headers=headers)
    problem = failed.json()
    assert (failed.status_code, problem["status"], problem["code"]) == (404, 404, "NOT_FOUND")
    assert (problem["request_id"], problem["instance"]) == ("mine-1", "/api/v1/resources/key/default/nobody")
    assert {"x-request-id", "x-api-version"} <= failed.headers.keys()


@pytest.mark.req("X-13")
async def test_a_page_has_20_if_nobody_says_otherwise(api: Running) -> None:
    for path in ("/api/v1/resources", "/api/v1/sources", "/api/v1/overrides", KEYS):
        assert (await api.socket.get(path)).json()["pagination"]["per_page"] == 20, path


@pytest.mark.req("X-32")
def test_the_verbs_are_those_of_the_sources_and_keys_take_patch_too() -> None:
    assert DOCUMENT["paths"][f"{KEYS}/{{name}}"].keys() == {"get", "put", "patch", "delete"}
    assert "post" in DOCUMENT["paths"]["/api/v1/apply"]


@pytest.mark.req("X-32")
async def test_patch_changes_a_key_as_put_does(api: Running) -> None:
    await api.socket.post(KEYS, json={"name": "ci", "permissions": ["read"]})
    for verb, title in (("PATCH", "One"), ("PUT", "Two")):
        told = (await api.socket.request(verb, f"{KEYS}/ci", json={"name": title})).json()
        assert (told["name"], told["permissions"], told["enabled"]) == (title, ["read"], True)


@pytest.mark.req("X-39")
async def test_times_are_written_in_utc_and_taken_with_any_offset(api: Running) -> None:
    key = {"name": "ci", "permissions": ["read"], "expires_at": "2999-01-31T12:00:00+02:00"}
    made = (await api.socket.post(KEYS, json=key)).json()
    end = datetime.fromisoformat(made["expires_at"])
    assert end == datetime.fromisoformat("2999-01-31T10:00:00Z")
    everything = [
        made,
        (await api.socket.get("/api/v1/status")).json(),
        (await api.socket.get("/api/v1/events/history?since=2026-01-31T12:00:00%2B02:00")).json(),
        (await api.socket.get("/nothing")).json(),
    ]
    times = [text for text in _texts(everything) if _is_time(text)]
    assert len(times) > 10
    assert [text for text in times if not text.endswith("Z")] == []


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]


def _is_time(text: str) -> bool:
    try:
        return "T" in text and datetime.fromisoformat(text) is not None
    except ValueError:
        return False
