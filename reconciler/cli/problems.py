"""A problem as it is printed, the same whether a node answered it or this process raised it.

Rules: its title and detail, each parameter that is wrong, and the remedy; as one line of JSON for who asked
for JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reconciler.cli import exits
from reconciler.cli.plain import plain, plain_lines
from reconciler.errors import Problem, Rejected

TITLES = {
    exits.INVALID: "Bad Request",
    exits.DENIED: "Forbidden",
    exits.NOT_FOUND: "Not Found",
    exits.CONFLICT: "Conflict",
    exits.UNAVAILABLE: "Service Unavailable",
    exits.LIMITED: "Too Many Requests",
    exits.TIMEOUT: "Timeout",
}


def misplaced(rejected: Rejected) -> list[dict[str, str]]:
    """What is wrong with manifests, as a node tells it."""
    return [
        {"place": str(one.place), "field": one.path, "message": one.reason, "suggestion": one.remedy}
        for one in rejected.problems
    ]


def told(problem: Problem, *, as_json: bool) -> Iterator[str]:
    answered: dict[str, Any] = getattr(problem, "document", {})
    params = misplaced(problem) if isinstance(problem, Rejected) else _params(answered)
    title = str(answered.get("title") or "") or TITLES.get(exits.status_of(problem), "Failed")
    if as_json:
        document = {"title": title, "detail": problem.message, "code": problem.code}
        document |= {"remedy": problem.remedy} if problem.remedy else {}
        yield json.dumps({**document, "invalid_params": params}, sort_keys=True, ensure_ascii=False)
        return
    yield f"error ({plain(title)}): {plain_lines(problem.message)}"
    yield from (f"  {plain(_param(one))}" for one in params if _wrong(one) not in problem.message)
    if problem.remedy:
        yield f"  remedy: {plain_lines(problem.remedy)}"


def _params(answered: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that are some: whoever answers may be no node of ours."""
    told = answered.get("invalid_params")
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _wrong(one: dict[str, str]) -> str:
    """`limit: is too much`; what the detail tells already is not told twice."""
    return f"{one.get('field', '')}: {one.get('message', '')}"


def _param(one: dict[str, str]) -> str:
    hint = one.get("suggestion", "")
    return f"{_wrong(one)} ({hint})" if hint else _wrong(one)
