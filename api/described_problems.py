"""Every code that an answer can bear: what it means, and a sample of its problem document.

Rules: one row for each code of the table in `errors`; whoever describes the API, for programs or for people,
reads it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from api import errors

Json = dict[str, Any]

WHEN: Final = "2026-01-31T12:00:00.000Z"
BY_STATUS: Final = {"RATE_LIMIT_EXCEEDED": "TooManyRequests"}
"""Names of shared answers that people know by their status."""


class Meaning(NamedTuple):
    when: str
    sample: str  # of its `detail`
    remedy: str  # what the sample says is to be done


MEANINGS: Final[Mapping[str, Meaning]] = {
    "INVALID_REQUEST": Meaning(
        "The request cannot be read, or its manifests are wrong: `errors` names each place.",
        "the body is no JSON: line 1, column 2",
        "send an object",
    ),
    "MISSING_FIELD": Meaning(
        "A member that must be there is not: `errors` names each.",
        "name: a required field is missing",
        "say what it is called",
    ),
    "INVALID_FIELD": Meaning(
        "A member or a parameter is not acceptable: `errors` names each, with a suggestion.",
        "limitt: unknown parameter",
        "did you mean 'limit'?",
    ),
    "UNAUTHORIZED": Meaning(
        "The credential is missing, or does not count (any more).",
        "this API key does not count (any more)",
        "`holdfast api-key create` makes one; send it as `X-API-Key`",
    ),
    "FORBIDDEN": Meaning(
        "Understood and not allowed: too few permissions, a node that is read-only, a foreign web page.",
        "apikey/ci-pipeline has no permission `services:write`",
        "ask with a key that has it",
    ),
    "NOT_FOUND": Meaning("There is no such thing.", "there is no service/wbe", "did you mean 'service/web'?"),
    "METHOD_NOT_ALLOWED": Meaning(
        "The path takes other methods: `Allow` names them.",
        "this path does not take this method",
        "it takes GET, HEAD",
    ),
    "NOT_ACCEPTABLE": Meaning(
        "Nothing that the caller accepts is to be had here.",
        "this is answered with application/json",
        "",
    ),
    "REQUEST_TIMEOUT": Meaning(
        "The request did not come in time.", "the request did not come within 30 s", "send it again, faster"
    ),
    "CONFLICT": Meaning(
        "It is there already, declared differently elsewhere, or at work just now.",
        "service/web is declared differently at services/web.yaml:3:1 (source root)",
        "change it there: what a source declares, only that source changes",
    ),
    "PRECONDITION_FAILED": Meaning(
        "It is no longer what `If-Match` names.",
        "it is no longer what `If-Match` names",
        "read it again, and decide about what it is now",
    ),
    "PAYLOAD_TOO_LARGE": Meaning(
        "The body is larger than the route takes.",
        "the body is larger than 1048576 bytes",
        "send less at once",
    ),
    "UNSUPPORTED_MEDIA_TYPE": Meaning(
        "The body is in no form that the route reads.", "text/plain is not read here", "send application/json"
    ),
    "IDEMPOTENCY_KEY_REUSED": Meaning(
        "Something else was asked under this `Idempotency-Key`.",
        "this key stands for another request",
        "take a fresh key",
    ),
    "IDEMPOTENCY_IN_DOUBT": Meaning(
        "The node ended amid what was asked under this `Idempotency-Key`: whether it was done, nobody knows.",
        "the node ended while this was being done",
        "look whether it was done, and ask under a fresh key if not",
    ),
    "UPGRADE_REQUIRED": Meaning(
        "The path speaks WebSocket.", "this is answered over WebSocket", "ask with `Upgrade: websocket`"
    ),
    "RATE_LIMIT_EXCEEDED": Meaning(
        "More was asked than the limit allows; `Retry-After` says when this call can be paid.",
        "the limit of 100 in a minute is used up",
        "ask again in 12 s",
    ),
    "HEADERS_TOO_LARGE": Meaning(
        "The head of the request is too large.", "the headers are larger than 16384 bytes", "send fewer"
    ),
    "INTERNAL_SERVER_ERROR": Meaning(
        "A fault of Holdfast's own; the log says more under the request id.",
        errors.CRASHED,
        "the node's log says more under this request id",
    ),
    "FAILED": Meaning(
        "An act was tried and did not work; trying again may help.",
        "the store took no write: database or disk is full",
        "make room where the data folder lies",
    ),
    "CORRUPT": Meaning(
        "What was stored cannot be read any more.",
        "the row of service/web does not bear its seal",
        "`holdfast doctor` says what is damaged",
    ),
    "SERVICE_UNAVAILABLE": Meaning(
        "What is needed is not there just now.", "the node is stopping", "ask again in a moment"
    ),
    "TIMEOUT": Meaning(
        "What is needed did not answer in time.", "the keeper did not answer within 5 s", "ask again"
    ),
}


def name_of(code: str) -> str:
    """Of the shared answer: `NOT_FOUND` -> `NotFound`."""
    return BY_STATUS.get(code) or code.title().replace("_", "")


def sample(code: str) -> Json:
    """The problem document of a code, as a node would write it."""
    told = errors.Trouble(code, MEANINGS[code].sample, MEANINGS[code].remedy)
    return {**errors.document(told, "/api/v1/resources", "req-6bfa1c6cf3a3"), "timestamp": WHEN}
