"""The world that the simulated kinds act upon: things with marks, secrets, and what outsiders do to them.

Rules: a thing has an identity of its own (`uid`), as a container or a process has, so that an act meant
for one never hits another that took its name; the mirror, from which cheap readings come, lags behind;
events about it get lost, come twice, come late. Every effect is shown to the watch before it counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from reconciler.model import Ref


@dataclass(frozen=True, slots=True)
class Body:
    """A real thing."""

    uid: int
    mark: bool  # it bears our mark
    token: str  # what its maker called it
    value: int
    size: int
    secret: str = ""
    polished: bool = False
    made_at: float = 0.0


class Watch(Protocol):
    """Who sees every effect that an act has."""

    def effect(self, ref: Ref, before: Body | None, after: Body | None) -> None: ...


class Outside:
    def __init__(self, random: Random, watch: Watch) -> None:
        self._random = random
        self._watch = watch
        self._uids = 0
        self.bodies: dict[Ref, Body] = {}
        self.mirror: dict[Ref, Body] = {}
        self.secrets: dict[str, str] = {"s": "v0"}
        self.listeners: list[Callable[[Ref], None]] = []

    def restarted(self) -> None:
        """A new process begins with a list of all that is there."""
        self.mirror = dict(self.bodies)
        self.listeners.clear()

    # -------------------------------------------------------------------------------- what acts may do

    def make(self, ref: Ref, body: Body) -> bool:
        """Unless something has the name already."""
        if ref in self.bodies:
            return self.bodies[ref].token == body.token
        self._uids += 1
        self._put(ref, replace(body, uid=self._uids, made_at=asyncio.get_running_loop().time()))
        return True

    def alter(self, ref: Ref, uid: int, change: Callable[[Body], Body]) -> bool:
        """Unless it is another one by now."""
        body = self.bodies.get(ref)
        if body is None or body.uid != uid:
            return False
        self._put(ref, change(body))
        return True

    def remove(self, ref: Ref, uid: int) -> None:
        body = self.bodies.get(ref)
        if body is not None and body.uid == uid:
            self._put(ref, None)

    def _put(self, ref: Ref, after: Body | None) -> None:
        self._watch.effect(ref, self.bodies.get(ref), after)
        self._set(ref, after)

    # ---------------------------------------------------------------------------- what outsiders do

    def outsider_makes(self, ref: Ref, value: int) -> None:
        if ref not in self.bodies:
            self._uids += 1
            self._set(ref, Body(self._uids, mark=False, token=f"foreign-{self._uids}", value=value, size=0))

    def outsider_alters(self, ref: Ref, value: int) -> None:
        if ref in self.bodies:
            self._set(ref, replace(self.bodies[ref], value=value))

    def outsider_removes(self, ref: Ref) -> None:
        if ref in self.bodies:
            self._set(ref, None)

    def rotate(self, secret: str, version: str) -> None:
        self.secrets[secret] = version
        for ref in list(self.bodies):
            self._tell(ref)

    # ------------------------------------------------------------------------------------ the mirror

    def _set(self, ref: Ref, body: Body | None) -> None:
        if body is None:
            self.bodies.pop(ref, None)
        else:
            self.bodies[ref] = body
        lag = self._random.choice((0.0, 0.0, 0.1, 2.0))
        asyncio.get_running_loop().call_later(lag, self._refresh, ref)

    def _refresh(self, ref: Ref) -> None:
        if ref in self.bodies:
            self.mirror[ref] = self.bodies[ref]
        else:
            self.mirror.pop(ref, None)
        self._tell(ref)

    def _tell(self, ref: Ref) -> None:
        for _ in range(self._random.choice((0, 1, 1, 1, 2))):
            for listener in self.listeners:
                listener(ref)
