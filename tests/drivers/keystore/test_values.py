"""Values of secrets: what may be one, and that nothing of it ever shows."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.drivers.keystore import Keystore, age
from reconciler.drivers.keystore.values import LARGEST, encrypted
from reconciler.errors import Invalid, Missing, Problem, TooLarge
from reconciler.model import Ref

SHOP = Ref("Secret", "default", "shop")
PLANTED = "planted-7f3a"


@given(value=st.text(min_size=1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_text_comes_back_as_it_was(keystore: Keystore, value: str) -> None:
    try:
        content = value.encode()
    except UnicodeEncodeError:
        return  # half a surrogate pair is no text that a file could hold
    await keystore.secrets.put(SHOP, {"a": encrypted(content, [keystore.recipient])})
    assert keystore.secrets.resolve(SHOP, "a") == value


def test_to_encrypt_needs_no_node_and_leaves_nothing_behind(tmp_path: Path) -> None:
    identity = age.new_identity()
    text = encrypted(b"hunter2", [age.recipient_of(identity)])
    assert age.decrypt(text, [identity]) == b"hunter2"
    assert list(tmp_path.iterdir()) == []


async def test_one_of_several_recipients_is_enough(keystore: Keystore) -> None:
    person = age.new_identity()
    text = encrypted(b"hunter2", [age.recipient_of(person), keystore.recipient])
    await keystore.secrets.put(SHOP, {"a": text})
    assert keystore.secrets.resolve(SHOP, "a") == "hunter2"
    assert age.decrypt(text, [person]) == b"hunter2"


async def test_a_person_may_be_named_by_an_ssh_key(keystore: Keystore) -> None:
    key = Ref("Key", "default", "alice")
    await keystore.keys.generate(key, "ssh", "")
    known = keystore.keys.get(key)
    assert known is not None
    assert encrypted(b"x", [known.public.openssh, keystore.recipient]).startswith("-----BEGIN AGE")


async def test_a_value_for_somebody_else_names_whom_to_encrypt_to(keystore: Keystore) -> None:
    text = encrypted(PLANTED.encode(), [age.recipient_of(age.new_identity())])
    with pytest.raises(Invalid, match="'a' of secret/shop cannot be decrypted: it is for somebody") as caught:
        await keystore.secrets.put(SHOP, {"a": text})
    assert f"--recipient {keystore.recipient}" in caught.value.remedy
    assert keystore.secrets.get(SHOP) is None


async def test_a_value_that_was_cut_off_is_damaged(keystore: Keystore) -> None:
    lines = encrypted(PLANTED.encode() * 20, [keystore.recipient]).splitlines()
    with pytest.raises(Invalid, match="it is damaged"):
        await keystore.secrets.put(SHOP, {"a": "\n".join([*lines[:-4], lines[-1]])})


async def test_bytes_that_are_no_text_are_refused(keystore: Keystore) -> None:
    text = age.encrypt(b"\xff\xfe" + PLANTED.encode(), [keystore.recipient])
    with pytest.raises(Invalid, match="no UTF-8 text") as caught:
        await keystore.secrets.put(SHOP, {"a": text})
    assert PLANTED not in "".join(traceback.format_exception(caught.value))


async def test_too_large_a_value_is_refused_on_both_ways(keystore: Keystore) -> None:
    with pytest.raises(TooLarge, match="256 KiB"):
        encrypted(b"x" * (LARGEST + 1), [keystore.recipient])
    await keystore.secrets.put(SHOP, {"a": encrypted(b"x" * LARGEST, [keystore.recipient])})
    with pytest.raises(TooLarge, match="256 KiB"):
        await keystore.secrets.put(SHOP, {"a": age.encrypt(b"x" * (LARGEST + 1), [keystore.recipient])})
    assert keystore.secrets.resolve(SHOP, "a") == "x" * LARGEST


def test_an_empty_value_is_refused_where_it_is_encrypted(keystore: Keystore) -> None:
    with pytest.raises(Invalid, match="empty"):
        encrypted(b"", [keystore.recipient])


WRONG = ["", "age1xyz", "ssh-ed25519 AAAA", "ssh-rsa", PLANTED, "AGE-SECRET-KEY-1ABC"]


@pytest.mark.parametrize("recipient", WRONG)
def test_a_wrong_recipient_is_refused_and_not_repeated(recipient: str) -> None:
    good = age.recipient_of(age.new_identity())
    with pytest.raises(Invalid, match="recipient 2") as caught:
        encrypted(b"x", [good, recipient])
    assert not recipient or recipient not in caught.value.message


def test_nobody_to_encrypt_to_is_refused() -> None:
    with pytest.raises(Missing, match="nobody"):
        encrypted(b"x", [])


@given(junk=st.binary(max_size=300), at=st.integers(0, 400))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_stands_where_a_ciphertext_should_is_a_clear_error(
    keystore: Keystore, junk: bytes, at: int
) -> None:
    whole = encrypted(PLANTED.encode(), [keystore.recipient])
    text = whole[:at] + junk.decode("latin-1") + whole[at + len(junk) :]
    refused = await refusal(keystore, text)
    if refused is None:  # only armor that means the same gets through
        assert keystore.secrets.resolve(SHOP, "a") == PLANTED
    else:
        assert refused.remedy
        assert PLANTED not in "".join(traceback.format_exception(refused))


async def refusal(keystore: Keystore, text: str) -> Problem | None:
    try:
        await keystore.secrets.put(SHOP, {"a": text})
    except Problem as problem:
        return problem
    return None
