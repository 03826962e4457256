"""What comes in a request's body: a bundle of manifests, or a small object.

Rules: JSON, and for manifests alone YAML as it is; what is unknown in it is refused with a suggestion,
all faults are told at once; a body that stops halfway is nothing.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from functools import partial
from typing import Annotated, Any, NamedTuple, NotRequired, TypedDict

from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, InternalServerException, SerializationException
from litestar.params import QueryParameter, SkipValidation
from litestar.serialization import decode_json

from api.errors import Fault, Wrong
from api.members import Reader, all_of, pointer, read
from api.room import Room, Take
from reconciler.errors import Invalid
from reconciler.model import EMPTY
from reconciler.runtime.bundle import DEFAULT_SET, Bundle

JSON = "application/json"
YAML = frozenset({"application/yaml", "application/x-yaml", "text/yaml"})

Set = Annotated[str, QueryParameter(name="set", description="With YAML: the set that it is applied as.")]
Prune = Annotated[bool, QueryParameter(description="With YAML: it is the whole of its set.")]
AllowPrune = Annotated[bool, QueryParameter(description="With YAML: it may remove much.")]
Expect = Annotated[str, QueryParameter(description="With YAML: the digest of the preview agreed to.")]


class BundleBody(TypedDict):
    """Manifests, and the files that they refer to."""

    manifests: dict[str, str]  # path -> YAML
    files: NotRequired[dict[str, str]]  # path -> content, in base64
    set: NotRequired[str]  # what is applied under one name can be pruned together
    prune: NotRequired[bool]  # it is the whole of its set: what it names no more goes
    allow_prune: NotRequired[bool]  # it may remove more than half of what is there
    expect: NotRequired[str]  # the digest of the preview that was agreed to


class Rest(NamedTuple):
    """What a bundle says beside its manifests, for a body that is nothing but YAML."""

    set: str
    prune: bool
    allow_prune: bool
    expect: str


Beside = NamedDependency[SkipValidation[Rest]]
TheRoom = NamedDependency[SkipValidation[Room]]


def rest(
    name: Set = DEFAULT_SET, *, prune: Prune = False, allow_prune: AllowPrune = False, expect: Expect = ""
) -> Rest:
    return Rest(name, prune, allow_prune, expect)


async def bundle_of(request: Request[Any, Any, Any], beside: Beside, room: TheRoom) -> AsyncIterator[Bundle]:
    """JSON as `Bundle` writes it, or one YAML text, with the rest of the bundle as parameters."""
    kind = _content_type(request, {JSON, *YAML})
    with room.share() as take:
        yield _bundle(kind, await _body(request, take), beside)


BUNDLE = {"beside": Provide(rest, sync_to_thread=False), "bundle": Provide(bundle_of)}
TheBundle = NamedDependency[SkipValidation[Bundle]]


def _bundle(kind: str, body: bytes, beside: Rest) -> Bundle:
    if kind == JSON:
        return Bundle(**read(_decoded(body), BundleBody, {"manifests": _texts, "files": _contents}))
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        told = f"the body is no UTF-8 (byte {error.start})"
        raise Invalid(told, remedy="send the YAML as UTF-8") from error
    return Bundle(
        {"manifest.yaml": text},
        set=beside.set,
        prune=beside.prune,
        allow_prune=beside.allow_prune,
        expect=beside.expect,
    )


def _texts(given: Any, name: str) -> dict[str, str]:  # noqa: ANN401 - whatever the body has there
    if not isinstance(given, dict):
        raise Wrong(Fault(pointer(name), name, "expected an object from paths to texts"))
    faults = [
        Fault(pointer(name, path), path, "expected text")
        for path, held in given.items()
        if not isinstance(held, str)
    ]
    if faults:
        raise Wrong(*faults)
    return given


def _contents(given: Any, name: str) -> dict[str, bytes]:  # noqa: ANN401 - whatever the body has there
    texts = _texts(given, name)
    contents = all_of(partial(_content, held, name, path) for path, held in texts.items())
    return dict(zip(texts, contents, strict=True))


def _content(held: str, name: str, path: str) -> bytes:
    try:
        return b64decode(held, validate=True)
    except ValueError as error:
        raise Wrong(Fault(pointer(name, path), path, f"is not base64: {error}")) from error


async def object_of(
    request: Request[Any, Any, Any], shape: type[Any], reads: Mapping[str, Reader] = EMPTY
) -> dict[str, Any]:
    """What a JSON object says of the members of this typed dictionary; no body is an empty one."""
    body = await _body(request, _small)
    if body:
        _content_type(request, {JSON})
    return read(_decoded(body) if body else {}, shape, reads)


def _content_type(request: Request[Any, Any, Any], taken: Collection[str]) -> str:
    kind, _ = request.content_type
    if kind not in taken:
        listed = ", ".join(sorted(taken))
        raise HTTPException(status_code=415, detail=f"'{kind}' is not taken here; send {listed}")
    return kind


async def _body(request: Request[Any, Any, Any], take: Take) -> bytes:
    pieces = []
    try:
        async for piece in request.stream():
            take(len(piece))
            pieces.append(piece)
        return b"".join(pieces)
    except InternalServerException as error:
        raise Invalid("the request ended before its body did") from error


def _small(count: int) -> None:
    """What is small anyway takes none of the room."""


def _decoded(body: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        found = decode_json(body)
        json.loads(body, object_pairs_hook=_once)
        return found
    except SerializationException as error:
        raise Invalid(f"the body is no JSON: {error.detail}") from error
    except ValueError as error:  # what is no UTF-8, or a number without an end
        raise Invalid(f"the body is no JSON: {error}") from error
    except RecursionError as error:
        raise Invalid("the body is nested too deeply") from error


def _once(members: list[tuple[str, object]]) -> None:
    """Of two members of one name either might be meant, and no decoder says so."""
    if len(dict(members)) < len(members):
        twice, _ = Counter(name for name, _ in members).most_common(1)[0]
        raise Wrong(Fault("", twice, "stands twice in one object", "leave one of them out"))
