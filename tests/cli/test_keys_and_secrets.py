"""`holdfast secret`, `key` and `node identity`, run as people run them."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from reconciler.cli.key import key
from reconciler.cli.node_identity import identity
from reconciler.cli.secret import secret
from reconciler.drivers.keystore import Keystore, age
from reconciler.drivers.keystore.values import encrypted
from reconciler.errors import Invalid
from reconciler.kinds.secret.spec import SecretSpec
from reconciler.model import Ref
from reconciler.public_key import PublicKey

PLANTED = "planted-7f3a"
RELEASE = Ref("Key", "default", "release")
SHOP = Ref("Secret", "default", "shop-db")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def keystore(data: Path) -> Keystore:
    return Keystore(data / "keystore")


@pytest.fixture
def holdfast(data: Path, tmp_path: Path) -> Run:
    def at_the_shell(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("holdfast"), *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "HOLDFAST_DATA": str(data), "HOME": str(tmp_path)},
        )

    return at_the_shell


@pytest.mark.req("CLI-05", "AUTH-29")
def test_a_value_that_is_piped_in_comes_back_without_the_newline_that_ends_it(holdfast: Run) -> None:
    text = holdfast("secret", "encrypt", given=f"{PLANTED}\n").stdout
    assert text.startswith("-----BEGIN AGE ENCRYPTED FILE-----\n")
    decrypted = holdfast("secret", "decrypt", given=text)
    assert (decrypted.stdout, decrypted.stderr, decrypted.returncode) == (PLANTED, "", 0)


def test_a_file_is_encrypted_as_it_is(holdfast: Run, tmp_path: Path) -> None:
    (tmp_path / "value").write_text("line\n\n")
    text = holdfast("secret", "encrypt", str(tmp_path / "value")).stdout
    assert holdfast("secret", "decrypt", given=text).stdout == "line\n\n"


def test_encrypting_for_others_touches_no_keystore(holdfast: Run, data: Path) -> None:
    one, two = age.new_identity(), age.new_identity()
    recipients = [part for i in (one, two) for part in ("-r", age.recipient_of(i))]
    text = holdfast("secret", "encrypt", *recipients, given=PLANTED).stdout
    assert age.decrypt(text, [one]) == age.decrypt(text, [two]) == PLANTED.encode()
    assert not data.exists()


async def test_the_manifest_that_is_printed_is_one_that_the_node_takes(
    holdfast: Run, keystore: Keystore
) -> None:
    text = holdfast("secret", "encrypt", "--name", "shop-db", "--key", "password", given=PLANTED).stdout
    manifest = yaml.safe_load(text)
    assert manifest["kind"] == "Secret"
    await keystore.secrets.put(SHOP, SecretSpec.model_validate(manifest["spec"]).encrypted)
    assert holdfast("secret", "show", "shop-db", "password").stdout == PLANTED


@pytest.mark.parametrize(
    ("arguments", "given", "said", "status"),
    [
        (["secret", "encrypt"], "", "the value is empty", 2),
        (["secret", "encrypt"], "\n", "the value is empty", 2),
        (["secret", "encrypt", "-r", "age1wrong"], PLANTED, "recipient 1", 2),
        (["secret", "encrypt", "/nowhere"], "", "does not exist", 2),
        (["secret", "decrypt"], PLANTED, "identity is missing", 2),
        (["secret", "show", "shop-db", "password"], "", "not in the keystore", 5),
        (["key", "show", "release"], "", "not in the keystore", 5),
        (["key", "import", "release", "-"], PLANTED, "no ed25519 private key", 2),
        (["key", "import", "../release", "-"], PLANTED, "name: expected up to 253", 2),
        (["key", "import", "-n", "A b", "release", "-"], PLANTED, "namespace: expected up to 63", 2),
    ],
)
def test_what_is_wrong_is_said_with_its_status_and_nothing_secret(
    holdfast: Run, arguments: list[str], given: str, said: str, status: int
) -> None:
    done = holdfast(*arguments, given=given)
    assert said in done.stderr
    assert done.stdout == ""
    assert done.returncode == status
    assert PLANTED not in done.stderr


def test_what_is_no_ciphertext_is_not_repeated(holdfast: Run, keystore: Keystore) -> None:
    assert keystore.recipient
    done = holdfast("secret", "decrypt", given=PLANTED)
    assert "cannot be decrypted" in done.stderr
    assert (done.stdout, done.returncode) == ("", 2)
    assert PLANTED not in done.stderr


def test_a_value_that_is_typed_is_not_shown(keystore: Keystore, data: Path) -> None:
    terminal, its_end = pty.openpty()
    program = [str(Path(sys.executable).with_name("holdfast")), "secret", "encrypt", "--data", str(data)]
    with subprocess.Popen(
        program, stdin=its_end, stdout=its_end, stderr=its_end, start_new_session=True
    ) as child:
        said = read_until(terminal, b"Value: ")
        os.write(terminal, f"{PLANTED}\n".encode())
        said += read_until(terminal, b"END AGE ENCRYPTED FILE-----")
    assert child.returncode == 0
    os.close(its_end)
    os.close(terminal)
    text = said[said.index(b"-----BEGIN") :].decode()
    assert keystore.decrypt(text.replace("\r\n", "\n")) == PLANTED.encode()
    assert PLANTED.encode() not in said


def read_until(terminal: int, end: bytes) -> bytes:
    said = b""
    while end not in said:
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, f"nothing more after {said!r}"
        said += os.read(terminal, 4096)
    return said


async def test_the_public_half_of_a_key_is_printed_in_both_forms(holdfast: Run, keystore: Keystore) -> None:
    await keystore.keys.generate(RELEASE, "creator", "")
    line = holdfast("key", "show", "release").stdout
    fingerprint = holdfast("key", "show", "release", "--fingerprint").stdout
    known = keystore.keys.get(RELEASE)
    assert known is not None
    assert line.endswith(" release\n")
    assert PublicKey.parse(line) == PublicKey.parse(fingerprint.strip()) == known.public


@pytest.mark.needs("ssh-keygen")
def test_a_key_made_elsewhere_is_put_in_and_waits_for_its_manifest(holdfast: Run, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id"], check=True)
    done = holdfast("key", "import", "release", str(tmp_path / "id"))
    public = PublicKey.parse((tmp_path / "id.pub").read_text())
    assert done.stdout == f"key/release {public.fingerprint}\n"
    assert "adopt: true" in done.stderr
    assert holdfast("key", "show", "release").returncode == 5, "nobody trusts it until it is declared"


@pytest.mark.req("CLI-02")
@pytest.mark.needs("ssh-keygen")
def test_a_diff_of_what_is_somebody_elses_counts_nothing_and_names_the_remedy(
    holdfast: Run, tmp_path: Path
) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id"], check=True)
    holdfast("key", "import", "imp", str(tmp_path / "id"))
    manifest = tmp_path / "key.yaml"
    written = (
        "apiVersion: holdfast.dev/v1\nkind: Key\nmetadata: {name: imp}\nspec: {role: ssh, generate: true}\n"
    )
    manifest.write_text(written)
    told = holdfast("diff", "-f", str(manifest))
    first, *_, reason, _, last = told.stdout.splitlines()
    assert first == "! key/imp: somebody else's, not touched"
    assert "`adopt: true` takes it over" in reason
    assert last == "Plan: 0 to add, 0 to change, 0 to remove, 0 unchanged."
    assert told.returncode == 1, "it is not as it is wanted"
    manifest.write_text(written.replace("true}", "true, adopt: true}"))
    last = holdfast("diff", "-f", str(manifest)).stdout.splitlines()[-1]
    assert last == "Plan: 0 to add, 1 to change, 0 to remove, 0 unchanged."


@pytest.mark.req("AUTH-29")
async def test_the_identity_is_carried_to_a_new_machine_and_rotated_there(
    keystore: Keystore, data: Path, tmp_path: Path
) -> None:
    await keystore.keys.generate(RELEASE, "creator", "")
    manifest = tmp_path / "shop.yaml"
    text = encrypted(PLANTED.encode(), [keystore.recipient])
    manifest.write_text(
        "spec:\n  encrypted:\n    password: |\n" + "".join(f"      {x}\n" for x in text.splitlines())
    )
    (tmp_path / "backup").write_text(run(identity, "export", "--data", str(data)))

    new = str(tmp_path / "new")
    run(identity, "import", str(tmp_path / "backup"), "--data", new)
    assert run(identity, "--data", new) == keystore.recipient + "\n"
    assert run(key, "show", "release", "--data", new) == run(key, "show", "release", "--data", str(data))

    rotated = run(identity, "rotate", "--data", new).splitlines()[0]
    assert rotated != keystore.recipient
    run(secret, "reencrypt", str(manifest), "--data", new)
    run(identity, "forget", "--yes", "--data", new)
    values = yaml.safe_load(manifest.read_text())["spec"]["encrypted"]
    assert Keystore(tmp_path / "new" / "keystore").decrypt(values["password"]) == PLANTED.encode()
    with pytest.raises(age.Undecryptable):
        keystore.decrypt(values["password"])


def test_forgetting_asks_before_it_drops_what_may_be_needed(keystore: Keystore, data: Path) -> None:
    old = keystore.recipient
    keystore.rotate()
    answer = CliRunner().invoke(identity, ["forget", "--data", str(data)], input="n\n")
    assert answer.exit_code == 1
    assert old in answer.output
    assert keystore.earlier() == (old,)


def test_a_manifest_is_encrypted_anew_as_a_whole_with_its_ends_of_lines_and_its_mode(
    keystore: Keystore, data: Path, tmp_path: Path
) -> None:
    text = encrypted(PLANTED.encode(), [keystore.recipient])
    block = "".join(f"      {line}\r\n" for line in text.splitlines())
    (tmp_path / "real.yaml").write_bytes(
        f"spec:\r\n  encrypted:\r\n    password: |\r\n{block}# é\r\n".encode()
    )
    (tmp_path / "real.yaml").chmod(0o640)
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    run(secret, "reencrypt", str(tmp_path / "link.yaml"), "--data", str(data))
    content = (tmp_path / "real.yaml").read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n")
    assert content.endswith("# é\r\n".encode())
    assert text.encode() not in content.replace(b"\r\n", b"\n").replace(b"      ", b"")
    value = yaml.safe_load(content)["spec"]["encrypted"]["password"]
    assert keystore.decrypt(value) == PLANTED.encode()
    assert (tmp_path / "real.yaml").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "link.yaml").is_symlink()
    assert sorted(one.name for one in tmp_path.glob("*.yaml*")) == ["link.yaml", "real.yaml"]
    (tmp_path / "real.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="no UTF-8"):
        run(secret, "reencrypt", str(tmp_path / "real.yaml"), "--data", str(data))


@pytest.mark.parametrize(
    "words", [("--name", "../X: {"), ("--name", "Shop"), ("--name", "a", "--key", "p: q")]
)
def test_no_manifest_is_printed_that_would_be_refused(holdfast: Run, words: tuple[str, ...]) -> None:
    done = holdfast("secret", "encrypt", *words, given="x")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_value_in_quotes_is_named_and_the_file_is_left(
    keystore: Keystore, data: Path, tmp_path: Path
) -> None:
    text = encrypted(b"x", [keystore.recipient])
    block = "".join(f"  {line}\n" for line in text.splitlines())
    content = f"a: |\n{block}b: {text!r}\n"
    (tmp_path / "both.yaml").write_text(content)
    with pytest.raises(Invalid, match="lines of its own"):
        run(secret, "reencrypt", str(tmp_path / "both.yaml"), "--data", str(data))
    assert (tmp_path / "both.yaml").read_text() == content


def run(command: click.Command, *arguments: str) -> str:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False).stdout
