"""Waiting for resources, with what still is to come shown meanwhile.

Rules: the end is a summary, with the cause of each that did not come about; who interrupts is told what
becomes of the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import click

from reconciler.cli import exits
from reconciler.cli.plain import plain
from reconciler.cli.progress import is_stalled, progress

if TYPE_CHECKING:
    from reconciler.cli.door import Door
    from reconciler.views import StatusView


class Followed(NamedTuple):
    statuses: Sequence[StatusView]  # as they were last
    exit: int


class Waited(NamedTuple):
    statuses: Sequence[StatusView]  # as they were last
    in_time: bool


def follow(door: Door, refs: Sequence[str], timeout_s: float) -> Followed:
    """Until all are ready, or one is stalled and nothing moves any more."""
    try:
        waited = wait_for(door, refs, lambda one: one["ready"] or is_stalled(one), timeout_s)
    except KeyboardInterrupt:
        goes_on = "the node goes on" if door.living else "the next `apply`, or `holdfast up`, goes on"
        click.echo(f"interrupted: what was applied is recorded, and {goes_on} with it", err=True)
        raise
    behind = [one for one in waited.statuses if not one["ready"]]
    for one in behind:
        _tell_why(one)
    count = len(waited.statuses)
    click.echo(f"{count - len(behind)} of {count} are ready.", err=True)
    if behind and all(one["reason"] == "WaitsForNode" for one in behind):
        click.echo("What waits for the node is recorded: `holdfast up` brings it about.", err=True)
        return Followed(waited.statuses, exits.OK)
    return Followed(waited.statuses, _exit(behind, in_time=waited.in_time))


def _exit(behind: Sequence[StatusView], *, in_time: bool) -> int:
    if not behind:
        return exits.OK
    return exits.FAILED if in_time or all(map(is_stalled, behind)) else exits.TIMEOUT


def wait_for(
    door: Door, refs: Sequence[str], enough: Callable[[StatusView], bool], timeout_s: float
) -> Waited:
    """Without a node, until nothing more comes of it: what was wanted is not all that there is to do."""
    end = time.monotonic() + timeout_s
    statuses: Sequence[StatusView] = ()
    with progress() as show, closing(door.looks(refs)) as looks:
        for looked in looks:
            if statuses:  # not the last ones: what it came to is for the summary
                show(statuses)
            statuses = looked
            if door.living and all(enough(one) for one in statuses):
                break
            if time.monotonic() > end:
                return Waited(statuses, in_time=False)
    return Waited(statuses, in_time=True)


def _tell_why(status: StatusView) -> None:
    click.echo(plain(f"{status['ref']}: {status['reason']}: {status['message']}"), err=True)
    for cause in status["waits_for"]:
        because = plain(f"because {cause['ref']}: {cause['reason']}: {cause['message']}")
        click.echo(f"{'  ' * cause['depth']}{because}", err=True)
