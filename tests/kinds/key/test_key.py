"""Whatever is wished of a key, one after the other: it converges in one pass, and no pair is lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.drivers.keystore import Keystore
from reconciler.drivers.keystore.fake import FakeKeys
from reconciler.engine.diff import diff
from reconciler.kinds.key import Key, KeyState, Uses
from reconciler.kinds.key.spec import ROLES, KeySpec
from reconciler.model import EMPTY, Case, DeletionPolicy, Origin, Ref, Resource, Seen
from reconciler.ports.keys import Keys, Standing
from reconciler.public_key import PublicKey

RELEASE = Ref("Key", "default", "release")
KIND = Key()


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


roles = st.sampled_from([*ROLES, "deployer.example.com"])
generated = st.builds(
    KeySpec, role=roles, generate=st.just(value=True), rotate=st.sampled_from(["", "june", "july", "august"])
)
trusted = st.builds(
    lambda role, digits: KeySpec.model_validate({"role": role, "publicKey": f"ed25519:{digits}"}),
    roles,
    st.sampled_from(["11" * 32, "22" * 32]),
)
gone = st.sampled_from([DeletionPolicy.DELETE, DeletionPolicy.DELETE_DATA])
wishes = st.lists(st.one_of(generated, trusted, gone), max_size=8)


@dataclass
class Life:
    """One key, as wish follows wish."""

    uses: Uses
    last: KeySpec | None = None

    def resource(self, wish: KeySpec | DeletionPolicy) -> Resource[KeySpec]:
        if isinstance(wish, KeySpec):
            self.last = wish
            return Resource(RELEASE, wish, Origin("test"))
        last = (self.last or KeySpec(role="creator", generate=True)).model_copy(
            update={"deletion_policy": wish}
        )
        return Resource(RELEASE, None, Origin("test"), last=last)

    async def case(self, want: Resource[KeySpec]) -> Case[KeySpec, KeyState]:
        seen: Seen[KeyState] = await KIND.observe(want, EMPTY, self.uses, fresh=True)
        return Case(want, seen)

    async def one_pass(self, wish: KeySpec | DeletionPolicy) -> None:
        want = self.resource(wish)
        case = await self.case(want)
        settled = KIND.settle(case)
        changes = diff(settled, case.seen.actual)
        plan = KIND.plan(case, changes)
        assert KIND.plan(case, changes) == plan
        assert bool(plan.steps) == bool(changes)
        for step in plan.steps:
            await KIND.act(RELEASE, step, self.uses)
            await KIND.act(RELEASE, step, self.uses)  # each step may run twice
        after = await self.case(want)
        assert after.seen.actual == settled
        assert KIND.settle(after) == settled
        assert KIND.plan(after, ()).steps == ()
        assert KIND.verdict(after).ready


def pairs(keys: Keys) -> set[PublicKey]:
    """All pairs whose private part is there."""
    known = keys.look(RELEASE)
    if known is None:
        return set()
    return {old.public for old in known.retired} | ({known.public} if known.generated else set())


@given(wishes=wishes)
@pytest.mark.req("CORE-08")
async def test_every_wish_converges_in_one_pass_and_only_delete_data_loses_a_pair(
    wishes: list[KeySpec | DeletionPolicy],
) -> None:
    keys = FakeKeys()
    life = Life(Uses(keys, StoppedClock()))
    for wish in wishes:
        before = pairs(keys)
        await life.one_pass(wish)
        if wish is DeletionPolicy.DELETE_DATA:
            # What was set aside before is nobody's, and stays: there was nothing left to delete.
            assert pairs(keys) in (set(), before)
        else:
            assert before <= pairs(keys)


@given(wishes=wishes)
@settings(max_examples=25, deadline=None)
async def test_files_and_fake_come_to_the_same(wishes: list[KeySpec | DeletionPolicy]) -> None:
    with TemporaryDirectory() as folder:
        real, fake = Keystore(Path(folder)).keys, FakeKeys()
        lives = [Life(Uses(real, StoppedClock())), Life(Uses(fake, StoppedClock()))]
        for wish in wishes:
            for life in lives:
                await life.one_pass(wish)
            assert outline(real) == outline(fake)


def outline(keys: Keys) -> object:
    """All but the public keys, which are random where they are generated."""
    known = keys.look(RELEASE)
    if known is None:
        return None
    return (known.role, known.generated, known.rotation, known.standing, known.rotations, len(known.retired))


async def test_the_facts_tell_the_fingerprint_and_never_the_private_part(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    life = Life(Uses(keystore.keys, StoppedClock()))
    wish = KeySpec(role="creator", generate=True)
    await life.one_pass(wish)
    await life.one_pass(wish.model_copy(update={"rotate": "july"}))
    case = await life.case(life.resource(wish))
    known = keystore.keys.get(RELEASE)
    assert known is not None
    assert case.seen.facts["fingerprint"] == f"ed25519:{known.public.hex}"
    assert str(case.seen.facts["publicKey"]).startswith("ssh-ed25519 AAAA")
    assert case.seen.facts["retired"] == [old.public.fingerprint for old in known.retired]
    body = "".join((await keystore.keys.private(RELEASE)).splitlines()[1:-1])
    assert body[-40:] not in repr(case)
    assert Key.columns["fingerprint"](case) == known.public.fingerprint
    assert Key.columns["role"](case) == "creator"


async def test_what_a_node_owns_is_known_without_its_store(tmp_path: Path) -> None:
    uses = Uses(Keystore(tmp_path).keys, StoppedClock())
    await uses.keys.generate(RELEASE, "creator", "")
    await uses.keys.generate(RELEASE._replace(name="aside"), "creator", "")
    await uses.keys.set_aside(RELEASE._replace(name="aside"))
    assert await KIND.owned(Uses(Keystore(tmp_path).keys, StoppedClock())) == {RELEASE}


async def test_a_key_set_aside_is_seen_as_absent(tmp_path: Path) -> None:
    keys = Keystore(tmp_path).keys
    life = Life(Uses(keys, StoppedClock()))
    await life.one_pass(KeySpec(role="creator", generate=True))
    await life.one_pass(DeletionPolicy.DELETE)
    known = keys.look(RELEASE)
    assert known is not None
    assert known.standing is Standing.ASIDE
    case = await life.case(life.resource(DeletionPolicy.DELETE))
    assert case.seen.actual is None
    assert case.seen.facts["setAside"] is True
