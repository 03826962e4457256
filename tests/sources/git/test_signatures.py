"""Commits that must be signed: by real `git commit -S`, with ssh-keygen and gpg."""

from __future__ import annotations

import os
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Failed, Invalid, Missing, Refused
from reconciler.model import Ref
from reconciler.public_key import PublicKey
from reconciler.sources.git import Access
from reconciler.sources.git.sshsig import BEGIN, END, SshSignature
from tests.sources.git.conftest import FeedMaker
from tests.sources.git.repository import Repository
from tests.sources.git.sshd import keygen

pytestmark = [pytest.mark.req("CORE-04"), pytest.mark.needs("git", "ssh-keygen")]


def sign_by_ssh(repository: Repository, key: Path) -> None:
    """From now on `commit -S` signs with this key."""
    repository.git("config", "gpg.format", "ssh")
    repository.git("config", "user.signingKey", str(key))


def public(key: Path) -> str:
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


@pytest.fixture
def ada(tmp_path: Path) -> Path:
    return keygen(tmp_path / "ada")


@pytest.mark.parametrize(
    "options",
    ["ed25519", "rsa -b 2048", "rsa -b 3072", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521"],
)
async def test_an_ssh_signature_of_a_named_signer(
    repository: Repository, feed: FeedMaker, tmp_path: Path, options: str
) -> None:
    key = keygen(tmp_path / "key", "-t", *options.split())
    sign_by_ssh(repository, key)
    head = repository.commit({"a": "a"}, "Signed", "-S")
    signers = tmp_path / "signers"
    signers.write_text(f"# who may\n\nada@example.org,ada {public(key)} her laptop\n")
    fetched = await feed(verify={"mode": "ssh", "file": str(signers)}).latest()
    assert fetched.revision == head
    assert fetched.signer.startswith("ada@example.org,ada SHA256:")


async def test_a_key_of_the_node_may_sign(
    repository: Repository, feed: FeedMaker, tmp_path: Path, access: Access
) -> None:
    named = Ref("Key", "default", "ada")
    follow = feed(verify={"mode": "ssh", "keys": ["ada"]})
    repository.commit({"a": "a"})
    with pytest.raises(Missing, match="key/ada may sign, and is not declared"):
        await follow.latest()
    await access.keys.generate(named, "committer", "")
    private = tmp_path / "ada"
    private.write_text(await access.keys.private(named))
    private.chmod(0o600)
    sign_by_ssh(repository, private)
    head = repository.commit({"a": "b"}, "Signed", "-S")
    fetched = await follow.latest()
    assert (fetched.revision, fetched.signer.split()[0]) == (head, "key/ada")
    await access.keys.generate(named, "committer", "2026-07")
    with pytest.raises(Refused, match="nobody that may sign has the key"):
        await follow.latest(head)
    await access.keys.set_aside(named)
    with pytest.raises(Missing, match="not declared"):
        await follow.latest(head)


async def test_what_is_not_verified_is_not_given(
    repository: Repository, feed: FeedMaker, ada: Path, tmp_path: Path
) -> None:
    sign_by_ssh(repository, ada)
    good = repository.commit({"a": "1"}, "Signed", "-S")
    signers = tmp_path / "signers"
    signers.write_text(f"ada {public(ada)}\n")
    follow = feed(verify={"mode": "ssh", "file": str(signers)})
    assert (await follow.latest()).revision == good
    unsigned = repository.commit({"a": "2"})
    with pytest.raises(Refused, match=f"(?s)commit {unsigned} is not verified.*not signed.*remedy.*-S"):
        await follow.latest(good)
    with pytest.raises(Refused, match="not verified"):
        await follow.at(unsigned)
    sign_by_ssh(repository, keygen(tmp_path / "eve"))
    repository.commit({"a": "3"}, "Signed by another", "-S")
    with pytest.raises(Refused, match="nobody that may sign has the key SHA256:"):
        await follow.latest(good)
    sign_by_ssh(repository, ada)
    repository.commit({"a": "4"}, "Signed again", "-S")
    assert (await follow.latest(good)).tree.read("a") == b"4"


async def test_a_signature_does_not_move_to_another_commit(
    repository: Repository, feed: FeedMaker, ada: Path, tmp_path: Path
) -> None:
    sign_by_ssh(repository, ada)
    repository.commit({"a": "1"}, "Signed", "-S")
    honest = repository.git("cat-file", "commit", "HEAD")
    forged = honest.replace("\n\nSigned", "\n\nForged") + "\n"
    made = repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=forged.encode())
    repository.git("reset", "-q", "--hard", made)
    signers = tmp_path / "signers"
    signers.write_text(f"ada {public(ada)}\n")
    with pytest.raises(Refused, match="does not fit its content"):
        await feed(verify={"mode": "ssh", "file": str(signers)}).latest()


async def test_a_signature_for_something_else_signs_no_commit(
    repository: Repository, feed: FeedMaker, ada: Path, tmp_path: Path
) -> None:
    """Who signs files for others must not have signed their commits by it."""
    repository.commit({"a": "1"})
    honest = repository.git("cat-file", "commit", "HEAD") + "\n"
    signed = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", "file", "-f", ada],
        input=honest.encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()
    head, _, message = honest.partition("\n\n")
    armour = "\n ".join(signed.strip().splitlines())
    commit = f"{head}\ngpgsig {armour}\n\n{message}"
    made = repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=commit.encode())
    repository.git("reset", "-q", "--hard", made)
    signers = tmp_path / "signers"
    signers.write_text(f"ada {public(ada)}\n")
    with pytest.raises(Refused, match="made for something else"):
        await feed(verify={"mode": "ssh", "file": str(signers)}).latest()


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ('valid-after="20200101Z",valid-before="20400101Z"', True),
        ('valid-before="20200101"', False),
        ('valid-after="204001011200Z"', False),
        ('namespaces="git"', True),
        ('namespaces="file,g*",valid-after="19990101000000"', True),
        ('namespaces="file"', False),
        ('namespaces="*,!git"', False),
    ],
)
async def test_a_signer_s_options(  # noqa: PLR0917 - fixtures and parameters, all by name
    repository: Repository, feed: FeedMaker, ada: Path, tmp_path: Path, options: str, fits: bool
) -> None:
    sign_by_ssh(repository, ada)
    head = repository.commit({"a": "a"}, "Signed", "-S")
    signers = tmp_path / "signers"
    signers.write_text(f'"ada lovelace" {options} {public(ada)}\n')
    follow = feed(verify={"mode": "ssh", "file": str(signers)})
    # ssh-keygen reads the same file to the same end.
    repository.git("config", "gpg.ssh.allowedSignersFile", str(signers))
    agrees = subprocess.run(
        ["git", "verify-commit", "HEAD"],
        cwd=repository.folder,
        env=repository.env,
        capture_output=True,
        check=False,
    )
    assert (agrees.returncode == 0) is fits
    if fits:
        fetched = await follow.latest()
        assert (fetched.revision, fetched.signer.partition(" SHA256")[0]) == (head, "ada lovelace")
    else:
        with pytest.raises(Refused, match="not verified"):
            await follow.latest()


@pytest.mark.parametrize(
    "line",
    [
        "ada",
        "ada ssh-ed25519",
        "ada ssh-ed25519 AAAA",
        "ada ssh-rsa {key}",
        "ada ssh-ed25519 !!!",
        "ada cert-authority {public}",
        'ada valid-after="tomorrow" {public}',
        "ada nonsense {public}",
        'ada namespaces="git {public}',
    ],
)
async def test_a_file_that_is_not_understood_lets_nobody_in(
    repository: Repository, feed: FeedMaker, ada: Path, tmp_path: Path, line: str
) -> None:
    sign_by_ssh(repository, ada)
    repository.commit({"a": "a"}, "Signed", "-S")
    signers = tmp_path / "signers"
    broken = line.format(public=public(ada), key=public(ada).split()[1])
    signers.write_text(f"ada {public(ada)}\n{broken}\n")
    with pytest.raises(Invalid, match="signers:2:1"):
        await feed(verify={"mode": "ssh", "file": str(signers)}).latest()


@pytest.mark.parametrize(
    "verify",
    [
        {"mode": "ssh"},
        {"mode": "x509", "file": "/x"},
        {"mode": "openpgp", "keys": ["ada"]},
        {"mode": "ssh", "file": "signers"},
        {"mode": "ssh", "file": "/x", "extra": 1},
    ],
)
async def test_a_demand_that_makes_no_sense(feed: FeedMaker, verify: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="source 'shop': verify"):
        feed(verify=verify)


@pytest.mark.parametrize("mode", ["ssh", "openpgp"])
async def test_a_file_of_signers_that_cannot_be_had(
    repository: Repository, feed: FeedMaker, tmp_path: Path, mode: str
) -> None:
    repository.commit({"a": "a"})
    with pytest.raises(Missing, match="signers, which says who may sign, does not exist"):
        await feed(verify={"mode": mode, "file": str(tmp_path / "signers")}).latest()
    with pytest.raises(Failed, match="cannot be read: Is a directory"):
        await feed(verify={"mode": mode, "file": str(tmp_path)}).latest()


async def test_a_key_for_something_else_signs_no_commit(
    repository: Repository, feed: FeedMaker, ada: Path, access: Access
) -> None:
    sign_by_ssh(repository, ada)
    repository.commit({"a": "a"}, "Signed", "-S")
    await access.keys.trust(Ref("Key", "default", "ada"), "maintainer", PublicKey.parse(public(ada)))
    with pytest.raises(Refused, match="has the role 'maintainer', and signs no commits"):
        await feed(verify={"mode": "ssh", "keys": ["ada"]}).latest()


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The SSHSIG block for `message`, without its armour."""
    key = keygen(tmp_path_factory.mktemp("key") / "key")
    command = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(key)]
    block = subprocess.run(command, input=b"message", capture_output=True, check=True).stdout
    return b64decode(b"".join(block.strip().splitlines()[1:-1]))


def check(blob: bytes) -> None:
    SshSignature.read(BEGIN + b"\n" + b64encode(blob) + b"\n" + END).check(b"message")


def test_each_byte_of_a_signature_counts(signed: bytes) -> None:
    check(signed)
    for at in range(len(signed)):
        for flip in (0x01, 0x80):
            with pytest.raises(Refused):
                check(signed[:at] + bytes([signed[at] ^ flip]) + signed[at + 1 :])
        with pytest.raises(Refused):
            check(signed[:at])
    with pytest.raises(Refused):
        check(signed + b"\0")


@given(st.binary(max_size=300))
def test_garbage_is_no_signature(garbage: bytes) -> None:
    with pytest.raises(Refused):
        check(b"SSHSIG\0\0\0\1" + garbage)
    with pytest.raises(Refused):
        SshSignature.read(garbage)
    with pytest.raises(Refused):
        SshSignature.read(BEGIN + garbage + END)


async def test_a_weak_key_is_refused(repository: Repository, feed: FeedMaker, tmp_path: Path) -> None:
    key = keygen(tmp_path / "weak", "-t", "rsa", "-b", "1024")
    sign_by_ssh(repository, key)
    repository.commit({"a": "a"}, "Signed", "-S")
    signers = tmp_path / "signers"
    signers.write_text(f"ada {public(key)}\n")
    with pytest.raises(Refused, match="too weak"):
        await feed(verify={"mode": "ssh", "file": str(signers)}).latest()


# --------------------------------------------------------------------------------------------- OpenPGP


class Gpg:
    """A keyring of a test's own."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        self.home = home

    def run(self, *args: str, stdin: bytes = b"", check: bool = True) -> bytes:
        command = ["gpg", "--batch", "--quiet", "--no-permission-warning", "--passphrase", "", *args]
        environment = os.environ | {"GNUPGHOME": str(self.home)}
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, check=check).stdout

    def make(self, name: str, *options: str, until: str = "never") -> str:
        self.run(*options, "--quick-gen-key", name, "ed25519", "sign", until)
        shown = self.run("--with-colons", "--list-keys", name).decode()
        return next(line.split(":")[9] for line in shown.splitlines() if line.startswith("fpr"))


@pytest.fixture
def gpg(repository: Repository, tmp_path: Path) -> Iterator[Gpg]:
    made = Gpg(tmp_path / "gpg")
    repository.env["GNUPGHOME"] = str(made.home)
    repository.git("config", "gpg.format", "openpgp")
    yield made
    subprocess.run(["gpgconf", "--kill", "all"], env=os.environ | {"GNUPGHOME": str(made.home)}, check=True)


@pytest.mark.needs("gpg", "gpgv", "gpgconf")
@pytest.mark.parametrize("armour", [(), ("--armor",)], ids=["binary", "armoured"])
async def test_an_openpgp_signature_of_the_keyring(
    repository: Repository, feed: FeedMaker, gpg: Gpg, tmp_path: Path, armour: tuple[str, ...]
) -> None:
    key = gpg.make("Ada <ada@example.org>")
    repository.git("config", "user.signingKey", key)
    head = repository.commit({"a": "a"}, "Signed", "-S")
    keyring = tmp_path / "keyring"
    keyring.write_bytes(gpg.run(*armour, "--export", key))
    fetched = await feed(verify={"mode": "openpgp", "file": str(keyring)}).latest()
    assert (fetched.revision, fetched.signer) == (head, f"{key} Ada <ada@example.org>")


@pytest.mark.needs("gpg", "gpgv", "gpgconf")
async def test_openpgp_signatures_that_do_not_count(
    repository: Repository, feed: FeedMaker, gpg: Gpg, tmp_path: Path
) -> None:
    ada, eve = gpg.make("Ada <ada@example.org>"), gpg.make("Eve <eve@example.org>")
    keyring = tmp_path / "keyring"
    keyring.write_bytes(gpg.run("--export", ada))
    follow = feed(verify={"mode": "openpgp", "file": str(keyring)})

    repository.git("config", "user.signingKey", eve)
    repository.commit({"a": "1"}, "Signed by another", "-S")
    with pytest.raises(Refused, match="not in the keyring"):
        await follow.latest()

    repository.git("config", "user.signingKey", ada)
    repository.commit({"a": "2"}, "Signed", "-S")
    assert (await follow.latest()).signer.startswith(ada)
    forged = repository.git("cat-file", "commit", "HEAD").replace("\n\nSigned", "\n\nForged") + "\n"
    made = repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=forged.encode())
    repository.git("reset", "-q", "--hard", made)
    with pytest.raises(Refused, match="does not fit its content"):
        await feed(name="fresh", verify={"mode": "openpgp", "file": str(keyring)}).latest()

    repository.commit({"a": "3"}, "Signed", "-S")
    revocation = (gpg.home / "openpgp-revocs.d" / f"{ada}.rev").read_text().replace("\n:---", "\n---")
    gpg.run("--import", stdin=revocation.encode())
    keyring.write_bytes(gpg.run("--export", ada))
    with pytest.raises(Refused, match="its key was revoked"):
        await follow.latest()


@pytest.mark.needs("gpg", "gpgv", "gpgconf")
async def test_an_openpgp_key_that_has_run_out(
    repository: Repository, feed: FeedMaker, gpg: Gpg, tmp_path: Path
) -> None:
    key = gpg.make("Old <old@example.org>", "--faked-system-time", "20200101T000000", until="1d")
    tree = repository.git("write-tree")
    body = f"tree {tree}\nauthor A <a@b> 1577840000 +0000\ncommitter A <a@b> 1577840000 +0000\n"
    signature = gpg.run(
        "--faked-system-time",
        "20200101T010000",
        "--armor",
        "--detach-sign",
        "-u",
        key,
        stdin=f"{body}\nOld\n".encode(),
    )
    armour = "\n ".join(signature.decode().strip().splitlines())
    commit = f"{body}gpgsig {armour}\n\nOld\n"
    made = repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=commit.encode())
    repository.git("update-ref", "refs/heads/main", made)
    keyring = tmp_path / "keyring"
    keyring.write_bytes(gpg.run("--export", key))
    with pytest.raises(Refused, match="its key has expired"):
        await feed(verify={"mode": "openpgp", "file": str(keyring)}).latest()


async def test_a_machine_without_gpgv(
    repository: Repository, feed: FeedMaker, ada: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_by_ssh(repository, ada)
    repository.commit({"a": "a"}, "Signed by ssh", "-S")
    keyring = tmp_path / "keyring"
    keyring.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match=r"checked by `gpgv`(?s:.*)install gpgv"):
        await feed(verify={"mode": "openpgp", "file": str(keyring)}).latest()


@pytest.mark.needs("gpgv")
@pytest.mark.parametrize("content", [b"", b"no keyring", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!\n"])
async def test_a_keyring_that_is_none_lets_nobody_in(
    repository: Repository, feed: FeedMaker, ada: Path, tmp_path: Path, content: bytes
) -> None:
    sign_by_ssh(repository, ada)
    repository.commit({"a": "a"}, "Signed by ssh", "-S")
    keyring = tmp_path / "keyring"
    keyring.write_bytes(content)
    with pytest.raises((Refused, Invalid)):
        await feed(verify={"mode": "openpgp", "file": str(keyring)}).latest()
