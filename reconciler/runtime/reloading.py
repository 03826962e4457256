"""The settings read anew while the node runs.

Rules: what can be taken over at once is; what only a restart brings is named, and stays as it is until then;
a file that cannot be read changes nothing, and stands among the node's warnings until it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING

from reconciler.engine.loop import Pace
from reconciler.errors import Problem
from reconciler.model import Event
from reconciler.records import dataclass
from reconciler.settings import Settings

if TYPE_CHECKING:
    from reconciler.runtime.node import Node

AT_ONCE = frozenset({"reconcile.interval_s", "log.level"})
AT_ONCE_SECTIONS = frozenset({"retention", "tokens"})
ABOUT = "settings"


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What is in force now, and how that differs from what was."""

    settings: Settings
    taken: tuple[str, ...]  # "reconcile.interval_s: 30.0 -> 5.0"
    waiting: tuple[str, ...]  # the same, of what only a restart brings


def compared(present: Settings, read: Settings) -> Reloaded:
    """Which of the settings that were read can be taken over now."""
    settings, taken, waiting = present, [], []
    for section, name in _differing(present, read):
        old, new = getattr(present, section), getattr(read, section)
        told = f"{section}.{name}: {getattr(old, name)} -> {getattr(new, name)}"
        if f"{section}.{name}" in AT_ONCE or section in AT_ONCE_SECTIONS:
            part = replace(getattr(settings, section), **{name: getattr(new, name)})
            settings = replace(settings, **{section: part})
            taken.append(told)
        else:
            waiting.append(told)
    return Reloaded(settings, tuple(taken), tuple(waiting))


def _differing(one: Settings, other: Settings) -> Iterator[tuple[str, str]]:
    for section in fields(one):
        left, right = getattr(one, section.name), getattr(other, section.name)
        if is_dataclass(left):
            for field in fields(left):
                if getattr(left, field.name) != getattr(right, field.name):
                    yield section.name, field.name


async def reload(node: Node, read: Callable[[], Settings]) -> Reloaded | Problem:
    """Take over what can be; the problem, if the settings are not to be read."""
    try:
        told = compared(node.settings, read())
    except Problem as problem:
        cause = f"the settings stay as they were: {problem.message}"
        await node.desk.daemon.warn(ABOUT, cause, problem.remedy)
        about = {"about": ABOUT, "message": cause, "remedy": problem.remedy}
        await node.store.commit(Event("guardrail.config_watcher", node.clock.now(), None, about))
        return problem
    node.desk.daemon.settle(ABOUT)
    node.settings = told.settings
    node.engine.set_pace(Pace(told.settings.reconcile.workers, told.settings.reconcile.interval_s))
    data = {"taken": list(told.taken), "needs_restart": list(told.waiting)}
    await node.store.commit(Event("config.changed", node.clock.now(), None, data))
    return told
