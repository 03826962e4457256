"""The files of the keystore: private, whole, shared between processes, and never taken for absent."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.drivers.keystore import Keystore, age
from reconciler.drivers.keystore.folder import PARTIAL
from reconciler.errors import Corrupt, Failed, Invalid
from reconciler.model import Ref

RELEASE = Ref("Key", "default", "release")
SHOP = Ref("Secret", "default", "shop")
ROOT = Path(__file__).parents[3]


def encrypted(keystore: Keystore, value: str) -> str:
    return age.encrypt(value.encode(), [keystore.recipient])


@pytest.mark.req("AUTH-29", "PKG-17")
async def test_files_are_0600_and_folders_0700_whatever_the_umask(keystore: Keystore, folder: Path) -> None:
    before = os.umask(0)
    try:
        await keystore.keys.generate(RELEASE, "creator", "")
        await keystore.secrets.put(SHOP, {"a": encrypted(keystore, "1")})
    finally:
        os.umask(before)
    found = {p: stat.S_IMODE(p.stat().st_mode) for p in [folder, *folder.rglob("*")]}
    assert {p for p, mode in found.items() if p.is_file() and mode != 0o600} == set()
    assert {p for p, mode in found.items() if p.is_dir() and mode != 0o700} == set()


async def test_no_private_part_and_no_value_stands_in_clear(keystore: Keystore, folder: Path) -> None:
    await keystore.keys.generate(RELEASE, "creator", "")
    await keystore.secrets.put(SHOP, {"a": encrypted(keystore, "planted-value")})
    pem = await keystore.keys.private(RELEASE)
    secret_parts = [b"planted-value", pem.splitlines()[2].encode()]
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert len(files) == 5
    assert not [(p, part) for p in files for part in secret_parts if part in p.read_bytes()]


async def test_two_keystores_on_one_folder_see_each_others_changes(folder: Path) -> None:
    one, other = Keystore(folder), Keystore(folder)
    await one.keys.generate(RELEASE, "creator", "a")
    first = other.keys.get(RELEASE)
    assert first is not None
    assert first == one.keys.get(RELEASE)
    await one.keys.generate(RELEASE, "creator", "b")
    assert other.keys.get(RELEASE) == one.keys.get(RELEASE) != first


async def test_many_generate_the_same_key_at_once_and_get_one_pair(folder: Path) -> None:
    stores = [Keystore(folder) for _ in range(8)]
    await asyncio.gather(*(store.keys.generate(RELEASE, "creator", "a") for store in stores))
    known = {store.keys.get(RELEASE) for store in stores}
    assert len(known) == 1
    assert [key.retired for key in known if key] == [()]


def test_processes_that_start_at_once_have_one_identity_and_one_pair(folder: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from reconciler.model import Ref;"
        "from reconciler.drivers.keystore import Keystore; store = Keystore(Path(sys.argv[1]));"
        "key = Ref('Key', 'default', 'release'); sys.stdin.read();"
        "asyncio.run(store.keys.generate(key, 'creator', ''));"
        "print(store.recipient, store.keys.get(key).public.hex)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    said = {process.communicate(timeout=60)[0] for process in started}
    assert [process.returncode for process in started] == [0, 0, 0, 0]
    assert len(said) == 1


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"null", b'{"role": "creator"}', b"\xff\xfe", b'{"role": 1, "pair": "planted"}'],
)
async def test_a_damaged_key_is_reported_and_never_made_anew(
    keystore: Keystore, folder: Path, damage: bytes
) -> None:
    await keystore.keys.generate(RELEASE, "creator", "")
    file = folder / "keys" / "default" / "release"
    file.write_bytes(damage)
    with pytest.raises(Corrupt, match=str(file)) as caught:
        keystore.keys.get(RELEASE)
    with pytest.raises(Corrupt):
        await keystore.keys.generate(RELEASE, "creator", "")
    assert file.read_bytes() == damage
    assert caught.value.remedy
    assert "planted" not in str(caught.value)


async def test_what_is_no_file_is_told(keystore: Keystore, folder: Path) -> None:
    (folder / "keys" / "default" / "release").mkdir(parents=True)
    with pytest.raises(Failed, match="cannot read the keystore"):
        keystore.keys.get(RELEASE)


async def test_what_a_killed_writer_left_is_swept_away(keystore: Keystore, folder: Path) -> None:
    await keystore.keys.generate(RELEASE, "creator", "")
    (folder / f"{PARTIAL}left").write_bytes(b"half")
    await keystore.keys.claim(RELEASE, "maintainer")
    assert not list(folder.glob(f"{PARTIAL}*"))


async def test_a_full_disk_is_told_and_leaves_what_was_there(keystore: Keystore, folder: Path) -> None:
    await keystore.secrets.put(SHOP, {"a": encrypted(keystore, "small")})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    large = {"a": encrypted(keystore, "x" * 10_000)}
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, before[1]))
    try:
        with pytest.raises(Failed, match="cannot write to the keystore") as caught:
            await keystore.secrets.put(SHOP, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "disk" in caught.value.remedy
    assert not list(folder.glob(f"{PARTIAL}*"))
    assert keystore.secrets.resolve(SHOP, "a") == "small"
    await keystore.secrets.put(SHOP, large)
    assert keystore.secrets.resolve(SHOP, "a") == "x" * 10_000


async def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    keystore = Keystore(tmp_path / "file" / "keystore")
    with pytest.raises(Failed, match="keystore"):
        await keystore.keys.generate(RELEASE, "creator", "")
    with pytest.raises(Failed, match="keystore"):
        keystore.keys.get(RELEASE)


NAMES = ["..", ".", "../../escape", "a/b", "a b", "%2E", ".hidden", "ü", "x" * 253, "a\nb"]


@pytest.mark.parametrize("name", NAMES)
async def test_no_name_leaves_the_folder_and_each_keeps_its_own_file(
    keystore: Keystore, folder: Path, name: str
) -> None:
    refs = {Ref("Key", "default", name), Ref("Key", name, "release")}
    for ref in refs:
        await keystore.keys.generate(ref, "creator", "")
    assert keystore.keys.refs() == refs
    assert len([p for p in folder.rglob("*") if p.is_file()]) == 4
    assert {p.name for p in folder.parent.iterdir()} == {"keystore"}


@pytest.mark.parametrize("name", ["", "x" * 256, "ü" * 60])
async def test_a_name_that_no_file_can_have_is_refused(keystore: Keystore, name: str) -> None:
    with pytest.raises(Invalid, match="cannot be kept"):
        await keystore.keys.generate(Ref("Key", "default", name), "creator", "")


async def test_a_ref_of_another_kind_is_refused(keystore: Keystore) -> None:
    with pytest.raises(Invalid, match="is no Key"):
        await keystore.keys.generate(SHOP, "creator", "")
