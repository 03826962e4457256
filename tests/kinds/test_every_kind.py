"""What must hold for every kind, those that plug-ins bring included: found by itself, tried with wishes.

Rules: the engine's own functions decide; a Fake stands behind each port; a kind that cannot be tried
fails here, and the message says what to add.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reconciler.engine.decide import Decision, Gate, Surroundings, decide
from reconciler.engine.diff import diff
from reconciler.engine.told import described, told
from reconciler.model import NODE_SOURCE, Case, JsonValue, Origin, Owner, Ref, Resource
from reconciler.runtime.plugins import find_kinds
from tests.kinds.cases import AnyKind
from tests.kinds.wishes import Drawn, common_fields, fields, wishes
from tests.kinds.worlds import PLANTED, VALUES, AnyTree, surroundings, uses_of
from tests.simulation.virtual_time import VirtualClock, simulate

KINDS: Mapping[str, AnyKind] = dict(find_kinds())
WAVES = 10
STEADY_S = 3600.0
WITHOUT_EFFECT = {
    "Service": {"runtime"},  # there is one runtime so far
    "ServiceGroup": {"runtime"},
}

every_kind = pytest.mark.parametrize("name", sorted(KINDS))
many = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@cache
def drawn(name: str) -> st.SearchStrategy[Drawn]:
    return wishes(KINDS[name], VALUES.get(name, {}))


class World:
    """One resource, all that is behind it, and what the engine would keep of it."""

    def __init__(self, name: str) -> None:
        self.kind = KINDS[name]
        self.ref = Ref(name, "default", "example")
        self.uses = uses_of(self.kind, VirtualClock())
        self.memory: dict[str, JsonValue] = {}
        self.last: Any = None
        self.words: list[str] = []  # all that anybody might read

    def want(self, spec: Any) -> Resource[Any]:  # noqa: ANN401 - any kind's
        origin = Origin(NODE_SOURCE, "r1", "apps/all.yaml", tree=AnyTree())
        needs = {} if spec is None else self.kind.needs(spec, self.ref)
        return Resource(self.ref, spec, origin, last=self.last, needs=needs)

    async def look(self, spec: Any) -> Case[Any, Any]:  # noqa: ANN401
        want = self.want(spec)
        seen = await self.kind.observe(want, self.memory, self.uses, fresh=True)
        return Case(want, seen, surroundings(self.kind, want), dict(self.memory))

    def decide(self, case: Case[Any, Any]) -> Decision:
        return decide(self.kind, replace(case, want=replace(case.want, needs={})), Surroundings())

    async def converge(self, spec: Any) -> Case[Any, Any]:  # noqa: ANN401
        """Wave after wave, as the engine does it, until there is nothing left to do."""
        for _ in range(WAVES):
            case = await self.look(spec)
            decision = self.decide(case)
            assert decision.gate is Gate.OPEN
            self.words += [str(described(change)) for change in decision.changes]
            self.words += [str(told(step)) for step in decision.plan.steps]
            if not decision.plan.steps:
                self.last = spec
                return case
            for step in decision.plan.steps:
                self.memory.update(step.remember)
            for step in decision.plan.steps:
                await self.kind.act(self.ref, step, self.uses)
        raise AssertionError(f"{self.ref} still has something to do after {WAVES} waves")


def virtually(name: str, body: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        await body(World(name))

    simulate(main, 1)


@pytest.mark.req("CORE-02")
@every_kind
@many
@given(data=st.data())
def test_acting_gives_what_was_settled_and_a_second_pass_finds_no_change(
    name: str, data: st.DataObject
) -> None:
    one, other = data.draw(drawn(name)), data.draw(drawn(name))

    async def body(world: World) -> None:
        for spec in (one.spec, other.spec, one.spec):
            case = await world.converge(spec)
            settled = world.kind.settle(case)
            assert diff(settled, case.seen.actual) == ()
            assert case.seen.actual == settled
            again = world.decide(await world.look(spec))
            assert (again.changes, again.plan.steps) == ((), ())

    virtually(name, body)


@pytest.mark.req("CORE-02")
@every_kind
@many
@given(data=st.data())
def test_what_is_wanted_no_more_goes_and_wanting_nothing_of_the_absent_plans_nothing(
    name: str, data: st.DataObject
) -> None:
    spec = data.draw(drawn(name)).spec

    async def body(world: World) -> None:
        world.last = spec
        nothing = world.decide(await world.look(None))
        assert (nothing.changes, nothing.plan.steps) == ((), ())
        await world.converge(spec)
        gone = await world.converge(None)
        assert gone.seen.actual is None

    virtually(name, body)


@pytest.mark.req("CORE-09")
@every_kind
@many
@given(data=st.data())
def test_what_was_let_go_of_stays_and_is_ours_again_only_when_adopted(name: str, data: st.DataObject) -> None:
    spec = data.draw(drawn(name)).spec

    async def body(world: World) -> None:
        before = (await world.converge(spec)).seen
        marked = world.ref in await world.kind.owned(world.uses)
        for _ in range(2):
            await world.kind.release(world.ref, world.uses)
        assert world.ref not in await world.kind.owned(world.uses)
        after = (await world.look(spec)).seen
        if marked:
            assert after.owner is not Owner.OURS
        adopted = await world.converge(spec.model_copy(update={"adopt": True}))
        assert (adopted.seen.owner, adopted.seen.actual) == (before.owner, before.actual)

    virtually(name, body)


@every_kind
@many
@given(data=st.data())
def test_planning_is_pure(name: str, data: st.DataObject) -> None:
    one, other = data.draw(drawn(name)), data.draw(drawn(name))

    async def body(world: World) -> None:
        await world.converge(one.spec)
        for spec in (one.spec, other.spec, None):
            case = await world.look(spec)
            before = repr(case)
            decisions = [world.decide(case) for _ in range(2)]
            assert decisions[0] == decisions[1]
            if spec is not None:
                assert world.kind.verdict(case) == world.kind.verdict(case)
                assert world.kind.parts(case.want) == world.kind.parts(case.want)
                assert world.kind.files(spec) == world.kind.files(spec)
                assert world.kind.looks_at(case.want) == world.kind.looks_at(case.want)
            assert repr(case) == before, "what it was given is as it was"

    virtually(name, body)


@pytest.mark.req("CORE-05")
@every_kind
@many
@given(data=st.data())
def test_looking_changes_nothing(name: str, data: st.DataObject) -> None:
    """Whatever is wished meanwhile: a preview looks with wishes that are not in force."""
    one, other = data.draw(drawn(name)), data.draw(drawn(name))

    async def body(world: World) -> None:
        await world.converge(one.spec)
        await asyncio.sleep(STEADY_S)
        before = (await world.look(one.spec)).seen
        for _ in range(2):
            await world.look(other.spec)
            await world.look(None)
        seen = (await world.look(one.spec)).seen
        assert (seen.actual, seen.owner, seen.facts) == (before.actual, before.owner, before.facts)

    virtually(name, body)


@pytest.mark.req("CORE-02", "TST-47")
@every_kind
def test_each_field_that_differs_in_reality_is_a_change(name: str) -> None:
    """A field of the state that never makes a difference was forgotten where the wish is settled."""
    compared: set[str] = set()
    noticed: set[str] = set()

    @settings(many, max_examples=100, phases=[Phase.generate], derandomize=True)
    @given(one=drawn(name))
    def draw(one: Drawn) -> None:
        async def body(world: World) -> None:
            case = await world.converge(one.spec)
            for field, drifted in _drifts(case.seen.actual):
                compared.add(field)
                decision = world.decide(replace(case, seen=replace(case.seen, actual=drifted)))
                if any(change.path[:1] in {(field,), ()} for change in decision.changes):
                    noticed.add(field)
                    assert decision.plan.steps or decision.plan.again or decision.plan.waiting, field

        virtually(name, body)

    draw()
    assert noticed == compared


@pytest.mark.req("AUTH-35", "OBS-24")
@every_kind
@many
@given(data=st.data())
def test_no_secret_is_ever_told(name: str, data: st.DataObject) -> None:
    one, other = data.draw(drawn(name)), data.draw(drawn(name))

    async def body(world: World) -> None:
        for spec in (one.spec, other.spec, None):
            case = await world.converge(spec)
            world.words += [repr(case.seen), repr(world.memory)]
            if spec is not None:
                world.words.append(repr(world.kind.verdict(case)))
        assert not [words for words in world.words if PLANTED in words]

    virtually(name, body)


@every_kind
def test_every_field_is_drawn_and_every_field_counts(name: str) -> None:
    """A field whose value changes nothing at all was forgotten somewhere."""
    kind = KINDS[name]
    own = fields(kind) - common_fields() - WITHOUT_EFFECT.get(name, set())
    seen: set[str] = set()
    varied: set[str] = set()
    counts: set[str] = set()

    @settings(many, max_examples=800, phases=[Phase.generate], derandomize=True)
    @given(one=drawn(name), other=drawn(name))
    def draw(one: Drawn, other: Drawn) -> None:
        seen.update(field for field, value in one.wish.items() if value is not None)

        async def body(world: World) -> None:
            for field in one.wish.keys() & (own - counts):
                for spec in _varied(kind, field, one, other):
                    varied.add(field)
                    if await _meant(world, one.spec) != await _meant(world, spec):
                        counts.add(field)

        virtually(name, body)

    draw()
    assert own <= seen, f"never drawn: {sorted(own - seen)}; give an example in cases.yaml, or in VALUES"
    assert varied <= counts, f"whatever these are makes no difference: {sorted(varied - counts)}"


def _varied(kind: AnyKind, field: str, one: Drawn, other: Drawn) -> Iterator[Any]:
    """The same wish without this field, or with another value of it; one that reads the same is none."""
    tried = [{name: value for name, value in one.wish.items() if name != field}]
    if field in other.wish:
        tried.append({**one.wish, field: other.wish[field]})
    for wish in tried:
        with suppress(ValueError):
            spec = kind.spec.model_validate(deepcopy(wish))
            if spec != one.spec:
                yield spec


async def _meant(world: World, spec: Any) -> tuple[str, ...]:  # noqa: ANN401
    """All that a wish comes to."""
    case = await world.look(spec)
    kind, want = world.kind, case.want
    parts = [(part.ref, part.spec, dict(part.needs)) for part in kind.parts(want)]
    decision = world.decide(case)
    steps = [repr(step) for step in decision.plan.steps]
    found = (decision.settled, dict(want.needs), parts, steps)
    return tuple(repr(one) for one in found)


def _drifts(actual: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Reality, with one field as it should not be."""
    if isinstance(actual, Mapping):
        for name, value in actual.items():
            for other in _others(value):
                yield name, {**actual, name: other}
        return
    for field in fields_of(actual):
        if field.compare:
            for other in _others(getattr(actual, field.name)):
                yield field.name, replace(actual, **{field.name: other})


def _others(value: object) -> Iterator[object]:
    match value:
        case Enum():
            yield from (one for one in type(value) if one is not value)
        case bool():
            yield not value
        case int() | float():
            yield value + 1
        case str():
            yield value + "x"
        case timedelta():
            yield value + timedelta(seconds=1)
        case tuple():
            yield (*value, "x")
        case Mapping():
            yield {**value, "x": "y"}
