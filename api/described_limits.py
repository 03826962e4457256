"""What the description of the API says of limits: the headers of each limited answer, and the refusal.

Rules: nothing of it is required, since the Unix socket has no limit.
"""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

HEADERS: Final = {
    "X-RateLimit-Limit": ("integer", "How much the caller may ask for, by the limit nearest to its end."),
    "X-RateLimit-Remaining": ("integer", "How much of it is left."),
    "X-RateLimit-Reset": ("integer", "When all of it is there again, in seconds of the epoch."),
    "RateLimit-Policy": ("string", "All limits that count here, as the draft standard writes them."),
    "RateLimit": ("string", "How the caller stands with each of them."),
}
AFTER: Final = {
    "Retry-After": ("integer", "In how many seconds this call can be paid."),
    "X-RateLimit-RetryAfter": ("integer", "The same."),
}
TOO_MANY: Final = "429"


def components() -> Json:
    return {
        name: {"description": told, "schema": {"type": of}}
        for name, (of, told) in {**HEADERS, **AFTER}.items()
    }


def say(operation: Json, refusal: Json) -> None:
    """`refusal` is the answer of who has asked for too much; what all operations share speaks for itself."""
    answers = operation["responses"]
    for answer in answers.values():
        if "$ref" not in answer:
            answer["headers"] = {**answer.get("headers", {}), **_refs(HEADERS)}
    answers[TOO_MANY] = refusal


def say_of_problems(problems: Json) -> None:
    for name, answer in problems.items():
        answer["headers"] = _refs({**HEADERS, **AFTER} if name == "TooManyRequests" else HEADERS)


def _refs(names: Json) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
