"""A backup brings a node back on a new machine, and a damaged one is refused."""

from __future__ import annotations

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.drivers.keystore import Keystore, age
from reconciler.drivers.keystore.backup import Backup
from reconciler.drivers.keystore.keys import KeyRecord, Pair
from reconciler.errors import Conflict, Invalid, NotFound
from reconciler.model import Ref
from reconciler.ports.keys import KnownKey, RetiredKey, Standing
from reconciler.public_key import PublicKey

RELEASE = Ref("Key", "default", "release")
OTHER = Ref("Key", "team", "other")
SHOP = Ref("Secret", "default", "shop")
RECORD = KeyRecord(role="creator", pair=Pair(public="11" * 32, private="sealed"))


def known(keystore: Keystore, ref: Ref = RELEASE) -> KnownKey:
    found = keystore.keys.look(ref)
    assert found is not None
    return found


@pytest.fixture
def new_machine(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "new" / "keystore")


@pytest.mark.req("AUTH-29")
async def test_a_backup_is_all_that_a_new_machine_needs(keystore: Keystore, new_machine: Keystore) -> None:
    await keystore.keys.generate(RELEASE, "creator", "a")
    await keystore.keys.generate(RELEASE, "creator", "b")
    await keystore.keys.trust(OTHER, "maintainer", PublicKey("11" * 32))
    in_repository = age.encrypt(b"hunter2", [keystore.recipient])
    restored = new_machine.restore(keystore.export())
    assert set(restored.keys) == {RELEASE}, "a public key stands in its manifest"
    assert known(new_machine) == known(keystore)
    assert await new_machine.keys.sign(RELEASE, b"x") == await keystore.keys.sign(RELEASE, b"x")
    await new_machine.secrets.put(SHOP, {"password": in_repository})
    assert new_machine.secrets.resolve(SHOP, "password") == "hunter2"


async def test_restoring_twice_changes_nothing(keystore: Keystore, new_machine: Keystore) -> None:
    await keystore.keys.generate(RELEASE, "creator", "")
    text = keystore.export()
    new_machine.restore(text)
    once = known(new_machine)
    new_machine.restore(text)
    assert known(new_machine) == once
    assert new_machine.recipient == keystore.recipient
    assert new_machine.earlier() == ()


async def test_what_a_node_made_before_it_got_its_backup_is_kept(
    keystore: Keystore, new_machine: Keystore
) -> None:
    await keystore.keys.generate(RELEASE, "creator", "")
    for ref in (RELEASE, OTHER):
        await new_machine.keys.generate(ref, "creator", "")
    await new_machine.secrets.put(SHOP, {"a": age.encrypt(b"local", [new_machine.recipient])})
    early = known(new_machine).public
    new_machine.restore(keystore.export())
    assert new_machine.recipient == keystore.recipient
    assert known(new_machine).public == known(keystore).public
    assert known(new_machine).retired == (RetiredKey(early, ""),)
    assert known(new_machine, OTHER).readable
    assert new_machine.secrets.resolve(SHOP, "a") == "local"
    assert new_machine.forget() == 1
    assert new_machine.secrets.resolve(SHOP, "a") == "local"
    assert known(new_machine, OTHER).readable


async def test_an_old_backup_does_not_undo_a_rotation(keystore: Keystore) -> None:
    await keystore.keys.generate(RELEASE, "creator", "a")
    old = keystore.export()
    await keystore.keys.generate(RELEASE, "creator", "b")
    before = known(keystore)
    keystore.restore(old)
    assert known(keystore) == before


async def test_an_export_after_a_rotation_holds_the_earlier_identities(
    keystore: Keystore, new_machine: Keystore
) -> None:
    old = age.encrypt(b"hunter2", [keystore.recipient])
    keystore.rotate()
    new_machine.restore(keystore.export())
    assert new_machine.recipient == keystore.recipient
    assert new_machine.decrypt(old) == b"hunter2"


def test_a_plain_age_identity_file_is_taken(keystore: Keystore) -> None:
    identity = age.new_identity()
    keystore.restore(f"# created: 2026-01-01\n# public key: {age.recipient_of(identity)}\n{identity}\n")
    assert keystore.recipient == age.recipient_of(identity)


async def test_spaces_and_line_ends_may_change_on_the_way(keystore: Keystore, new_machine: Keystore) -> None:
    await keystore.keys.generate(RELEASE, "creator", "")
    new_machine.restore("\r\n".join(["", *(f"  {line} " for line in keystore.export().splitlines()), "", ""]))
    assert known(new_machine) == known(keystore)


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_backup_with_any_character_lost_or_changed_is_refused(data: st.DataObject) -> None:
    text = Backup((age.new_identity(),), {RELEASE: RECORD}).text().strip()
    at = data.draw(st.integers(0, len(text) - 1))
    before, after = text[:at], text[at + 1 :]
    broken = data.draw(st.sampled_from([before, after, before + "~" + after, before + after]))
    if broken.split() != text.split():
        with pytest.raises(Invalid):
            Backup.parse(broken)


@pytest.mark.needs("ssh-keygen")
async def test_a_key_from_elsewhere_is_foreign_until_claimed(keystore: Keystore, tmp_path: Path) -> None:
    file = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    public = await keystore.keys.take(RELEASE, file.read_bytes())
    assert public == PublicKey.parse((tmp_path / "id.pub").read_text())
    assert known(keystore).standing is Standing.FOREIGN
    assert keystore.keys.refs() == frozenset()
    assert keystore.keys.get(RELEASE) is None
    with pytest.raises(NotFound):
        await keystore.keys.sign(RELEASE, b"x")
    await keystore.keys.take(RELEASE, file.read_bytes())
    await keystore.keys.claim(RELEASE, "ssh")
    assert known(keystore).standing is Standing.OURS
    assert await keystore.keys.take(RELEASE, (await keystore.keys.private(RELEASE)).encode()) == public


@pytest.mark.parametrize("content", ["no base64!", "e30=", "bnVsbA==", "eyJuYW1lIjogMX0="])
def test_a_record_that_is_none_is_refused_though_the_digest_is_right(content: str) -> None:
    lines = [age.new_identity(), f"# key: {content}"]
    end = sha256("\n".join(lines).encode()).hexdigest()
    with pytest.raises(Invalid, match="damaged"):
        Backup.parse("\n".join([*lines, f"# end: {end}"]))


async def test_a_key_from_elsewhere_replaces_none_that_is_there(keystore: Keystore, tmp_path: Path) -> None:
    await keystore.keys.generate(RELEASE, "creator", "")
    before = known(keystore)
    other = Keystore(tmp_path / "other")
    await other.keys.generate(RELEASE, "creator", "")
    with pytest.raises(Conflict, match="fingerprint"):
        await keystore.keys.take(RELEASE, (await other.keys.private(RELEASE)).encode())
    assert known(keystore) == before


@pytest.mark.needs("ssh-keygen")
@pytest.mark.parametrize("options", [["-t", "ed25519", "-N", "secret"], ["-t", "ecdsa", "-N", ""]])
async def test_what_is_no_bare_ed25519_key_is_refused(
    keystore: Keystore, tmp_path: Path, options: list[str]
) -> None:
    subprocess.run(["ssh-keygen", "-q", "-f", tmp_path / "id", *options], check=True)
    with pytest.raises(Invalid, match="no ed25519 private key"):
        await keystore.keys.take(RELEASE, (tmp_path / "id").read_bytes())
    with pytest.raises(Invalid, match="no ed25519 private key"):
        await keystore.keys.take(RELEASE, b"planted-value")
    assert keystore.keys.get(RELEASE) is None
