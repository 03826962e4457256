"""Without a node, on a disk that runs full: whatever room is left, the disk is what is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import HOLDFAST
from tests.store.small_disk import fill
from tests.store.test_full_disk import IN_A_NAMESPACE, ON_A_SMALL_DISK

MANIFEST = (
    "apiVersion: holdfast.dev/v1\nkind: Key\nmetadata: {name: bob}\nspec: {role: creator, generate: true}\n"
)
TOO_LITTLE = range(230_000, 331_000, 50_000)
ENOUGH = 500_000


def applied(disk: Path, room: int) -> subprocess.CompletedProcess[str]:
    filler = fill(disk)
    with filler.open("r+b") as file:
        file.truncate(filler.stat().st_size - room)
    command = [HOLDFAST, "apply", "--yes", "--data", str(disk / "data"), "-f", "-"]
    done = subprocess.run(command, input=MANIFEST, capture_output=True, text=True, check=False, timeout=60)
    subprocess.run(["rm", "-rf", str(disk / "data"), str(filler)], check=True)
    return done


def tell_the_disk(disk: Path) -> None:
    recorded_in_vain = 0
    for room in TOO_LITTLE:
        done = applied(disk, room)
        assert "Pending" not in done.stderr, done.stderr
        assert not done.returncode or "make room" in done.stderr, done.stderr
        recorded_in_vain += done.returncode != 0 and "Plan: 1 to add" in done.stdout
    assert recorded_in_vain
    assert applied(disk, ENOUGH).returncode == 0


def name_what_is_full(disk: Path) -> None:
    (disk / "bob.yaml").write_text(MANIFEST)
    fill(disk)
    for words, place in {
        ("init", str(disk / "new")): "new/hello.yaml",
        ("diff", "-f", str(disk / "bob.yaml"), "--out", str(disk / "plan")): "plan",
        ("apply", "--yes", "-f", str(disk / "bob.yaml")): "data/lock",
        ("api-key", "create", "--name", "ci"): "data/lock",
        ("up", str(disk / "bob.yaml")): "data/lock",
        ("node", "identity"): "data/keystore",
        ("node", "identity", "rotate"): "data/keystore",
        ("secret", "encrypt", str(disk / "bob.yaml")): "data/keystore",
    }.items():
        command = [HOLDFAST, *words, "--data", str(disk / "data")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 3, (words, done.stderr)
        first, *rest = done.stderr.splitlines()
        assert f"{disk / place}: No space left on device" in first, (words, done.stderr)
        assert "room" in rest[0], (words, done.stderr)
    assert not (disk / "new" / "hello.yaml").exists(), "half a manifest would be in the way of the next try"


@pytest.mark.needs("unshare", "mount")
@pytest.mark.req("CORE-27", "CLI-01")
@pytest.mark.parametrize("scene", ["tell_the_disk", "name_what_is_full"])
def test_what_cannot_be_written_for_want_of_room_is_told_so(tmp_path: Path, scene: str) -> None:
    if subprocess.run(
        [*IN_A_NAMESPACE, "mount -t tmpfs none /mnt"], capture_output=True, check=False
    ).returncode:
        pytest.skip("this machine allows no user namespaces, in which a small disk could be mounted")
    done = subprocess.run(
        [
            *IN_A_NAMESPACE,
            ON_A_SMALL_DISK,
            str(tmp_path),
            sys.executable,
            "-m",
            __name__,
            scene,
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    {one.__name__: one for one in (tell_the_disk, name_what_is_full)}[sys.argv[1]](Path(sys.argv[2]))
