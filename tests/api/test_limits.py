"""Limits: nobody gets more than their bucket holds, everybody hears how they stand, nothing is forgotten."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from api.openapi import document
from tests.api.nodes import Running, api_key, living, running, scratch, secret, settings_in, until

STATUS = "/api/v1/status"
RUNS = "abcdefghijklmnopqrst"
JSON = {"Content-Type": "application/json"}


def rated(name: str, letter: str, rate: str) -> str:
    return api_key(name, secret(letter), "admin").replace("]}", f"], rate: {rate}}}")


async def asked(api: Running, letter: str = "", path: str = STATUS, **headers: str) -> httpx.Response:
    key = {"X-API-Key": secret(letter)} if letter else {}
    return await api.public.get(path, headers=key | headers)


async def at_once(api: Running, letter: str, clients: int) -> list[int]:
    """The statuses of as many clients, each connected before the first of them asks."""
    host, port = api.address("public")
    links = await asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(clients)))
    request = f"GET /api/v1/kinds HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {secret(letter)}\r\n"
    for _, writer in links:
        writer.write(f"{request}Connection: close\r\n\r\n".encode())
    answers = await asyncio.gather(*(reader.read() for reader, _ in links))
    for _, writer in links:
        writer.close()
    return [int(answer.split()[1]) for answer in answers]


@pytest.mark.req("RTL-01", "RTL-02", "RTL-11", "TST-21", "TST-23", "TST-24")
async def test_of_200_at_once_exactly_as_many_get_in_as_the_bucket_holds() -> None:
    """The rate is so low that nothing comes back meanwhile."""
    keys = [rated(f"k{number}", letter, "{perMinute: 1, burst: 100}") for number, letter in enumerate(RUNS)]
    async with running("---\n".join(keys), limits__enabled=True) as api:
        await api.ready("apikey/k19")
        for letter in RUNS:
            found = await at_once(api, letter, 200)
            assert (found.count(200), found.count(429)) == (100, 100)


@pytest.mark.req("RTL-07", "RTL-08", "ERR-05", "ERR-18", "X-17")
async def test_every_answer_says_how_its_caller_stands() -> None:
    async with running(rated("few", "a", "{perMinute: 60, burst: 2}"), limits__enabled=True) as api:
        await api.ready("apikey/few")
        first = await asked(api, "a")
        assert first.status_code == 200
        assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("60", "1")
        assert first.headers["ratelimit-policy"] == '"key";q=60;w=60'
        assert re.fullmatch(r'"key";r=1;t=[12]', first.headers["ratelimit"])
        assert int(first.headers["x-ratelimit-reset"]) > 1_700_000_000
        assert "retry-after" not in first.headers
        answers = await asyncio.gather(*(asked(api, "a") for _ in range(8)))
        refused = next(one for one in answers if one.status_code == 429)
        told = refused.json()
        assert told["code"] == "RATE_LIMIT_EXCEEDED"
        assert (told["limit"], told["remaining"]) == (60, 0)
        assert told["retry_after"] == int(refused.headers["retry-after"]) >= 1
        assert refused.headers["x-ratelimit-retryafter"] == refused.headers["retry-after"]
        [t] = re.findall("t=([0-9]+)", refused.headers["ratelimit"])
        assert int(refused.headers["retry-after"]) >= int(t)
        assert told["reset_at"].endswith("Z")


@pytest.mark.req("RTL-07")
async def test_the_description_names_the_headers_that_there_are() -> None:
    async with running(rated("one", "a", "{perMinute: 1}"), limits__enabled=True) as api:
        await api.ready("apikey/one")
        answers = [await asked(api, "a") for _ in range(2)]
    described = document()["paths"][STATUS]["get"]["responses"]
    assert described["429"] == {"$ref": "#/components/responses/TooManyRequests"}
    described |= {"429": document()["components"]["responses"]["TooManyRequests"]}
    for answer in answers:
        told = {name.lower() for name in described[str(answer.status_code)]["headers"]} - {"etag"}
        assert {name for name in told if name in answer.headers} >= {
            name for name in answer.headers if "ratelimit" in name or name == "retry-after"
        }
    assert "headers" not in document()["paths"]["/health"]["get"]["responses"]["503"]


@pytest.mark.req("RTL-02", "RTL-05", "X-16", "X-21")
async def test_each_key_has_its_own_and_who_has_none_shares_that_of_the_address() -> None:
    manifests = rated("one", "a", "{perMinute: 1}") + "---\n" + api_key("two", secret("b"), "read")
    async with running(
        manifests, limits__address_per_minute=2, limits__per_minute=3, limits__burst=3, limits__enabled=True
    ) as api:
        await api.ready("apikey/one", "apikey/two")
        assert [(await asked(api, "a")).status_code for _ in range(2)] == [200, 429]
        assert [(await asked(api, "b")).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert [(await asked(api)).status_code for _ in range(3)] == [200, 200, 429]
        for _ in range(20):
            assert (await asked(api, path="/health")).status_code == 200, "probes are not counted"
            assert (await api.socket.get(STATUS)).status_code == 200, "nor is the owner"


@pytest.mark.req("RTL-04")
async def test_a_level_may_have_a_limit_of_its_own() -> None:
    manifests = "---\n".join(
        (
            api_key("reader", secret("r"), "read"),
            api_key("writer", secret("w"), "operator"),
            api_key("admin", secret("a"), '"events:read", admin'),
            api_key("some", secret("s"), "{scope: admin, names: [one]}, read"),
            rated("own", "o", "{perMinute: 2}"),
        )
    )
    async with running(
        manifests,
        limits__per_minute=1,
        limits__burst=1,
        limits__write_per_minute=3,
        limits__admin_per_minute=4,
        limits__enabled=True,
    ) as api:
        await api.ready(*(f"apikey/{name}" for name in ("reader", "writer", "admin", "some", "own")))
        for letter, most in {"r": 1, "w": 3, "a": 4, "s": 1, "o": 2}.items():
            found = [(await asked(api, letter)).status_code for _ in range(most + 1)]
            assert found == [200] * most + [429], letter


@pytest.mark.req("RTL-03", "RTL-06", "X-16", "X-17")
async def test_a_limit_for_the_hour_counts_beside_that_for_the_minute_and_a_key_may_weigh_more() -> None:
    manifests = (
        f"{api_key('two', secret('b'), 'read')}---\n{rated('heavy', 'h', '{perMinute: 10, weight: 5}')}"
        f"---\n{rated('hourly', 'o', '{perHour: 3}')}---\n{rated('both', 't', '{perMinute: 2, perHour: 9}')}"
    )
    async with running(manifests, limits__per_hour=2, limits__enabled=True) as api:
        await api.ready(*(f"apikey/{name}" for name in ("two", "heavy", "hourly", "both")))
        answers = [await asked(api, "b") for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"default";q=100;w=60, "hourly";q=2;w=3600'
        assert (answers[2].json()["limit"], answers[2].json()["retry_after"] > 60) == (2, True)
        assert [(await asked(api, "h")).status_code for _ in range(3)] == [200, 200, 429]
        answers = [await asked(api, "o") for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"default";q=100;w=60, "hourly";q=3;w=3600'
        answers = [await asked(api, "t") for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"key";q=2;w=60, "hourly";q=9;w=3600'


@pytest.mark.req("RTL-12", "X-21")
async def test_wrong_keys_meet_a_stricter_limit() -> None:
    async with running(
        api_key("two", secret("b"), "read"), limits__failures_per_minute=3, limits__enabled=True
    ) as api:
        await api.ready("apikey/two")
        assert [(await asked(api, "x")).status_code for _ in range(5)] == [401, 401, 401, 429, 429]
        assert (await asked(api, "b")).status_code == 200
        assert (await asked(api)).status_code == 200


async def test_to_hear_that_nothing_is_new_costs_a_key_nothing() -> None:
    async with running(rated("one", "a", "{perMinute: 1, burst: 3}"), limits__enabled=True) as api:
        await api.ready("apikey/one", "source/root")
        await api.judged()
        path = "/api/v1/resources/apikey/default/one"
        first = await asked(api, "a", path)
        for _ in range(10):
            again = await asked(api, "a", path, **{"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.headers["x-ratelimit-remaining"]) == (304, "2")


@pytest.mark.req("RTL-09", "EVT-08", "OBS-18")
async def test_an_end_that_is_met_is_counted_and_written_down_once() -> None:
    async with running(rated("one", "a", "{perMinute: 1}"), limits__enabled=True) as api:
        await api.ready("apikey/one")
        for _ in range(5):
            await asked(api, "a")
        figures = (await api.socket.get("/metrics")).text
        assert 'holdfast_limited_total{policy="key"} 4' in figures
        async with asyncio.timeout(60):
            path = "/api/v1/events/history?type=guardrail.rate_limit"
            while not (found := (await api.socket.get(path)).json()["data"]):  # noqa: ASYNC110 - of another task
                await asyncio.sleep(0.05)
        assert [one["data"] for one in found] == [{"who": "key:apikey/one", "policy": "key"}]


@pytest.mark.req("RTL-01")
async def test_what_was_left_is_left_after_a_restart() -> None:
    with scratch() as folder:
        source = Path(folder, "source")
        source.mkdir()
        (source / "all.yaml").write_text(rated("one", "a", "{perMinute: 1, burst: 5}"))
        settings = settings_in(Path(folder, "data"), limits__enabled=True)
        left = []
        for _ in range(2):
            async with living(settings, {"directory": {"path": str(source)}}) as node:
                await until(lambda node=node: "public" in node.desk.daemon.listeners)  # type: ignore[misc]
                await until(lambda node=node: any(True for _ in node.keyring.declared()))  # type: ignore[misc]
                address = node.desk.daemon.listeners["public"]
                async with httpx.AsyncClient(base_url=f"http://{address}") as client:
                    for _ in range(2):
                        answer = await client.get(STATUS, headers={"X-API-Key": secret("a")})
                        left.append(answer.headers["x-ratelimit-remaining"])
        assert left == ["4", "3", "2", "1"]


@pytest.mark.req("RTL-10")
async def test_limits_can_be_switched_off() -> None:
    async with running(rated("one", "a", "{perMinute: 1}"), limits__enabled=False) as api:
        await api.ready("apikey/one")
        answers = [await asked(api, "a") for _ in range(5)]
        assert {one.status_code for one in answers} == {200}
        assert "ratelimit" not in answers[0].headers


@pytest.mark.req("CORE-13", "X-21")
async def test_who_asks_comes_before_how_often_and_both_before_what() -> None:
    async with running(
        rated("ci", "a", "{perMinute: 1}"),
        api__require_auth=True,
        api__writes=True,
        limits__enabled=True,
        limits__address_per_minute=1,
        limits__burst=1,
    ) as api:
        await api.ready("apikey/ci")

        async def sent(key: dict[str, str]) -> int:
            """Of a body that is no JSON."""
            return (await api.public.post("/api/v1/diff", content=b"{", headers=key | JSON)).status_code

        assert await sent({"X-API-Key": secret("x")}) == 401
        mine = {"X-API-Key": secret("a")}
        assert [await sent(mine) for _ in range(2)] == [400, 429]
        assert [await sent({}) for _ in range(2)] == [401, 429]


@pytest.mark.req("RTL-02", "RTL-07")
async def test_what_fits_no_route_is_paid_for_by_its_address() -> None:
    async with running(limits__enabled=True, limits__address_per_minute=4) as api:
        strays = [("GET", "/nothing"), ("GET", "/api/v1/nothing"), ("PUT", STATUS), ("GET", "/status")]
        answers = [await api.public.request(method, path) for method, path in strays]
        assert [one.status_code for one in answers] == [404, 404, 405, 404]
        assert [one.headers["x-ratelimit-remaining"] for one in answers] == ["3", "2", "1", "0"]
        over = await api.public.get("/nothing")
        assert (over.status_code, over.json()["code"]) == (429, "RATE_LIMIT_EXCEEDED")
        assert int(over.headers["retry-after"]) > 0
        assert (await api.public.get(STATUS)).status_code == 429
        assert (await api.socket.get("/nothing")).status_code == 404


@pytest.mark.req("RTL-02", "RTL-07", "X-21")
@pytest.mark.parametrize(
    ("method", "headers", "code"),
    [
        ("GET", {"Host": "elsewhere.example"}, "FORBIDDEN"),
        ("GET", {"X-API-Version": "9"}, "INVALID_FIELD"),
        ("GET", {"Accept": "application/vnd.holdfast.v9+json"}, "NOT_ACCEPTABLE"),
        ("POST", {"Origin": "https://elsewhere.example"}, "FORBIDDEN"),
    ],
)
async def test_who_is_refused_before_the_routes_pays_all_the_same(
    method: str, headers: dict[str, str], code: str
) -> None:
    async with running(limits__enabled=True, limits__address_per_minute=2) as api:
        answers = [await api.public.request(method, STATUS, headers=headers) for _ in range(3)]
        assert [one.json()["code"] for one in answers] == [code, code, "RATE_LIMIT_EXCEEDED"]
        assert [one.headers["x-ratelimit-remaining"] for one in answers] == ["1", "0", "0"]
        assert int(answers[2].headers["retry-after"]) > 0
        assert (await api.public.get(STATUS)).status_code == 429
        assert (await api.public.get("/health")).status_code == 200
        version = {"X-API-Version": "9"}
        assert "x-ratelimit-limit" not in (await api.socket.get(STATUS, headers=version)).headers


@pytest.mark.req("RTL-02")
async def test_a_key_does_not_pay_for_what_its_address_has_sent() -> None:
    async with running(
        api_key("two", secret("b"), "read"), limits__enabled=True, limits__address_per_minute=1
    ) as api:
        await api.ready("apikey/two")
        wrong = {"X-API-Version": "9"}
        assert [(await asked(api, "b", **wrong)).status_code for _ in range(2)] == [400, 429]
        told = await asked(api, "b")
        assert (told.status_code, told.headers["x-ratelimit-remaining"]) == (200, "99")
