"""What a source needs and looks at, and that following and letting go are one step each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.diff import diff
from reconciler.engine.wishes import written
from reconciler.errors import Refused, Unavailable
from reconciler.kinds.source import Configure, RemoveSource, Source, Uses
from reconciler.kinds.source.spec import SourceSpec
from reconciler.model import EMPTY, NODE_SOURCE, Case, Look, Need, Origin, Owner, Ref, Resource, Seen
from reconciler.ports.sources import OnInvalid, SourceConfig
from reconciler.runtime.clock import SystemClock
from reconciler.store.memory import MemoryStore
from tests.sources.supervisor.house import opened

KIND = Source()
SHOP = Ref("Source", "default", "shop")
PARENT = Ref("Source", "default", "root")
ABSENT: Seen[SourceConfig] = Seen(None, Owner.NONE, datetime(2026, 1, 1, tzinfo=UTC))


def wanted(spec: dict[str, Any], ref: Ref = SHOP, source: str = NODE_SOURCE) -> Resource[SourceSpec]:
    model = SourceSpec.model_validate(spec)
    return Resource(ref, model, Origin(source), needs=KIND.needs(model, ref))


@pytest.mark.req("CORE-04")
def test_it_needs_the_keys_and_secrets_that_it_names() -> None:
    https = {"url": "https://x/y", "auth": {"token": {"secret": "forge", "key": "token"}}}
    ssh = {"url": "ssh://x/y", "auth": {"key": "deploy"}, "verify": {"mode": "ssh", "keys": ["ada"]}}
    other = {"url": "ssh://x/y", "auth": {"privateKey": {"secret": "old", "key": "id"}}}
    guests = Ref("Source", "guests", "shop")
    assert wanted({"git": https}).needs == {Ref("Secret", "default", "forge"): Need.READY}
    assert wanted({"git": ssh}, guests).needs == {
        Ref("Key", "guests", "deploy"): Need.READY,
        Ref("Key", "guests", "ada"): Need.READY,
    }
    assert wanted({"git": other}).needs == {Ref("Secret", "default", "old"): Need.READY}
    assert wanted({"directory": {"path": "/srv"}}).needs == {}


@pytest.mark.req("CORE-04")
def test_it_looks_at_the_source_that_declares_it() -> None:
    own = wanted({"directory": {"path": "/srv"}})
    assert KIND.looks_at(own) == frozenset()
    assert KIND.looks_at(replace(own, origin=Origin("root"))) == {PARENT}
    assert KIND.looks_at(replace(own, origin=Origin("guests/root"))) == {Ref("Source", "guests", "root")}


@pytest.mark.req("CORE-04")
def test_it_is_not_followed_before_the_policy_above_it_is_known() -> None:
    want = wanted({"directory": {"path": "/srv"}}, source="root")
    for look in (Look(None, None, None), Look(None, ABSENT, None)):
        with pytest.raises(Unavailable, match="source/root, which declares it, is not followed yet"):
            KIND.settle(Case(want, ABSENT, {PARENT: look}))
    above = SourceConfig("root", "git", "/srv/repo.git", on_invalid=OnInvalid.HOLD)
    known = replace(ABSENT, actual=above, owner=Owner.OURS)
    settled = KIND.settle(Case(want, ABSENT, {PARENT: Look(None, known, None)}))
    assert settled is not None
    assert (settled.on_invalid, settled.parent, settled.suspended) == (OnInvalid.HOLD, "root", False)


@pytest.mark.req("CORE-04")
def test_it_stops_when_the_policy_above_it_becomes_stricter() -> None:
    want = wanted({"directory": {"path": "/srv"}, "onInvalid": "partial"}, source="root")
    for above, stops in ((OnInvalid.PARTIAL, False), (OnInvalid.HOLD, True)):
        parent = SourceConfig("root", "git", "/srv/repo.git", on_invalid=above)
        look = Look(None, replace(ABSENT, actual=parent, owner=Owner.OURS), None)
        settled = KIND.settle(Case(want, ABSENT, {PARENT: look}))
        assert settled is not None
        assert settled.suspended is stops


@pytest.mark.req("CORE-07")
def test_only_the_operator_itself_declares_a_cluster() -> None:
    cluster = {"cluster": {"namespaces": ["shop", "blog"]}}
    settled = KIND.settle(Case(wanted(cluster), ABSENT))
    assert settled is not None
    assert (settled.type, settled.location, settled.on_invalid) == ("cluster", "shop,blog", OnInvalid.PARTIAL)
    with pytest.raises(Refused, match="only the node itself declares a cluster"):
        KIND.settle(Case(wanted(cluster, source="root"), ABSENT))


@pytest.mark.req("CORE-04")
def test_only_the_node_declares_itself_and_its_inbox() -> None:
    inbox = {"inbox": {"path": "/data/inbox"}}
    settled = KIND.settle(Case(wanted(inbox), ABSENT))
    assert settled is not None
    assert (settled.type, settled.location, settled.parent) == ("inbox", "/data/inbox", "")
    with pytest.raises(Refused, match="only the node itself declares an inbox"):
        KIND.settle(Case(wanted(inbox, source="root"), ABSENT))
    with pytest.raises(Refused, match="'node' is what the node itself declares"):
        KIND.settle(Case(wanted({"directory": {"path": "/srv"}}, Ref("Source", "default", "node")), ABSENT))


@pytest.mark.req("CORE-01")
async def test_following_and_letting_go_twice_is_doing_it_once(tmp_path: Path) -> None:
    config = SourceConfig("guests/shop", "directory", str(tmp_path))
    ref = Ref("Source", "guests", "shop")
    want = wanted({"directory": {"path": str(tmp_path)}}, ref)
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        uses = Uses(house.supervisor, SystemClock())
        for _ in range(2):
            await KIND.act(ref, Configure(config), uses)
        seen = await KIND.observe(want, EMPTY, uses, fresh=True)
        assert (seen.actual, seen.owner) == (config, Owner.OURS)
        assert await KIND.owned(uses) == {ref}
        for _ in range(2):
            await KIND.act(ref, RemoveSource("guests/shop"), uses)
        assert (await KIND.observe(want, EMPTY, uses, fresh=True)).actual is None
        assert await KIND.owned(uses) == frozenset()

        await KIND.act(ref, Configure(config), uses)
        for _ in range(2):
            await KIND.release(ref, uses)
        assert await KIND.owned(uses) == frozenset()


names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
texts = st.dictionaries(names.map(lambda name: name.replace("-", "_")), st.text(max_size=5), max_size=2)
places = st.one_of(
    st.builds(lambda name: {"directory": {"path": f"/{name}"}}, names),
    st.builds(
        lambda name, force, more: {"git": {"url": f"https://x/{name}", "allowForce": force, **more}},
        names,
        st.booleans(),
        st.sampled_from(
            [{}, {"branch": "main"}, {"auth": {"key": "k"}}, {"verify": {"mode": "ssh", "keys": ["k"]}}]
        ),
    ),
)
specs = st.builds(
    lambda place, more: {**place, **more},
    places,
    st.fixed_dictionaries(
        {},
        optional={
            "paths": st.lists(names, min_size=1, max_size=3),
            "interval": st.sampled_from(["1s", "5m", "1h30m"]),
            "onInvalid": st.sampled_from(["hold", "partial"]),
            "onFailure": st.sampled_from(["keep", "rollback"]),
            "progressDeadline": st.sampled_from(["200ms", "10m"]),
            "substitute": texts,
            "patches": st.lists(st.builds(lambda name: {"patch": {name: None}}, names), max_size=2),
            "hold": names,
            "suspend": st.booleans(),
        },
    ),
)


@given(specs)
def test_what_is_followed_as_it_is_wished_needs_nothing(spec: dict[str, Any]) -> None:
    want = wanted(spec)
    case = Case(want, ABSENT)
    config = KIND.settle(case)
    assert KIND.settle(case) == config
    assert KIND.plan(case, diff(config, None)).steps == (Configure(config),)  # type: ignore[arg-type]
    followed = Case(want, replace(ABSENT, actual=config, owner=Owner.OURS))
    assert KIND.plan(followed, diff(KIND.settle(followed), config)).steps == ()


@given(specs)
def test_what_is_kept_of_a_wish_is_the_wish(spec: dict[str, Any]) -> None:
    model = SourceSpec.model_validate(spec)
    assert SourceSpec.model_validate(written(model)) == model
