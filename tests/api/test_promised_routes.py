"""Each path that a requirement names is one of the API's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.openapi import document

ROWS = Path("docs/reference/requirements.md")
NAMED = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE|WS) `?(/[^`?]+)`")
AIM = 50


def promised() -> Iterator[tuple[str, str]]:
    for method, path in NAMED.findall(ROWS.read_text()):
        yield "GET" if method == "WS" else method, unnamed(path)


def served() -> set[tuple[str, str]]:
    return {(method.upper(), unnamed(path)) for path, item in document()["paths"].items() for method in item}


def unnamed(path: str) -> str:
    """Whatever the parameters are called."""
    return re.sub(r"\{\w+\}", "{}", path)


@pytest.mark.req("X-37")
def test_each_path_that_a_row_names_is_served() -> None:
    named = {*promised()}
    assert ("GET", "/api/v1/status/{}/{}") in named
    assert ("POST", "/api/v1/auth/keys/{}/rotate") in named
    assert ("GET", "/api/v1/ws") in named
    assert named <= served()


@pytest.mark.req("X-37")
def test_there_are_as_many_as_were_aimed_at() -> None:
    assert len(served()) >= AIM
