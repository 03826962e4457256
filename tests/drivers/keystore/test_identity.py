"""The node's identity: made once, never made anew beside what needs the old one, rotated without loss."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.drivers.keystore import Keystore, age, ed25519
from reconciler.drivers.keystore.backup import Backup
from reconciler.errors import Corrupt, Invalid, Missing, Refused
from reconciler.model import Ref

RELEASE = Ref("Key", "default", "release")
SHOP = Ref("Secret", "default", "shop")


def encrypted(keystore: Keystore, value: str) -> str:
    return age.encrypt(value.encode(), [keystore.recipient])


async def filled(folder: Path) -> Keystore:
    keystore = Keystore(folder)
    await keystore.keys.generate(RELEASE, "creator", "a")
    await keystore.secrets.put(SHOP, {"password": encrypted(keystore, "hunter2")})
    return keystore


def every_pair_is_readable(keystore: Keystore) -> None:
    """The retired ones, too, and by the present identity alone."""
    backup = Backup.parse(keystore.export())
    for record in backup.keys.values():
        for pair in record.made:
            assert ed25519.public_of(age.decrypt(pair.private, backup.identities[:1])) == pair.public


def test_looking_makes_no_identity(keystore: Keystore, folder: Path) -> None:
    assert keystore.keys.get(RELEASE) is None
    assert keystore.secrets.versions(SHOP) == {}
    assert keystore.keys.refs() == frozenset()
    assert not folder.exists()


def test_the_identity_is_made_once(folder: Path) -> None:
    assert Keystore(folder).recipient == Keystore(folder).recipient
    assert (folder / "identity").read_text().count("AGE-SECRET-KEY-1") == 1


def test_forgetting_where_no_identity_was_made_ends(keystore: Keystore) -> None:
    assert keystore.forget() == 0


async def test_a_lost_identity_is_never_replaced_while_something_needs_it(folder: Path) -> None:
    keystore = await filled(folder)
    text = encrypted(keystore, "new")
    (folder / "identity").unlink()
    known = keystore.keys.get(RELEASE)
    assert known is not None
    assert not known.readable
    for attempt in (
        keystore.keys.generate(RELEASE, "creator", "b"),
        keystore.keys.sign(RELEASE, b"x"),
        keystore.secrets.put(SHOP, {"password": text}),
    ):
        with pytest.raises(Missing, match="identity") as caught:
            await attempt
        assert "identity import" in caught.value.remedy
    with pytest.raises(Missing):
        _ = keystore.recipient
    with pytest.raises(Missing):
        keystore.rotate()
    with pytest.raises(Missing):
        keystore.export()
    with pytest.raises(Missing):
        keystore.forget()
    assert not (folder / "identity").exists()


async def test_a_key_of_another_identity_is_known_as_unreadable(folder: Path) -> None:
    keystore = await filled(folder)
    (folder / "identity").write_text(age.new_identity() + "\n")
    known, secret = keystore.keys.get(RELEASE), keystore.secrets.get(SHOP)
    assert known is not None
    assert secret is not None
    assert not known.readable
    assert not secret.readable


@pytest.mark.parametrize("content", ["", "# nothing\n", "\n\n"])
def test_an_emptied_identity_is_corrupt(keystore: Keystore, folder: Path, content: str) -> None:
    assert keystore.recipient
    (folder / "identity").write_text(content)
    with pytest.raises(Corrupt, match="holds no identity"):
        _ = keystore.recipient


def test_a_damaged_identity_is_told_without_being_repeated(keystore: Keystore, folder: Path) -> None:
    assert keystore.recipient
    file = folder / "identity"
    damaged = file.read_text().strip().splitlines()[-1][:-3]
    file.write_text(damaged + "\n")
    with pytest.raises(Invalid, match="damaged") as caught:
        _ = keystore.recipient
    assert damaged[20:40] not in str(caught.value)


def test_an_identity_that_everybody_can_read_is_refused(keystore: Keystore, folder: Path) -> None:
    assert keystore.recipient
    (folder / "identity").chmod(0o644)
    with pytest.raises(Refused, match="every user") as caught:
        _ = Keystore(folder).recipient
    assert "chmod 600" in caught.value.remedy


def test_a_group_may_read_it_as_kubernetes_has_it(keystore: Keystore, folder: Path) -> None:
    recipient = keystore.recipient
    (folder / "identity").chmod(0o660)
    assert Keystore(folder).recipient == recipient


@pytest.mark.req("AUTH-29")
async def test_after_a_rotation_all_is_encrypted_to_the_new_identity(folder: Path) -> None:
    keystore = await filled(folder)
    old_recipient, old_text = keystore.recipient, encrypted(keystore, "from the repository")
    await keystore.keys.generate(RELEASE, "creator", "b")
    public, versions = keystore.keys.get(RELEASE), keystore.secrets.versions(SHOP)
    assert keystore.rotate() == keystore.recipient != old_recipient
    assert keystore.keys.get(RELEASE) == public
    assert keystore.secrets.versions(SHOP) == versions
    assert keystore.decrypt(old_text) == b"from the repository"
    assert keystore.forget() == 1
    assert await keystore.keys.sign(RELEASE, b"x")
    assert keystore.secrets.resolve(SHOP, "password") == "hunter2"
    with pytest.raises(age.Undecryptable):
        keystore.decrypt(old_text)
    every_pair_is_readable(keystore)
    await keystore.secrets.put(SHOP, {"password": encrypted(keystore, "hunter2")})
    assert keystore.secrets.versions(SHOP) == versions, "the digest key came along"


async def test_an_interrupted_rotation_is_finished_by_the_next(folder: Path) -> None:
    keystore = await filled(folder)
    earlier = (folder / "identity").read_text()
    (folder / "identity").write_text(f"{age.new_identity()}\n{earlier}")  # died before it re-encrypted
    assert keystore.secrets.resolve(SHOP, "password") == "hunter2"
    assert keystore.forget() == 1
    assert keystore.secrets.resolve(SHOP, "password") == "hunter2"
    assert await keystore.keys.sign(RELEASE, b"x")


async def test_rotating_a_pair_after_an_interrupted_rotation_loses_none(folder: Path) -> None:
    keystore = await filled(folder)
    (folder / "identity").write_text(f"{age.new_identity()}\n{(folder / 'identity').read_text()}")
    await keystore.keys.generate(RELEASE, "creator", "b")
    keystore.forget()
    known = keystore.keys.get(RELEASE)
    assert known is not None
    assert known.readable
    assert [old.rotation for old in known.retired] == ["a"]
    every_pair_is_readable(keystore)


async def test_taking_a_set_aside_pair_back_after_an_interrupted_rotation_keeps_it_readable(
    folder: Path,
) -> None:
    keystore = await filled(folder)
    await keystore.keys.set_aside(RELEASE)
    (folder / "identity").write_text(f"{age.new_identity()}\n{(folder / 'identity').read_text()}")
    await keystore.keys.generate(RELEASE, "creator", "a")
    keystore.forget()
    assert await keystore.keys.sign(RELEASE, b"x")


def test_rotating_a_new_node_replaces_what_it_would_have_had(keystore: Keystore) -> None:
    assert keystore.rotate() == keystore.recipient
    assert len(keystore.earlier()) == 1


async def test_an_identity_that_is_lost_for_good_is_followed_by_another(folder: Path) -> None:
    keystore = await filled(folder)
    lost = keystore.export()
    (folder / "identity").unlink()
    keystore.rotate(lost=True)
    known = keystore.keys.get(RELEASE)
    assert known is not None
    assert not known.readable
    with pytest.raises(age.Undecryptable):
        await keystore.keys.sign(RELEASE, b"x")
    await keystore.keys.generate(RELEASE, "creator", "b")
    assert await keystore.keys.sign(RELEASE, b"x")
    await keystore.secrets.put(SHOP, {"password": encrypted(keystore, "newer")})
    assert keystore.forget() == 0
    keystore.restore(lost)
    keystore.forget()
    every_pair_is_readable(keystore)
    assert keystore.secrets.resolve(SHOP, "password") == "newer"


@pytest.mark.parametrize("content", [b"", b"AGE-SECRET-KEY-1DAMAGED", b"\xff\xfe"])
async def test_a_damaged_identity_is_restored_from_the_backup_and_kept_aside(
    folder: Path, content: bytes
) -> None:
    keystore = await filled(folder)
    backup = keystore.export()
    (folder / "identity").write_bytes(content)
    with pytest.raises((Corrupt, Invalid)):
        keystore.rotate()
    keystore.restore(backup)
    assert keystore.secrets.resolve(SHOP, "password") == "hunter2"
    assert (folder / "identity.damaged").read_bytes() == content


async def test_a_damaged_digest_key_makes_every_value_seem_changed_once(folder: Path) -> None:
    keystore = await filled(folder)
    before = keystore.secrets.versions(SHOP)
    (folder / "digest-key").write_bytes(os.urandom(50))
    await keystore.secrets.put(SHOP, {"password": encrypted(keystore, "hunter2")})
    after = keystore.secrets.versions(SHOP)
    assert before != after
    await keystore.secrets.put(SHOP, {"password": encrypted(keystore, "hunter2")})
    assert keystore.secrets.versions(SHOP) == after
