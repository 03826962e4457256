"""Waiting for resources, with what still is to come shown meanwhile.

Rules: progress goes to stderr, and is drawn only on a terminal; the end is a summary, with the cause of
each that did not come about.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits
from reconciler.cli.plain import plain
from reconciler.cli.waiting_time import seconds

if TYPE_CHECKING:
    from reconciler.cli.door import Door
    from reconciler.views import StatusView

LOOK_S = 0.2


def follow(door: Door, refs: Sequence[str], timeout: str) -> int:
    """Until all are ready, or one is stalled and nothing moves any more."""
    statuses = wait_for(door, refs, lambda s: s["ready"] or _final(s) or not door.living, seconds(timeout))
    behind = [one for one in statuses if not one["ready"]]
    waiting = [one for one in behind if one["reason"] == "WaitsForNode"]
    for one in behind:
        click.echo(plain(f"{one['ref']}: {one['reason']}: {one['message']}"), err=True)
        for cause in one["waits_for"]:
            told = f"{'  ' * cause['depth']}because {cause['ref']}: {cause['reason']}: {cause['message']}"
            click.echo(plain(told), err=True)
    click.echo(f"{len(statuses) - len(behind)} of {len(statuses)} are ready.", err=True)
    if waiting and len(waiting) == len(behind):
        click.echo("What waits for the node is recorded: `holdfast up` brings it about.", err=True)
        return exits.OK
    if not behind:
        return exits.OK
    return exits.FAILED if all(_final(one) for one in behind) or not door.living else exits.TIMEOUT


def wait_for(
    door: Door, refs: Sequence[str], enough: Callable[[StatusView], bool], timeout_s: float
) -> list[StatusView]:
    end = time.monotonic() + timeout_s
    while True:
        statuses = door.statuses(refs)
        _draw(statuses)
        if all(enough(one) for one in statuses) or time.monotonic() > end:
            _draw([])
            return statuses
        time.sleep(LOOK_S)


def _final(status: StatusView) -> bool:
    return any(one["type"] == "Stalled" for one in status["conditions"])


def _draw(statuses: Sequence[StatusView]) -> None:
    if not sys.stderr.isatty():
        return
    done = sum(one["ready"] for one in statuses)
    behind = next((one for one in statuses if not one["ready"]), None)
    text = f"{done}/{len(statuses)} ready" + (f", {behind['ref']}: {behind['reason']}" if behind else "")
    click.echo("\r\x1b[2K" + (text[:100] if statuses else ""), nl=False, err=True)
