"""What every keystore keeps, the real one and the fake one alike."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from reconciler.errors import Invalid, NotFound, Refused
from reconciler.model import Ref
from reconciler.ports.keys import RetiredKey, Standing
from reconciler.public_key import PublicKey
from tests.drivers.keystore.stores import Store

RELEASE = Ref("Key", "default", "release")
SHOP = Ref("Secret", "default", "shop")
ALICE = PublicKey("11" * 32)
BOB = PublicKey("22" * 32)


@pytest.mark.req("PKG-17", "CORE-03")
async def test_a_generated_key_signs_and_its_public_half_verifies(store: Store) -> None:
    await store.keys.generate(RELEASE, "creator", "")
    known = store.key(RELEASE)
    signature = await store.keys.sign(RELEASE, b"payload")
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(known.public.hex)).verify(signature, b"payload")
    assert (known.role, known.generated, known.standing) == ("creator", True, Standing.OURS)


async def test_generating_twice_keeps_the_pair(store: Store) -> None:
    await store.keys.generate(RELEASE, "creator", "")
    first = store.key(RELEASE)
    await store.keys.generate(RELEASE, "creator", "")
    assert store.key(RELEASE) == first


async def test_a_new_token_makes_a_new_pair_and_retires_the_old(store: Store) -> None:
    await store.keys.generate(RELEASE, "creator", "a")
    old = store.key(RELEASE)
    await store.keys.generate(RELEASE, "creator", "b")
    new = store.key(RELEASE)
    assert new.public != old.public
    assert new.retired == (RetiredKey(old.public, "a"),)
    assert new.rotations == ("b", "a")


async def test_a_token_that_was_done_rotates_nothing(store: Store) -> None:
    for token in ("a", "b"):
        await store.keys.generate(RELEASE, "creator", token)
    before = store.key(RELEASE)
    await store.keys.generate(RELEASE, "creator", "a")
    assert store.key(RELEASE) == before


async def test_a_key_set_aside_signs_nothing_and_comes_back_the_same(store: Store) -> None:
    await store.keys.generate(RELEASE, "creator", "a")
    before = store.key(RELEASE)
    await store.keys.set_aside(RELEASE)
    assert store.key(RELEASE).standing is Standing.ASIDE
    assert store.keys.get(RELEASE) is None, "nobody trusts it any more"
    assert store.keys.refs() == frozenset()
    with pytest.raises(NotFound):
        await store.keys.sign(RELEASE, b"x")
    await store.keys.generate(RELEASE, "creator", "a")
    assert store.key(RELEASE) == before


async def test_a_destroyed_key_is_gone_and_its_successor_is_another(store: Store) -> None:
    await store.keys.generate(RELEASE, "creator", "")
    before = store.key(RELEASE)
    await store.keys.destroy(RELEASE)
    assert store.keys.look(RELEASE) is None
    await store.keys.generate(RELEASE, "creator", "")
    assert store.key(RELEASE).public != before.public
    assert store.key(RELEASE).retired == ()


async def test_a_trusted_key_verifies_only(store: Store) -> None:
    await store.keys.trust(RELEASE, "maintainer", ALICE)
    assert store.keys.get(RELEASE) == store.key(RELEASE)
    assert store.key(RELEASE).public == ALICE
    assert not store.key(RELEASE).generated
    with pytest.raises(Refused):
        await store.keys.sign(RELEASE, b"x")
    with pytest.raises(Refused):
        await store.keys.private(RELEASE)


async def test_setting_aside_a_trusted_key_leaves_nothing(store: Store) -> None:
    await store.keys.trust(RELEASE, "maintainer", ALICE)
    await store.keys.set_aside(RELEASE)
    assert store.keys.look(RELEASE) is None


async def test_a_trusted_key_is_replaced_by_another(store: Store) -> None:
    await store.keys.trust(RELEASE, "maintainer", ALICE)
    await store.keys.trust(RELEASE, "creator", BOB)
    assert (store.key(RELEASE).public, store.key(RELEASE).role) == (BOB, "creator")
    assert store.key(RELEASE).retired == ()


async def test_a_pair_survives_being_replaced_by_a_trusted_key(store: Store) -> None:
    await store.keys.generate(RELEASE, "creator", "a")
    before = store.key(RELEASE)
    await store.keys.trust(RELEASE, "creator", ALICE)
    assert store.key(RELEASE).retired == (RetiredKey(before.public, "a"),)
    assert store.key(RELEASE).rotation == "a"
    await store.keys.generate(RELEASE, "creator", "a")
    assert store.key(RELEASE) == before


async def test_claiming_changes_the_role_and_not_the_pair(store: Store) -> None:
    await store.keys.generate(RELEASE, "creator", "")
    public = store.key(RELEASE).public
    await store.keys.claim(RELEASE, "maintainer")
    assert (store.key(RELEASE).public, store.key(RELEASE).role) == (public, "maintainer")


async def test_a_key_that_was_let_go_of_is_foreign_and_stays(store: Store) -> None:
    await store.keys.generate(RELEASE, "creator", "a")
    before = store.key(RELEASE)
    for _ in range(2):
        await store.keys.release(RELEASE)
        assert store.key(RELEASE) == replace(before, standing=Standing.FOREIGN)
        assert (store.keys.get(RELEASE), store.keys.refs()) == (None, frozenset())
    await store.keys.claim(RELEASE, "creator")
    assert store.key(RELEASE) == before
    await store.keys.set_aside(RELEASE)
    await store.keys.release(RELEASE)
    assert store.key(RELEASE).standing is Standing.ASIDE, "it is nobody's already"


async def test_a_secret_that_was_let_go_of_stays_until_it_is_put_again(store: Store) -> None:
    await store.secrets.release(SHOP)
    assert store.secrets.get(SHOP) is None
    values = {"password": store.encrypt("hunter2")}
    await store.secrets.put(SHOP, values)
    before = store.secrets.get(SHOP)
    assert before is not None
    for _ in range(2):
        await store.secrets.release(SHOP)
        assert store.secrets.get(SHOP, fresh=True) == replace(before, ours=False)
        assert store.secrets.refs() == frozenset()
    assert store.secrets.resolve(SHOP, "password") == "hunter2"
    await store.secrets.put(SHOP, values)
    assert store.secrets.get(SHOP) == before
    assert store.secrets.refs() == {SHOP}
    await store.secrets.release(SHOP)
    await store.secrets.drop(SHOP)
    await store.secrets.put(SHOP, values)
    assert store.secrets.refs() == {SHOP}


async def test_acts_on_an_absent_key_do_nothing(store: Store) -> None:
    await store.keys.release(RELEASE)
    await store.keys.claim(RELEASE, "creator")
    await store.keys.set_aside(RELEASE)
    await store.keys.destroy(RELEASE)
    assert store.keys.get(RELEASE) is None
    with pytest.raises(NotFound):
        await store.keys.sign(RELEASE, b"x")


async def test_the_private_part_is_given_as_openssh_reads_it(store: Store) -> None:
    await store.keys.generate(RELEASE, "ssh", "")
    private = load_ssh_private_key((await store.keys.private(RELEASE)).encode(), None)
    assert isinstance(private, Ed25519PrivateKey)
    assert private.public_key().public_bytes_raw().hex() == store.key(RELEASE).public.hex


async def test_refs_are_those_that_are_ours(store: Store) -> None:
    other = Ref("Key", "team", "other")
    await store.keys.generate(RELEASE, "creator", "")
    await store.keys.trust(other, "maintainer", ALICE)
    assert store.keys.refs() == {RELEASE, other}


async def test_a_secret_resolves_to_what_was_encrypted(store: Store) -> None:
    await store.secrets.put(SHOP, {"password": store.encrypt("hunter2"), "note": store.encrypt("ü\n\n")})
    assert store.secrets.resolve(SHOP, "password") == "hunter2"
    assert store.secrets.resolve(SHOP, "note") == "ü\n\n"


async def test_what_was_declared_is_known_by_its_digest(store: Store) -> None:
    text = store.encrypt("hunter2")
    await store.secrets.put(SHOP, {"password": text})
    known = store.secrets.get(SHOP)
    assert known is not None
    assert known.declared == {"password": sha256(text.encode()).hexdigest()}


async def test_a_version_changes_with_the_value_and_only_with_it(store: Store) -> None:
    await store.secrets.put(SHOP, {"password": store.encrypt("one"), "user": store.encrypt("me")})
    before = store.secrets.versions(SHOP)
    await store.secrets.put(SHOP, {"password": store.encrypt("two"), "user": store.encrypt("me")})
    after = store.secrets.versions(SHOP)
    assert before["password"] != after["password"]
    assert before["user"] == after["user"]
    assert sha256(b"two").hexdigest() not in after["password"]


async def test_equal_values_have_different_versions(store: Store) -> None:
    other = SHOP._replace(name="other")
    await store.secrets.put(SHOP, {"a": store.encrypt("same"), "b": store.encrypt("same")})
    await store.secrets.put(other, {"a": store.encrypt("same")})
    versions = [*store.secrets.versions(SHOP).values(), *store.secrets.versions(other).values()]
    assert len(set(versions)) == 3


async def test_putting_takes_away_what_is_not_named_any_more(store: Store) -> None:
    await store.secrets.put(SHOP, {"a": store.encrypt("1"), "b": store.encrypt("2")})
    await store.secrets.put(SHOP, {"b": store.encrypt("2")})
    assert set(store.secrets.versions(SHOP)) == {"b"}
    with pytest.raises(NotFound):
        store.secrets.resolve(SHOP, "a")


@pytest.mark.parametrize("body", ["AAAA", "no base64!"])
async def test_one_value_that_cannot_be_decrypted_leaves_all_as_they_were(store: Store, body: str) -> None:
    await store.secrets.put(SHOP, {"a": store.encrypt("good")})
    broken = f"-----BEGIN AGE ENCRYPTED FILE-----\n{body}\n-----END AGE ENCRYPTED FILE-----\n"
    with pytest.raises(Invalid, match="'b' of secret/shop") as caught:
        await store.secrets.put(SHOP, {"a": store.encrypt("newer"), "b": broken})
    assert store.secrets.resolve(SHOP, "a") == "good"
    assert caught.value.remedy


async def test_a_dropped_secret_is_gone(store: Store) -> None:
    await store.secrets.put(SHOP, {"a": store.encrypt("1")})
    assert store.secrets.refs() == {SHOP}
    for _ in range(2):
        await store.secrets.drop(SHOP)
    assert store.secrets.get(SHOP) is None
    assert store.secrets.refs() == frozenset()
    assert store.secrets.versions(SHOP) == {}
    with pytest.raises(NotFound):
        store.secrets.resolve(SHOP, "a")
