"""The options of every verb, before it and after it; what is sent because of them, what is never shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Answering, answering, run

KEY = "planted-key-7f3a"
TRACE = "0af7651916cd43dd8448eb211c80319c"
ENDS = "400:2 401:4 403:4 404:5 408:9 409:6 412:6 413:2 422:2 429:8 500:3 502:7 503:7 504:9"
NODE: dict[str, object] = {"kinds": {}, "sources": [], "problems": [], "rebuilt": None, "warnings": []}
NODE |= {"last_pass_age_s": 1.0, "node_id": "0123456789", "status": "running", "uptime_s": 5.0}


@pytest.fixture
def node() -> Iterator[Answering]:
    with answering() as node:
        node.body = NODE
        yield node


@pytest.fixture
def url(node: Answering) -> str:
    return f"http://127.0.0.1:{node.port}"


@pytest.mark.req("CLI-04", "CLI-07", "TST-30")
@pytest.mark.parametrize("before", [True, False])
def test_they_may_stand_before_the_verb_and_after_it(
    node: Answering, url: str, tmp_path: Path, before: bool
) -> None:
    options = ("--api-url", url, "--api-key", KEY, "--trace-id", TRACE, "--timeout", "7s", "-o", "json", "-v")
    told = run(tmp_path, *(options if before else ()), "status", *(() if before else options))
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["node_id"] == "0123456789"
    assert node.asked[-1]["x-api-key"] == KEY
    assert node.asked[-1]["traceparent"].startswith(f"00-{TRACE}-")
    assert b"GET /api/v1/status at http://127.0.0.1:" in told.stderr


@pytest.mark.req("CLI-04")
def test_what_stands_after_counts_more_than_before_and_both_more_than_the_environment(
    node: Answering, url: str, tmp_path: Path
) -> None:
    environ = {"HOLDFAST_API_KEY": "variable", "HOLDFAST_API_URL": url, "HOLDFAST_TRACE_ID": TRACE}
    for words, key in (
        (("status",), "variable"),
        (("--api-key", "before", "status"), "before"),
        (("--api-key", "before", "status", "--api-key", "after"), "after"),
    ):
        assert run(tmp_path, *words, environ=environ).returncode == 0
        assert node.asked[-1]["x-api-key"] == key
        assert TRACE in node.asked[-1]["traceparent"]


@pytest.mark.req("X-29")
def test_what_another_program_is_told_is_not_taken_for_ours(
    node: Answering, url: str, tmp_path: Path
) -> None:
    environ = {"REVAER_API_URL": "http://127.0.0.1:1", "REVAER_API_KEY": KEY}
    assert run(tmp_path, "status", environ={**environ, "HOLDFAST_API_URL": url}).returncode == 0
    assert "x-api-key" not in node.asked[-1]
    assert b"no node" in run(tmp_path, "status", environ=environ).stderr


@pytest.mark.req("CLI-05", "OBS-19")
@pytest.mark.parametrize(
    ("environ", "sent"),
    [
        ({"TRACEPARENT": f"00-{TRACE}-{'b' * 16}-01"}, f"00-{TRACE}-{'b' * 16}-01"),
        ({"TRACEPARENT": f"00-{'c' * 32}-{'b' * 16}-01", "HOLDFAST_TRACE_ID": TRACE}, f"00-{TRACE}-"),
        ({"TRACEPARENT": "nonsense"}, ""),
    ],
)
def test_the_trace_of_a_program_that_starts_us_goes_on(
    node: Answering, url: str, tmp_path: Path, environ: dict[str, str], sent: str
) -> None:
    told = run(tmp_path, "--api-url", url, "--api-key", KEY, "status", environ=environ)
    assert told.returncode == 0, told.stderr
    assert node.asked[-1].get("traceparent", "").startswith(sent)
    assert ("traceparent" in node.asked[-1]) == bool(sent)


@pytest.mark.req("CLI-05")
@pytest.mark.parametrize("status", [200, 401, 500])
def test_a_key_is_never_shown(node: Answering, tmp_path: Path, status: int) -> None:
    node.status = status
    url = f"http://ada:{KEY}@127.0.0.1:{node.port}"
    told = run(tmp_path, "-v", "--api-key", KEY, "--api-url", url, "status")
    assert f": {status} in ".encode() in told.stderr
    assert KEY.encode() not in told.stdout + told.stderr


@pytest.mark.req("CLI-05", "CLI-01")
def test_a_key_that_no_header_holds_is_refused_and_not_repeated(url: str, tmp_path: Path) -> None:
    told = run(tmp_path, "status", environ={"HOLDFAST_API_KEY": f"{KEY}\n", "HOLDFAST_API_URL": url})
    assert told.returncode == 2
    assert b"copied whole" in told.stderr
    assert KEY.encode() not in told.stderr


@pytest.mark.req("CLI-01", "CLI-05")
def test_the_report_of_a_crash_holds_no_key(node: Answering, url: str, tmp_path: Path) -> None:
    node.body = []  # no node at all
    told = run(tmp_path, "--api-key", KEY, "--api-url", url, "status", environ={"TMPDIR": str(tmp_path)})
    assert told.returncode == 70
    (report,) = tmp_path.glob("holdfast-crash-*.txt")
    assert str(report).encode() in told.stderr
    assert "holdfast status" in report.read_text()
    assert KEY not in report.read_text()


@pytest.mark.req("CLI-01", "CLI-02", "TST-21", "TST-30")
@pytest.mark.parametrize(
    ("status", "end"),
    [(int(pair[:3]), int(pair[4:])) for pair in ENDS.split()],
)
def test_an_answer_without_a_code_ends_by_its_status(
    node: Answering, url: str, tmp_path: Path, status: int, end: int
) -> None:
    node.status, node.body = status, b"<html>whatever a proxy says"
    told = run(tmp_path, "--api-url", url, "status")
    assert told.returncode == end, told.stderr
    head, detail = told.stderr.split(b"): ", 1)
    assert head.startswith(b"error (")
    assert detail.startswith(b"%d " % status)


@pytest.mark.req("CLI-01", "CLI-02", "TST-30")
@pytest.mark.parametrize(("code", "end"), [("RATE_LIMIT_EXCEEDED", 8), ("CONFLICT", 6), ("TIMEOUT", 9)])
def test_a_problem_document_ends_by_its_code(
    node: Answering, url: str, tmp_path: Path, code: str, end: int
) -> None:
    params = [{"field": "limit", "message": "is too much", "suggestion": "100 at most", "pointer": "/q"}]
    node.status = 500
    node.body = {
        "code": code,
        "title": "So it is",
        "detail": "it is so",
        "remedy": "wait",
        "invalid_params": params,
    }
    told = run(tmp_path, "--api-url", url, "status")
    assert told.returncode == end
    assert told.stderr.decode().splitlines() == [
        "error (So it is): it is so",
        "  limit: is too much (100 at most)",
        "  remedy: wait",
    ]


@pytest.mark.req("CLI-02")
@pytest.mark.parametrize("odd", [7, "x", None, ["x"], {"a": 1}])
def test_a_problem_document_of_odd_types_is_no_crash(
    node: Answering, url: str, tmp_path: Path, odd: object
) -> None:
    node.status = 409
    node.body = {"code": "CONFLICT", "title": odd, "detail": "it is so", "invalid_params": odd}
    for form in ("table", "json"):
        told = run(tmp_path, "--api-url", url, "status", "-o", form)
        assert told.returncode == 6, told.stderr
        assert b"it is so" in told.stderr


@pytest.mark.req("CLI-02", "CLI-03")
def test_a_problem_is_json_where_json_is_asked_for(tmp_path: Path) -> None:
    told = run(tmp_path, "get", "key/none", "-o", "json")
    assert told.returncode == 5
    problem = json.loads(told.stderr.splitlines()[-1])
    assert problem["title"] == "Not Found"
    assert problem["detail"] == "key/none does not exist"
    assert problem["code"] == "NOT_FOUND"
    assert problem["remedy"]


@pytest.mark.req("CLI-04")
@pytest.mark.parametrize(
    "words",
    [
        ("-o", "yaml", "completion", "bash"),
        ("-o", "json", "up"),
        ("--trace-id", "none", "status"),
        ("--timeout", "soon", "status"),
        ("-o", "xml", "get"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    told = run(tmp_path, *words)
    assert told.returncode == 2
    assert told.stdout == b""


@pytest.mark.req("CLI-04")
def test_a_namespace_is_that_of_what_is_named(tmp_path: Path) -> None:
    for words in (("-n", "other", "describe", "key/x"), ("describe", "key/x", "-n", "other")):
        assert b"key/other/x does not exist" in run(tmp_path, *words).stderr
    assert b"key/third/x does not exist" in run(tmp_path, "-n", "other", "get", "key/third/x").stderr


@pytest.mark.req("CLI-03")
def test_a_warning_that_the_node_is_well_with_is_told_beside_its_problems(
    node: Answering, url: str, tmp_path: Path
) -> None:
    node.body = {
        **NODE,
        "problems": ["the disk is full"],
        "warnings": ["the disk is full", "a port is taken"],
    }
    told = run(tmp_path, "--api-url", url, "status")
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[-2:] == [b"! the disk is full", b"warning: a port is taken"]
