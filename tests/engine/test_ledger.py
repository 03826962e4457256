"""Who writes what when: decisions and outcomes that cross in the store, and answers that get lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reconciler.engine.entry import Entry
from reconciler.engine.judge import Outcome
from reconciler.engine.ledger import Fate, Ledger, Visit
from reconciler.errors import Unavailable
from reconciler.model import Origin, Resource, Verdict
from reconciler.ports.store import Drop, Kept, Remembered, Write
from tests.engine.virtual import Shop, thing, virtual
from tests.simulation.thing import named
from tests.simulation.virtual_time import VirtualClock

A = named("a")


def entry() -> Entry:
    """Wanted, and in the inventory."""
    return Entry(A, Resource(A, thing(), Origin("node", "1")), Kept(A, {}, "", 1, "node", "1"))


@virtual
async def test_a_doubt_that_comes_while_an_outcome_is_written_stays() -> None:
    store, it = Shop(), entry()
    ledger = Ledger(store, VirtualClock())
    it.doubts = 1

    async def cross(writes: Sequence[Write]) -> None:
        store.delay, store.loses_answers = None, True
        with pytest.raises(Unavailable):
            await ledger.decide([(it, Fate(doomed=True))])
        store.loses_answers = False

    store.delay = cross
    visit = Visit.to(it, it.want)  # type: ignore[arg-type]  # it is wanted
    await ledger.conclude(visit, Outcome())
    assert it.doubts == 2
    await ledger.conclude(visit, Outcome())
    assert it.doubts == 0
    assert isinstance(store.handed[-1], Remembered)
    assert not (await store.load()).inventory[A].doomed


@virtual
async def test_a_decision_that_fails_after_its_ref_was_forgotten_brings_nothing_back() -> None:
    store, it = Shop(), entry()
    ledger = Ledger(store, VirtualClock())

    async def cross(writes: Sequence[Write]) -> None:
        store.delay = None
        await ledger.forget(it, "reconcile.removed")
        raise Unavailable("the answer is lost")

    store.delay = cross
    with pytest.raises(Unavailable):
        await ledger.decide([(it, Fate(doomed=True))])
    assert it.kept is None
    assert any(isinstance(write, Drop) for write in store.handed)
    assert (await store.load()).inventory == {}


@pytest.mark.req("EVT-02")
@virtual
async def test_why_it_is_not_ready_is_told_whenever_that_changes_and_only_then() -> None:
    store, it = Shop(), entry()
    ledger = Ledger(store, VirtualClock())
    visit = Visit.to(it, it.want)  # type: ignore[arg-type]  # it is wanted

    def says(reason: str, message: str = "", *, ready: bool = False, stalled: bool = False) -> Outcome:
        return Outcome(verdict=Verdict(ready=ready, reason=reason, message=message, stalled=stalled))

    for outcome in (
        says("Starting"),
        says("Starting", "half of it is there"),
        says("Unhealthy"),
        says("Running", ready=True),
        says("Running", "for long", ready=True),
        says("Unhealthy"),
        says("Unhealthy", stalled=True),
        says("Starting"),
    ):
        await ledger.conclude(visit, outcome)
    told = [(one.name, one.data.get("reason", "")) for one in await store.events(0, 100)]
    assert told == [
        ("resource.unready", "Starting"),
        ("resource.unready", "Unhealthy"),
        ("resource.ready", ""),
        ("resource.unready", "Unhealthy"),
        ("resource.stalled", "Unhealthy"),
        ("resource.unready", "Starting"),
    ]


@pytest.mark.req("EVT-02")
@virtual
async def test_that_a_new_wish_is_ready_is_told_though_the_one_before_it_was() -> None:
    """Who has listed it in between was shown that it was not."""
    store, it = Shop(), entry()
    ledger = Ledger(store, VirtualClock())
    ready = Outcome(verdict=Verdict(ready=True, reason="Running"))
    for value in (1, 1, 2):
        want = Resource(A, thing(value=value), Origin("node", "1"))
        it.wish(want)
        await ledger.conclude(Visit.to(it, want), ready)
    assert [one.name for one in await store.events(0, 100)] == ["resource.ready", "resource.ready"]


@virtual
async def test_what_is_wanted_again_while_it_is_forgotten_in_vain_is_to_go_no_more() -> None:
    store, it = Shop(), entry()
    ledger = Ledger(store, VirtualClock())
    want = it.want
    it.wish(None)
    await ledger.decide([(it, Fate(doomed=True))])

    async def cross(writes: Sequence[Write]) -> None:
        store.delay = None
        it.wish(want)
        raise Unavailable("it is not written")

    store.delay = cross
    with pytest.raises(Unavailable):
        await ledger.forget(it, "reconcile.removed")
    assert it.kept is not None
    assert not it.kept.doomed
    await ledger.conclude(Visit.to(it, want), Outcome())  # type: ignore[arg-type]  # it is wanted
    assert not (await store.load()).inventory[A].doomed
