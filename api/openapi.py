"""The API described for programs: an OpenAPI document, made of the routes themselves.

Rules: a pure function of the code; paths, parameters and shapes are what the framework reads from the
handlers, meanings are the words that stand beside them in the code; every answer that is an error has
the one problem document. Made when somebody asks: an idle node carries none of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.routes import HTTPRoute

from api import described_limits, errors, pages
from api.app import build
from api.as_of import API
from api.examples import EXAMPLES
from api.identity import SAFE
from api.shapes import meanings, required
from api.stream import Closing
from reconciler import __version__, views
from reconciler.access import ADMIN
from reconciler.settings import Api

Json = dict[str, Any]

ABOUT = """\
What a node knows, and how it is asked for changes. The same paths are served over the node's Unix socket,
where the kernel says who asks, and over TCP, where an API key does: in `X-API-Key`, or after
`Authorization: Bearer`. A key can be exchanged for tokens that end by themselves (`POST /api/v1/auth/token`)
and are sent as a bearer. Without any of these one may look there, unless the setting `api.require_auth` is
on. TCP is in clear on a loopback address only; beyond it there is TLS, and nobody looks without a key.

Every answer carries `X-Request-ID`, the caller's own if it is a sane one. Every error is a problem document
(RFC 9457). A parameter or a member that is not known is refused with a suggestion.

The version stands in the path. `/api/…` without one takes it from `X-API-Version: 1` or from
`Accept: application/vnd.holdfast.v1+json`, or is the present one; what disagrees with the path is refused.
What goes out of use says so with `Deprecation`, `Sunset` and `Link`.

What is read comes compressed (zstd, gzip) to who accepts it. All that is read has an `ETag`, which is the
same for every caller who is told the same. Every write takes `dryRun=true`: it makes each check of the real
one, writes nothing, and answers with the plan."""

BODY = "#/components/schemas/{name}"
HEADER = "#/components/headers/Last-Event-ID"
GENERIC = re.compile(r"(Page|Stretch)_[\w.]+\.(\w+)_")
NOISE = {"deprecated": False, "allowEmptyValue": False, "allowReserved": False}
IN_PATHS = {
    "kind": "The kind, in any spelling.",
    "namespace": "The namespace.",
    "name": "The name.",
}
SUCCESS = {"200": "As it is.", "201": "Made.", "202": "Asked for; the loop does it.", "204": "Done."}
EVENTS, LINES = "text/event-stream", "application/x-ndjson"
STREAMS = {
    EVENTS: "Server-sent events: `id`, the name as `event`, and an object in JSON as `data`.",
    LINES: "A `LogLineView` a line.",
}
SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key's secret."},
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The same, or a token for it, as a bearer.",
    },
}
ETAG = {"description": "Names what was told; ages that only pass are no news.", "schema": {"type": "string"}}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of what is known already: answered with 304 while it is the same.",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again under the same key it is not done again: the first answer is told, for a day"
    " (`Idempotency-Expires`); 409 while the first is at work, and if"
    " the node has ended amid it (`IDEMPOTENCY_IN_DOUBT`), 422 if something else was asked under it.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of what was seen: done only while it is the same, else 412.",
    "schema": {"type": "string"},
}
LAST_EVENT_ID = {
    "description": "What is read is at least as new as the log up to this event: a stream that goes on after"
    " it tells all that comes.",
    "schema": {"type": "string"},
}
DOORS = {
    "everywhere": "Every listener has it.",
    "internal": "The internal listener and the Unix socket have it.",
    "private": "Over TCP only with an API key.",
    "write": "Over TCP only with an API key, and with the setting `api.writes`.",
}


@lru_cache(maxsize=1)
def encoded() -> bytes:
    return json.dumps(document(), ensure_ascii=False).encode()


def document() -> Json:
    config = OpenAPIConfig(
        title="Holdfast",
        version=__version__,
        description=ABOUT,
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, _method, _path: f"{_file(handler)}_{handler.handler_name}",
    )
    app = build(None, Api(), Closing(), openapi=config)
    found: Json = json.loads(GENERIC.sub(r"\1Of\2", json.dumps(app.openapi_schema.to_schema())))
    schemas = found["components"]["schemas"]
    bodies: list[type[Any]] = []
    for path, method, handler in _operations(app):
        write = method not in SAFE and not (handler.opt.get("reads") or handler.opt.get("proven"))
        _finish(found["paths"][path][method.lower()], method.lower(), handler, write=write)
        if handler.opt.get("weight", 1):
            refusal = _problem("Too Many Requests: `RATE_LIMIT_EXCEEDED`.")
            described_limits.say(found["paths"][path][method.lower()], refusal)
        bodies += filter(None, [handler.opt.get("takes")])
    schemas |= msgspec.json.schema_components([views.ProblemView, *bodies], ref_template=BODY)[1]
    explain(schemas, bodies)
    found["components"]["securitySchemes"] = SCHEMES
    _say_places(found)
    found["components"]["headers"] |= described_limits.components()
    found["components"]["responses"] = {"Problem": _problem("What went wrong.")}
    return {key: found[key] for key in ("openapi", "info", "paths", "components")}


def _operations(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """All that is ours, and not the framework's own pages."""
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            if handler.fn.__module__.startswith("api.routes."):
                yield from ((route.path_format, str(method), handler) for method in handler.http_methods)


def _file(handler: HTTPRouteHandler) -> str:
    return handler.fn.__module__.rpartition(".")[2]


def _finish(operation: Json, method: str, handler: HTTPRouteHandler, *, write: bool) -> None:
    """What the framework does not know of an operation."""
    operation["deprecated"] = "deprecated" in handler.opt
    operation["tags"] = [_file(handler)]
    operation["security"] = _security(handler)
    doors = [DOORS["write"] if write else "", *(DOORS[word] for word in DOORS if handler.opt.get(word))]
    operation["description"] = " ".join(filter(None, [operation.get("description", ""), *doors]))
    for parameter in operation.get("parameters", ()):
        _finish_parameter(parameter)
    if body := handler.opt.get("takes"):
        operation["requestBody"] = _body(body, yaml=handler.opt["yaml"])
    if handler.opt.get("switches"):
        operation["responses"] = {"101": {"description": "Switched to WebSocket."}}
    if write and not handler.opt.get("once"):
        operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    if handler.opt.get("matches"):
        operation.setdefault("parameters", []).append(IF_MATCH)
    answers = operation["responses"]
    media = answers.get("200", {}).get("content", {})
    if method == "get" and ("application/json" in media or handler.opt.get("tagged")):
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
        answers["200"]["headers"] = {"ETag": ETAG}
        answers["304"] = {"description": "As it was: `If-None-Match` still fits.", "headers": {"ETag": ETAG}}
    if any(parameter["name"] == "dryRun" for parameter in operation.get("parameters", ())):
        _finish_dry_run(answers)
    for status, answer in answers.items():
        _finish_answer(status, answer)
    for code in _troubles(handler):
        status = errors.STATUS[code]
        answers[str(status)] = _problem(f"{HTTPStatus(status).phrase}: `{code}`.")
    answers["default"] = {"$ref": "#/components/responses/Problem"}


def _security(handler: HTTPRouteHandler) -> list[Json]:
    """Which credentials it takes; the kernel's word on the Unix socket needs none."""
    opt = handler.opt
    if opt.get("open") or opt.get("proven"):
        return []
    scopes = [scope] if (scope := opt.get("scope", ADMIN)) else []
    return [{"key": scopes}, {"bearer": scopes}]


def _say_places(found: Json) -> None:
    """What is read says at which place in the log it is true."""
    found["components"]["headers"] = {"Last-Event-ID": LAST_EVENT_ID}
    for path, methods in found["paths"].items():
        if path.startswith(API) and "get" in methods:
            for status, answer in methods["get"]["responses"].items():
                if status in {"101", "200", "304"}:
                    answer.setdefault("headers", {})["Last-Event-ID"] = {"$ref": HEADER}


def _finish_parameter(parameter: Json) -> None:
    for word in NOISE:
        parameter.pop(word, None)
    if parameter["in"] == "path":
        parameter.setdefault("description", IN_PATHS[parameter["name"]])
    schema = parameter["schema"]
    schema.pop("description", None)
    choices = [one for one in schema.pop("oneOf", ()) if one != {"type": "null"}]
    for choice in choices:  # what is not said is left out: a query has no null
        schema |= choice


def _finish_dry_run(answers: Json) -> None:
    plan: Json = {"$ref": BODY.format(name="PreviewView")}
    if done := answers.get("200"):
        plan = {"anyOf": [done["content"]["application/json"]["schema"], plan]}
    told = "As it is; with `dryRun`: what would change." if done else "With `dryRun`: what would change."
    answers["200"] = {"description": told, "content": {"application/json": {"schema": plan}}}


def _finish_answer(status: str, answer: Json) -> None:
    if answer["description"].startswith("Request ") or status in {"201", "204"}:
        answer["description"] = SUCCESS[status]
    content = answer.get("content", {})
    if LINES in content:  # had as events too, by who accepts them
        content[EVENTS] = {}
    for media_type in content.keys() & STREAMS.keys():
        content[media_type] = {"schema": {"type": "string", "description": STREAMS[media_type]}}


def _troubles(handler: HTTPRouteHandler) -> Iterator[str]:
    """The codes that it refuses by, beside those that any request can meet."""
    yield "INVALID_REQUEST"
    if handler.opt.get("proven"):
        yield from ("UNAUTHORIZED", "PAYLOAD_TOO_LARGE")
        if handler.opt.get("takes"):
            yield "UNSUPPORTED_MEDIA_TYPE"
        return
    if not handler.opt.get("open"):
        yield "UNAUTHORIZED"
        if handler.opt.get("scope", ADMIN) or handler.opt.get("takes") or "{" in next(iter(handler.paths)):
            yield "FORBIDDEN"  # while a list shows less to who may see less
    if "{" in next(iter(handler.paths)) or handler.opt.get("names"):
        yield "NOT_FOUND"
    if handler.opt.get("switches"):
        yield from ("FORBIDDEN", "UPGRADE_REQUIRED")
    if handler.opt.get("conflicts"):
        yield "CONFLICT"
    if handler.opt.get("matches"):
        yield "PRECONDITION_FAILED"
    if handler.opt.get("takes"):
        yield from ("PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")


def _problem(description: str) -> Json:
    schema = {"$ref": BODY.format(name="ProblemView")}
    return {"description": description, "content": {errors.CONTENT_TYPE: {"schema": schema}}}


def _body(of: type[Any], *, yaml: bool) -> Json:
    content: Json = {"application/json": {"schema": {"$ref": BODY.format(name=of.__name__)}}}
    if yaml:
        told = "Manifests as they are; what else a bundle says stands in the query."
        content["application/yaml"] = {"schema": {"type": "string", "description": told}}
    return {"required": bool(required(of)), "content": content}


def explain(schemas: Json, bodies: list[type[Any]]) -> None:
    """Give each shape its meaning, what it needs, and an example."""
    shapes = {of.__name__: of for of in (*vars(views).values(), *bodies) if hasattr(of, "__required_keys__")}
    shapes |= {"Pagination": pages.Pagination, "Links": pages.Links}
    for name, schema in schemas.items():
        of = shapes.get(name) or (pages.Page if name.startswith("PageOf") else pages.Stretch)
        schema["title"] = name
        schema["description"] = " ".join((of.__doc__ or "").split()) or name
        schema["required"] = [member for member in schema["properties"] if member in required(of)]
        told = meanings(of)
        for member, field in schema["properties"].items():
            if member in told:
                field["description"] = told[member]
        if name in EXAMPLES:
            schema["examples"] = [EXAMPLES[name]]
