"""What a person names on the command line: resources, kinds, sources; and what a shell offers for it.

Rules: `-n` is the namespace of a name that says none; offers come from the running node, in an instant or
not at all, and without a word where no node runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from reconciler.cli.everywhere import KEPT, given
from reconciler.errors import Problem

AT_MOST_S = 0.5  # for who waits at a prompt


class _Named(click.ParamType[str]):
    """A word that a node knows."""

    name = "text"

    def __init__(self, offers: Callable[[_Asking], Iterable[str]]) -> None:
        self._offers = offers

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            offers = sorted(set(self._offers(_Asking(ctx))))
        except (Problem, OSError, ValueError):  # nobody answers, or what answers is no node
            return []
        return [CompletionItem(one) for one in offers if one.lower().startswith(incomplete.lower())]


class _Ref(_Named):
    """`kind/name`, in the namespace that `-n` says."""

    name = "ref"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        namespace = given("namespace")
        kind, slash, name = value.partition("/")
        return f"{kind}/{namespace}/{name}" if namespace and slash and "/" not in name else value


class _OfKind(_Named):
    """The name of a resource whose kind is known; it may be written before it."""

    name = "name"

    def __init__(self, kind: str) -> None:
        super().__init__(lambda asking: asking.names(kind))
        self._kind = kind

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As a ref."""
        ref = value if "/" in value else f"{self._kind}/{value}"
        return REF.convert(ref, param, ctx)


class _Asking:
    """The node that the words before the cursor mean."""

    def __init__(self, ctx: click.Context) -> None:
        from reconciler.cli.door import asked_where

        self.params: dict[str, Any] = ctx.params
        self._meta = ctx.meta.get(KEPT, {})
        with ctx.scope(cleanup=False):
            self._remote = asked_where().remote(AT_MOST_S)

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        return self._remote.ask("GET", f"/api/v1{path}")

    def refs(self) -> Iterable[str]:
        """`key/other/release` is `key/release` after `-n other`."""
        namespace = self._meta.get("namespace")
        for ref in self.get("/graph"):
            kind, _, name = ref.partition("/")
            own, slash, short = name.partition("/")
            yield f"{kind}/{short}" if slash and own == namespace else ref

    def kinds(self) -> Iterable[str]:
        return [one["name"].lower() for one in self.get("/kinds")]

    def names(self, kind: str) -> Iterable[str]:
        return [name for one, _, name in (ref.partition("/") for ref in self.refs()) if one == kind]

    def revisions(self) -> Iterable[str]:
        source = self.params.get("source") or "root"
        return [one["revision"] for one in self.get(f"/sources/{source}/revisions")]


REF = _Ref(_Asking.refs)
KIND_OR_REF = _Ref(lambda asking: [*asking.kinds(), *asking.refs()])
SERVICE = _OfKind("service")
API_KEY = _Named(lambda asking: asking.names("apikey"))
KEY = _Named(lambda asking: asking.names("key"))
SOURCE = _Named(lambda asking: asking.names("source"))
REVISION = _Named(_Asking.revisions)
