"""The API described for programs: an OpenAPI document, made of the routes themselves.

Rules: a pure function of the code; paths, parameters and shapes are what the framework reads from the
handlers, meanings are the words that stand beside them in the code; every answer that is an error has
the one problem document. Made when somebody asks: an idle node carries none of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec
import yaml
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.routes import HTTPRoute

from api import described_limits, described_problems, errors, pages
from api.app import build
from api.described_about import ABOUT, CONTACT, LICENCE, PARTS, SERVERS
from api.described_headers import ETAG, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, LAST_EVENT_ID
from api.examples import example_of
from api.gate import API
from api.identity import SAFE
from api.shapes import meanings, required
from api.stream import Closing
from reconciler import __version__, views
from reconciler.access import ADMIN
from reconciler.settings import Api

Json = dict[str, Any]

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
DOORS = {
    "everywhere": "Every listener has it.",
    "internal": "The internal listener and the Unix socket have it.",
    "private": "Over TCP only with an API key.",
    "write": "Over TCP only with an API key, and with the setting `api.writes`.",
}


@lru_cache(maxsize=1)
def encoded() -> bytes:
    return json.dumps(document(), ensure_ascii=False).encode()


@lru_cache(maxsize=1)
def as_yaml() -> bytes:
    """The same model: what JSON says, in YAML."""
    return yaml.dump(
        json.loads(encoded()), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100
    ).encode()


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
            described_limits.say(found["paths"][path][method.lower()], _shared("RATE_LIMIT_EXCEEDED"))
        bodies += filter(None, [handler.opt.get("takes")])
    schemas |= msgspec.json.schema_components([views.ProblemView, *bodies], ref_template=BODY)[1]
    explain(schemas, bodies)
    found["components"]["securitySchemes"] = SCHEMES
    _say_places(found)
    found["components"]["headers"] |= described_limits.components()
    found["components"]["responses"] = _problems()
    _share_parameters(found)
    tags = sorted({tag for one in _every(found) for tag in one["tags"]})
    return {
        "openapi": found["openapi"],
        "info": {**found["info"], "contact": CONTACT, "license": LICENCE},
        "servers": SERVERS,
        "tags": [{"name": tag, "description": PARTS[tag]} for tag in tags],
        "paths": found["paths"],
        "components": found["components"],
    }


def _every(found: Json) -> Iterator[Json]:
    """Each operation of the document."""
    for methods in found["paths"].values():
        yield from methods.values()


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
        answers[str(errors.STATUS[code])] = _shared(code)
    answers["default"] = {"$ref": "#/components/responses/Problem"}


def _security(handler: HTTPRouteHandler) -> list[Json]:
    """Which credentials it takes; the kernel's word on the Unix socket needs none."""
    opt = handler.opt
    if opt.get("open") or opt.get("proven"):
        return []
    scopes = [scope] if (scope := opt.get("scope", ADMIN)) else []
    return [{"key": scopes}, {"bearer": scopes}, *([{}] if opt.get("shortened") else [])]


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


def _shared(code: str) -> Json:
    return {"$ref": f"#/components/responses/{described_problems.name_of(code)}"}


def _problems() -> Json:
    """The answers of all that goes wrong, each with a sample."""
    found = {
        described_problems.name_of(code): _problem(
            f"`{code}`: {meaning.when}", {"example": described_problems.sample(code)}
        )
        for code, meaning in described_problems.MEANINGS.items()
    }
    described_limits.say_of_problems(found)
    return {**found, "Problem": _problem("What went wrong.", {})}


def _problem(description: str, more: Json) -> Json:
    schema = {"$ref": BODY.format(name="ProblemView")}
    return {"description": description, "content": {errors.CONTENT_TYPE: {"schema": schema, **more}}}


def _share_parameters(found: Json) -> None:
    """Say once what many operations take: `page`, `limit`, `If-None-Match`."""
    operations = [*_every(found)]
    said = Counter(json.dumps(one) for operation in operations for one in operation.get("parameters", ()))
    shared: Json = {}
    for text, times in said.most_common():
        parameter = json.loads(text)
        if times > 1 and parameter["name"] not in shared:
            shared[parameter["name"]] = parameter
    for operation in operations:
        for number, one in enumerate(operation.get("parameters", ())):
            if shared.get(one["name"]) == one:
                operation["parameters"][number] = {"$ref": f"#/components/parameters/{one['name']}"}
    found["components"]["parameters"] = dict(sorted(shared.items()))


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
        if (example := example_of(name)) is not None:
            schema["examples"] = [example]
