"""The routes, one file a capability: each turns a request into a verb of the desk, and a view into an answer.

What several of them take is provided here, by the names of their parameters.
"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request
from litestar.di import Provide
from litestar.params import Dependency, Parameter

from api.pages import Paging, paging
from api.stream import Closing
from reconciler.model import Ref
from reconciler.runtime.asker import Asker
from reconciler.runtime.desk import Desk

_given = Dependency(skip_validation=True)

TheDesk = Annotated[Desk, _given]
By = Annotated[Asker, _given]
"""Who asks, as operations and events name it."""
TheRef = Annotated[Ref, _given]
"""What `{kind}/{namespace}/{name}` of the path names."""
ThePaging = Annotated[Paging, _given]
TheClosing = Annotated[Closing, _given]

AnyRequest = Request[Any, Any, Any]
Namespace = Annotated[str, Parameter(description="The namespace; `default` if not said.")]


def _ref(desk: TheDesk, kind: str, namespace: str, name: str) -> Ref:
    return desk.ref(f"{kind}/{namespace}/{name}")


PROVIDED = {
    "ref": Provide(_ref, sync_to_thread=False),
    "paging": Provide(paging, sync_to_thread=False),
}
