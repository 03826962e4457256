"""The routes, one file a capability: each turns a request into a verb of the desk, and a view into an answer.

What several of them take is provided here, by the names of their parameters.
"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter, SkipValidation

from api.errors import read_at
from api.pages import Paging, paging
from api.stream import Closing
from reconciler.errors import Invalid
from reconciler.model import Ref
from reconciler.runtime.asker import Asker
from reconciler.runtime.desk import Desk

TheDesk = NamedDependency[SkipValidation[Desk]]
By = NamedDependency[SkipValidation[Asker]]
"""Who asks, as operations and events name it."""
TheRef = NamedDependency[SkipValidation[Ref]]
"""What `{kind}/{namespace}/{name}` of the path names."""
ThePaging = NamedDependency[SkipValidation[Paging]]
TheClosing = NamedDependency[SkipValidation[Closing]]

AnyRequest = Request[Any, Any, Any]
Namespace = Annotated[str, QueryParameter(description="The namespace; `default` if not said.")]


def _ref(desk: TheDesk, kind: FromPath[str], namespace: FromPath[str], name: FromPath[str]) -> Ref:
    return ref_of(desk, kind, namespace, name)


def ref_of(desk: Desk, kind: str, namespace: str, name: str) -> Ref:
    """What a path names."""
    try:
        return desk.ref(f"{kind}/{namespace}/{name}")
    except Invalid:
        read_at("/path/kind", desk.kind, kind)  # if it is that
        raise


PROVIDED = {
    "ref": Provide(_ref, sync_to_thread=False),
    "paging": Provide(paging, sync_to_thread=False),
}
