"""The way to a node: the one that runs, or for as long as a command takes, one in this process.

Rules: both answer with the same views; a verb does not know behind which of the two it stands. Only
what has to be asked of a running node in any case (its log, its services' output) is not among them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from reconciler.cli.everywhere import given
from reconciler.cli.waiting_time import LOOK_S, seconds
from reconciler.errors import InUse, Invalid, Unavailable
from reconciler.records import dataclass
from reconciler.settings import Settings, data_folder

if TYPE_CHECKING:
    from reconciler.cli.manner import Manner
    from reconciler.cli.remote import Remote
    from reconciler.runtime.bundle import Bundle
    from reconciler.store.beside import Kept
    from reconciler.views import (
        ApiKeyView,
        AuditView,
        CauseView,
        EventView,
        NewApiKeyView,
        NodeView,
        OperationView,
        OverrideView,
        PlannedView,
        PreviewView,
        ResourceView,
        RevisionView,
        ServiceUsageView,
        SourceView,
        StatusView,
    )

PATIENCE_S = 30.0  # with one answer, if nothing else is said
F = TypeVar("F", bound=Callable[..., Any])


class Door(Protocol):
    living: bool

    def node(self) -> NodeView: ...
    def resources(self, query: Mapping[str, str]) -> list[ResourceView]: ...
    def resource(self, ref: str) -> ResourceView: ...
    def statuses(self, refs: Sequence[str]) -> list[StatusView]: ...  # of those that there are
    def plans(self, ref: str) -> list[PlannedView]: ...
    def causes(self, ref: str) -> list[CauseView]: ...
    def graph(self) -> dict[str, list[str]]: ...
    def sources(self) -> list[SourceView]: ...
    def revisions(self, source: str) -> list[RevisionView]: ...
    def usage(self, query: Mapping[str, str]) -> list[ServiceUsageView]: ...
    def events(self, query: Mapping[str, str], number: int) -> list[EventView]: ...
    def audit(self, query: Mapping[str, str], number: int) -> list[AuditView]: ...
    def diff(self, bundle: Bundle) -> PreviewView: ...
    def rehearse(self, bundle: Bundle) -> PreviewView: ...
    def looks(self, refs: Sequence[str]) -> Generator[list[StatusView], None, None]: ...  # while any is news
    def apply(self, bundle: Bundle, *, at_once: bool) -> OperationView: ...  # nobody thought about its diff
    def delete(self, refs: Sequence[str], *, allow_prune: bool) -> OperationView: ...
    def override(self, ref: str, patch: Mapping[str, Any], reason: str, last: str) -> OverrideView: ...
    def end_override(self, ref: str) -> None: ...
    def reconcile(self, refs: Sequence[str], *, allow_prune: bool) -> OperationView: ...
    def rollback(self, source: str, revision: str, reason: str) -> OverrideView: ...
    def keys(self) -> list[ApiKeyView]: ...
    def key(self, name: str) -> ApiKeyView: ...
    def revoke_key(self, name: str) -> None: ...
    def rotate_key(self, name: str, grace_s: int) -> NewApiKeyView: ...
    def create_key(
        self, name: str, permissions: Sequence[str], expires_at: str | None, namespace: str
    ) -> NewApiKeyView: ...


class Comparing(Protocol):
    def diff(self, bundle: Bundle) -> PreviewView: ...


@dataclass(frozen=True, slots=True)
class _Comparing:
    """Without a node."""

    data: Path
    kept: Kept

    def diff(self, bundle: Bundle) -> PreviewView:
        from reconciler.cli.local_door import local_door

        with local_door(self.data, reading=True, kept=self.kept) as door:
            return door.diff(bundle)


@dataclass(frozen=True, slots=True)
class Where:
    """Which node is meant: its folder, or an address of its API; and how it is asked."""

    data: Path
    address: str = ""
    timeout: float = PATIENCE_S
    manner: Manner | None = None

    def remote(self, timeout: float | None = None) -> Remote:
        from reconciler.cli.remote import Remote  # http.client takes as long to import as click

        address = self.address or str(self.data / "holdfast.sock")
        return Remote(address, timeout or self.timeout, self.manner)

    @property
    def runs(self) -> bool:
        """Whether a node answers there."""
        if self.address:
            return True
        if not (self.data / "holdfast.sock").exists():
            return False
        try:
            # Not its health: a node that is not well is there all the same.
            self.remote(timeout=min(5.0, self.timeout)).ask("GET", "/status")
        except Unavailable:
            return False
        return True

    @contextmanager
    def open(
        self, *, reading: bool = False, recorded: bool = False, patience_s: float | None = None
    ) -> Iterator[Door]:
        """The running node, or one in this process; `reading`: nothing will be changed.

        `recorded`: statuses will be shown, which are as old as the last node unless one runs.
        `patience_s`: with another process that works on the folder, such as a node that begins or ends.
        """
        patience_s = self.timeout if patience_s is None else patience_s
        with ExitStack() as stack:
            yield self._entered_in_time(stack, patience_s, reading=reading, recorded=recorded)

    @contextmanager
    def comparing(self) -> Iterator[Comparing]:
        """For one comparison: what is kept is read while the asker reads the manifests."""
        if self.runs:
            from reconciler.cli.remote_door import RemoteDoor

            yield RemoteDoor(self.remote())
            return
        from reconciler.store.beside import kept_beside

        with kept_beside(Settings(self.data).store) as kept:
            yield _Comparing(self.data, kept)

    def _entered_in_time(self, stack: ExitStack, patience_s: float, *, reading: bool, recorded: bool) -> Door:
        began, waits_for = 0.0, ""
        while True:
            try:
                return self._entered(stack, reading=reading, recorded=recorded)
            except InUse as problem:
                began = began or time.monotonic()
                if time.monotonic() - began >= patience_s:
                    remedy = f"wait longer with --timeout, {problem.remedy}"
                    raise InUse(problem.message, holder=problem.holder, remedy=remedy) from problem
                if problem.holder != waits_for:
                    waits_for = problem.holder
                    click.echo(f"waiting for {waits_for}, which works on {self.data}", err=True)
            time.sleep(LOOK_S)

    def _entered(self, stack: ExitStack, *, reading: bool, recorded: bool) -> Door:
        if self.runs:
            from reconciler.cli.remote_door import RemoteDoor

            return RemoteDoor(self.remote())
        from reconciler.cli.local_door import local_door

        if recorded:
            before = (self.data / "holdfast.db").exists()
            told = "runs on {}: this is what the last one has recorded" if before else "has run on {} yet"
            click.echo(f"no node {told.format(self.data)}", err=True)
        return stack.enter_context(local_door(self.data, reading=reading))


def at_node(command: F) -> F:
    """The verb gets a `where`: which node it is for."""

    @wraps(command)
    def chosen(**rest: Any) -> Any:  # noqa: ANN401 - whatever the verb takes and gives
        return command(where=asked_where(), **rest)

    return chosen  # type: ignore[return-value]


def asked_where() -> Where:
    """As the options say, else the environment."""
    from reconciler.cli.manner import manner

    address = _url(given("api_url")) or given("socket") or _url(_variable("API_URL")) or _variable("SOCKET")
    timeout = given("timeout")
    patience = seconds(timeout) if timeout else PATIENCE_S
    how = manner(
        key=given("api_key") or _variable("API_KEY"),
        trace=given("trace_id") or _variable("TRACE_ID"),
        caller=os.environ.get("TRACEPARENT", ""),
        ca_file=given("ca_file") or _variable("CA_FILE"),
        verbose=given("verbose", default=False),
    )
    return Where(data_folder(given("data")), address, patience, how)


def _url(text: str) -> str:
    """Without a scheme it would be taken for the path of a socket."""
    if text and "://" not in text:
        raise Invalid(
            f"{text} is no node's address: it does not begin with http:// or https://",
            remedy=f"write `http://{text}`; the path of a socket is named with `--socket`",
        )
    return text


def _variable(name: str) -> str:
    return os.environ.get(f"HOLDFAST_{name}", "")
