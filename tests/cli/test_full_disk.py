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


@pytest.mark.needs("unshare", "mount")
@pytest.mark.req("CORE-27", "CLI-01")
def test_what_cannot_be_written_for_want_of_room_is_not_told_as_pending(tmp_path: Path) -> None:
    if subprocess.run(
        [*IN_A_NAMESPACE, "mount -t tmpfs none /mnt"], capture_output=True, check=False
    ).returncode:
        pytest.skip("this machine allows no user namespaces, in which a small disk could be mounted")
    done = subprocess.run(
        [*IN_A_NAMESPACE, ON_A_SMALL_DISK, str(tmp_path), sys.executable, "-m", __name__, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    tell_the_disk(Path(sys.argv[1]))
