"""Keys and secrets under the real engine, on a real store: what people see, and what they never see."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconciler.drivers.keystore import Keystore, age
from reconciler.drivers.keystore.values import encrypted
from reconciler.engine.loop import Engine
from reconciler.engine.world import World
from reconciler.kinds.key import Key
from reconciler.kinds.key import Uses as KeyUses
from reconciler.kinds.key.spec import KeySpec
from reconciler.kinds.secret import Secret
from reconciler.kinds.secret import Uses as SecretUses
from reconciler.kinds.secret.spec import SecretSpec
from reconciler.model import NODE_SOURCE, Origin, Ref, Resource, Snapshot, Spec, Status
from reconciler.ports.kinds import Kinds
from reconciler.runtime.clock import SystemClock
from reconciler.store.opening import open_store

SHOP = Ref("Secret", "default", "shop")
RELEASE = Ref("Key", "default", "release")
PLANTED = "planted-7f3a"


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keystore")


@asynccontextmanager
async def running(folder: Path, keystore: Keystore) -> AsyncIterator[Engine]:
    clock = SystemClock()
    store = await open_store(folder / "holdfast.db", clock)
    kinds = Kinds({"Key": Key(), "Secret": Secret()})
    uses = {"Key": KeyUses(keystore.keys, clock), "Secret": SecretUses(keystore.secrets, clock)}
    engine = Engine(World(kinds, uses, store, clock, Random(1)))
    await engine.start()
    work = asyncio.create_task(engine.run())
    try:
        yield engine
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await store.close()


async def wish(engine: Engine, revision: str, specs: Mapping[Ref, Spec]) -> None:
    resources: dict[Ref, Resource[Any]] = {
        ref: Resource(ref, spec, Origin(NODE_SOURCE, revision)) for ref, spec in specs.items()
    }
    await engine.submit(Snapshot(NODE_SOURCE, revision, resources))
    async with asyncio.timeout(60):
        while not engine.idle:  # noqa: ASYNC110 - a turn of the loop is what it waits for
            await asyncio.sleep(0)


def status(engine: Engine, ref: Ref) -> Status:
    found = engine.book[ref].status
    assert found is not None
    return found


def secret(keystore: Keystore, **values: str) -> SecretSpec:
    return SecretSpec(encrypted={k: encrypted(v.encode(), [keystore.recipient]) for k, v in values.items()})


async def test_they_are_made_changed_and_removed(tmp_path: Path, keystore: Keystore) -> None:
    key = KeySpec(role="creator", generate=True)
    async with running(tmp_path, keystore) as engine:
        await wish(engine, "1", {RELEASE: key, SHOP: secret(keystore, a="1")})
        assert status(engine, RELEASE).ready
        assert status(engine, SHOP).ready
        first = keystore.keys.get(RELEASE)
        await wish(engine, "2", {RELEASE: KeySpec(role="creator", generate=True, rotate="july")})
        assert keystore.secrets.get(SHOP) is None
        second = keystore.keys.get(RELEASE)
        assert first is not None
        assert second is not None
        assert [old.public for old in second.retired] == [first.public]
        await wish(engine, "3", {})
        assert keystore.keys.get(RELEASE) is None
        assert engine.book.inventory == {}
        await wish(engine, "4", {RELEASE: key})
        assert keystore.keys.get(RELEASE) == second, "a line that was deleted and comes back loses nothing"


async def test_a_secret_resolves_after_a_restart_without_its_manifest(
    tmp_path: Path, keystore: Keystore
) -> None:
    async with running(tmp_path, keystore) as engine:
        await wish(engine, "1", {SHOP: secret(keystore, a=PLANTED)})
    again = Keystore(tmp_path / "keystore")
    assert again.secrets.resolve(SHOP, "a") == PLANTED


async def test_a_value_for_somebody_else_stalls_with_the_remedy_and_the_last_good_one_stays(
    tmp_path: Path, keystore: Keystore
) -> None:
    stranger = age.recipient_of(age.new_identity())
    async with running(tmp_path, keystore) as engine:
        await wish(engine, "1", {SHOP: secret(keystore, a="good")})
        wrong = SecretSpec(encrypted={"a": encrypted(PLANTED.encode(), [stranger])})
        await wish(engine, "2", {SHOP: wrong})
        said = status(engine, SHOP)
        assert said.stalled
        assert "'a' of secret/shop" in said.error
        assert f"--recipient {keystore.recipient}" in said.error
        assert keystore.secrets.resolve(SHOP, "a") == "good"
        await wish(engine, "3", {SHOP: secret(keystore, a="better")})
        assert status(engine, SHOP).ready
        assert keystore.secrets.resolve(SHOP, "a") == "better"


async def test_a_key_put_in_by_hand_is_stalled_until_it_is_adopted(
    tmp_path: Path, keystore: Keystore
) -> None:
    elsewhere = Keystore(tmp_path / "elsewhere")
    await elsewhere.keys.generate(RELEASE, "creator", "")
    public = await keystore.keys.take(RELEASE, (await elsewhere.keys.private(RELEASE)).encode())
    async with running(tmp_path, keystore) as engine:
        await wish(engine, "1", {RELEASE: KeySpec(role="creator", generate=True)})
        assert status(engine, RELEASE).stalled
        assert "adopt: true" in status(engine, RELEASE).conditions[0].message
        assert keystore.keys.get(RELEASE) is None
        await wish(engine, "2", {RELEASE: KeySpec(role="creator", generate=True, adopt=True)})
        assert status(engine, RELEASE).ready
        adopted = keystore.keys.get(RELEASE)
        assert adopted is not None
        assert adopted.public == public


async def test_a_lost_identity_stalls_with_the_remedy_and_nothing_is_made_anew(
    tmp_path: Path, keystore: Keystore
) -> None:
    key, shop = KeySpec(role="creator", generate=True), secret(keystore, a="1")
    async with running(tmp_path, keystore) as engine:
        await wish(engine, "1", {RELEASE: key, SHOP: shop})
    backup = keystore.export()
    (tmp_path / "keystore" / "identity").unlink()
    async with running(tmp_path, keystore) as engine:
        await wish(engine, "1", {RELEASE: key, SHOP: shop})
        for ref in (RELEASE, SHOP):
            assert status(engine, ref).stalled
            assert "identity import" in status(engine, ref).conditions[0].message
        keystore.restore(backup)
        engine.wake(RELEASE)
        engine.wake(SHOP)
        await wish(engine, "1", {RELEASE: key, SHOP: shop})
        assert status(engine, RELEASE).ready
        assert status(engine, SHOP).ready


@pytest.mark.req("AUTH-35", "OBS-24")
async def test_no_value_and_no_private_key_is_in_the_store_or_the_log(
    tmp_path: Path, keystore: Keystore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stranger = age.recipient_of(age.new_identity())
    wrong = SecretSpec(encrypted={"a": encrypted(PLANTED.encode(), [stranger])})
    no_text = SecretSpec(encrypted={"a": age.encrypt(b"\xff" + PLANTED.encode(), [keystore.recipient])})
    other = SHOP._replace(name="other")
    async with running(tmp_path, keystore) as engine:
        for revision, spec in enumerate(
            (secret(keystore, a=PLANTED), wrong, secret(keystore, b=PLANTED), no_text)
        ):
            await wish(
                engine,
                str(revision),
                {
                    SHOP: spec,
                    other: spec,
                    RELEASE: KeySpec(role="creator", generate=True, rotate=str(revision)),
                },
            )
        pem = await keystore.keys.private(RELEASE)
    hidden = [
        PLANTED,
        *pem.splitlines()[1:-1],
        *(line for line in keystore.export().splitlines() if line[0] != "#"),
    ]
    files = {
        path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "identity"
    }
    assert any(path.name == "holdfast.db" for path in files)
    leaks = [(path, text) for path, content in files.items() for text in hidden if text.encode() in content]
    assert leaks == []
    assert not [text for text in hidden if text in caplog.text]
