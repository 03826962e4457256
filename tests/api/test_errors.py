"""Whatever goes wrong leaves as one problem document, and nothing of the inside with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar
from litestar.routes import HTTPRoute

from api import errors
from api.app import build
from api.stream import Closing
from reconciler import errors as ours
from reconciler.runtime.desk import Desk
from reconciler.settings import Api
from reconciler.views import NodeView
from tests.api.nodes import Running, serving

FIELDS = {"type", "title", "status", "detail", "instance", "code", "message", "timestamp", "request_id"}
TRACES = re.compile(r'Traceback|File "|\.py\b|litestar|site-packages|0x[0-9a-f]{6}', re.IGNORECASE)


def is_problem(answer: httpx.Response) -> dict[str, object]:
    """A whole problem document that agrees with its own envelope and tells nothing of the inside."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told: dict[str, object] = answer.json()
    assert told.keys() >= FIELDS
    assert told["status"] == answer.status_code == errors.STATUS[str(told["code"])]
    assert told["detail"]
    assert told["request_id"] == answer.headers["x-request-id"]
    assert not TRACES.search(answer.text), answer.text
    return told


def routes() -> Iterator[HTTPRoute]:
    app: Litestar = build(None, Api(), Closing())
    yield from (route for route in app.routes if isinstance(route, HTTPRoute))


def path_of(route: HTTPRoute, **values: str) -> str:
    return re.sub(r"\{(\w+):\w+\}", lambda match: values.get(match[1], "nothing"), route.path)


@pytest.mark.req("ERR-01", "ERR-02", "ERR-06", "ERR-22", "CORE-16")
async def test_every_route_refuses_every_wrong_method(api: Running) -> None:
    for route in routes():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - route.methods:
            answer = await api.socket.request(method, path_of(route))
            told = is_problem(answer)
            assert told["code"] == "METHOD_NOT_ALLOWED", (method, route.path)
            assert set(answer.headers["allow"].split(", ")) >= route.methods - {"HEAD"}


@pytest.mark.req("ERR-01", "ERR-07", "ERR-09", "ERR-12", "CORE-16", "CORE-14", "CORE-15")
async def test_every_route_answers_nonsense_with_a_problem(api: Running) -> None:
    """Names of nothing, parameters of nothing, bodies of nothing: an error, and never our own fault."""
    for route in routes():
        for method in sorted(route.methods - {"OPTIONS"}):
            if "shutdown" in route.path and method == "POST":
                continue
            unknown = is_problem(await api.socket.request(method, path_of(route), params={"nonsense": "1"}))
            assert unknown["code"] in {"INVALID_FIELD", "NOT_FOUND"}
            if "{" in route.path:
                for name in (
                    "nothing",
                    "%00",
                    "%F0%9F%92%A9",
                    "a" * 3000,
                    "key%2Frelease",
                    "'; DROP",
                    "*",
                ):
                    answer = await api.socket.request(method, path_of(route, kind="key", name=name))
                    told = is_problem(answer)
                    assert answer.status_code in {400, 401, 404, 405}, (method, route.path, name, told)
            if method in {"POST", "DELETE"}:
                for body in (b"{", b"[]", b"\xff", b'{"nonsense": 1}', b"null" * 9):
                    headers = {"Content-Type": "application/json"}
                    answer = await api.socket.request(method, path_of(route), content=body, headers=headers)
                    assert answer.status_code in {400, 401, 404}, (method, route.path, body, answer.text)
                    is_problem(answer)


BROKEN = """\
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: web}
spec: {comand: [sleep, "1"], restart: alway}
---
apiVersion: holdfast.dev/v1
kind: Kye
metadata: {name: x}
"""


@pytest.mark.req("ERR-02", "ERR-04")
async def test_what_was_probably_meant_is_a_suggestion_of_its_own(api: Running) -> None:
    answer = await api.socket.post("/api/v1/diff", json={"manifests": {"a.yaml": BROKEN}})
    told = {one["field"]: one["suggestion"] for one in answer.json()["errors"]}
    assert told == {
        "spec.comand": "did you mean 'command'?",
        "spec.restart": "did you mean 'always'?",
        "kind": "did you mean 'Key'?",
    }


@pytest.mark.req("ERR-04")
@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("GET", "/api/v1/resources?kind=servce", None, "/query/kind"),
        ("GET", "/api/v1/events/history?kind=servce", None, "/query/kind"),
        ("GET", "/api/v1/events/history?subject=servce/web", None, "/query/subject"),
        ("GET", "/api/v1/resources/servce/default/web", None, "/path/kind"),
        ("GET", "/api/v1/status/servce/web", None, "/path/kind"),
        ("POST", "/api/v1/reconcile", {"refs": ["key/bob", "servce/web"]}, "/refs/1"),
        ("POST", "/api/v1/overrides", {"ref": "servce/web", "patch": {"suspend": True}}, "/ref"),
    ],
)
async def test_a_kind_that_there_is_none_of_is_pointed_at(
    api: Running, method: str, path: str, body: object, pointer: str
) -> None:
    told = is_problem(await api.socket.request(method, path, json=body))
    assert [(one["pointer"], one["suggestion"]) for one in told["errors"]] == [  # type: ignore[attr-defined]
        (pointer, "did you mean 'Service'?")
    ]
    assert told["code"] == "INVALID_FIELD"


@pytest.mark.req("CORE-17", "ERR-04", "ERR-15")
async def test_parameters_that_are_wrong_are_all_named(api: Running) -> None:
    answer = await api.public.get("/api/v1/resources", params={"page": "x", "per_page": 0})
    told = is_problem(answer)
    assert {one["pointer"] for one in told["errors"]} == {"/query/page", "/query/per_page"}  # type: ignore[attr-defined]
    answer = await api.public.get("/api/v1/events/history", params={"tpye": "a", "lmit": 2})
    suggestions = [one["suggestion"] for one in is_problem(answer)["errors"]]  # type: ignore[attr-defined]
    assert suggestions == ["did you mean 'type'?", "did you mean 'limit'?"]
    answer = await api.public.get("/api/v1/events/history?lmit=2&limit=0&since=yesterday&cursor=1")
    told = is_problem(answer)
    wrong = {"/query/lmit", "/query/limit", "/query/since"}
    assert {one["pointer"] for one in told["errors"]} == wrong  # type: ignore[attr-defined]
    assert (await api.public.get("/api/v1/status/all?limit=1000")).status_code == 200
    is_problem(await api.public.get("/api/v1/status/all?page=1"))
    for query in (
        "since=yesterday",
        "subject=key",
        "kind=nothing",
        "cursor=-1",
        "cursor=x",
        "cursor=" + "9" * 40,
    ):
        is_problem(await api.public.get(f"/api/v1/events/history?{query}"))
    is_problem(await api.public.get("/api/v1/events/history?since=0.5"))
    for query in ("per_page=null", "per_page=2&limit=3", "page=1.5", "page=1&page=x", "page=", "%00=1"):
        is_problem(await api.public.get(f"/api/v1/resources?{query}"))
    is_problem(await api.public.get("/api/v1/resources/all?cursor=a/b"))


async def test_paths_of_nothing(api: Running) -> None:
    for path in (
        "/",
        "/api",
        "/api/v1",
        "/api/v2/status",
        "/nope",
        "/%ff",
        "/api/v1/status/a/b/c",
        "//",
        "/../etc",
    ):
        assert is_problem(await api.public.get(path))["code"] == "NOT_FOUND"


@pytest.mark.req("ERR-03", "OBS-22", "X-33")
async def test_every_answer_has_a_request_id(api: Running) -> None:
    own = (await api.public.get("/health")).headers["x-request-id"]
    assert re.fullmatch("req-[0-9a-f]{12}", own)
    kept = await api.public.get("/nope", headers={"X-Request-ID": "req-abc123xyz"})
    assert is_problem(kept)["request_id"] == "req-abc123xyz"
    for given_id in ("", "a b", "x" * 101, "<script>", "ä", "a\tb"):
        answer = await api.public.get("/health", headers={b"X-Request-ID": given_id.encode()})
        assert re.fullmatch("req-[0-9a-f]{12}", answer.headers["x-request-id"]), given_id


class Broken(Desk):
    """A desk with a fault in it."""

    def node(self) -> NodeView:
        raise ZeroDivisionError("the password is swordfish")


@pytest.mark.req("CORE-16", "ERR-06", "ERR-19")
async def test_a_crash_shows_its_request_id_and_nothing_else(
    api: Running, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(Broken(api.node)) as client:
        told = is_problem(await client.get("/api/v1/status", headers={"X-Request-ID": "crash-1"}))
        assert told["code"] == "INTERNAL_SERVER_ERROR"
        assert told["detail"] == errors.CRASHED
        assert "crash-1" in caplog.text
        assert "ZeroDivisionError" in caplog.text
        assert (await client.get("/health")).status_code == 200


@pytest.mark.req("CORE-16")
async def test_what_is_not_there_just_now_says_so(api: Running) -> None:
    await api.node.store.close()
    told = is_problem(await api.socket.get("/api/v1/resources/key/default/release/plans"))
    assert told["code"] == "SERVICE_UNAVAILABLE"


def _codes(problem: type[ours.Problem]) -> Iterator[str]:
    yield problem.code
    for below in problem.__subclasses__():
        yield from _codes(below)


@pytest.mark.req("ERR-07", "ERR-08", "ERR-09", "ERR-10", "ERR-11", "ERR-12", "ERR-17", "ERR-20", "ERR-22")
def test_the_table_knows_every_code_of_the_tree() -> None:
    assert set(_codes(ours.Problem)) <= errors.STATUS.keys()
    assert errors.STATUS["UNAUTHORIZED"] == 401
    assert errors.STATUS["FORBIDDEN"] == 403
    assert errors.STATUS["SERVICE_UNAVAILABLE"] == 503
    assert errors.STATUS["TIMEOUT"] == 504


@given(st.text(), st.text(), st.lists(st.text()))
def test_any_problem_becomes_a_document(message: str, remedy: str, files: list[str]) -> None:
    problems = [ours.Misplaced(ours.Place(file, 3, 4), message, "wrong", remedy=remedy) for file in files]
    for problem in (ours.Conflict(message, remedy=remedy), ours.Rejected(problems), ValueError(message)):
        document = errors.document(errors.trouble(problem), "/x", "req-1")
        assert document["status"] == errors.STATUS[document["code"]]
        if isinstance(problem, ValueError):
            assert document["detail"] == errors.CRASHED
        else:
            assert document["detail"] == problem.message
    assert len(errors.trouble(ours.Rejected(problems)).faults) == len(files)


@pytest.mark.req("CORE-15")
def test_the_only_table() -> None:
    """No other file of the API knows a status of an error by its number."""
    api = Path(errors.__file__).parent
    numbers = re.compile(r"status_code=[45]\d\d|\b(40[0-9]|41[0-9]|50[0-4])\b")
    found = {path.name for path in api.rglob("*.py") if numbers.search(path.read_text())}
    told_of = {"conditional.py", "described_headers.py", "openapi.py"}  # in words for people
    assert found - told_of <= {"errors.py", "health.py", "bodies.py", "examples.py"}
