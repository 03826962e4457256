"""A full disk: the caller is told, nothing is lost, and the store goes on by itself when there is room."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.small_disk import SCENES

IN_A_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
ON_A_SMALL_DISK = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'


@pytest.mark.needs("unshare", "mount")
@pytest.mark.req("CORE-27")
@pytest.mark.parametrize("scene", SCENES)
def test_a_full_disk_costs_nothing_but_the_wait(tmp_path: Path, scene: str) -> None:
    if subprocess.run(
        [*IN_A_NAMESPACE, "mount -t tmpfs none /mnt"], capture_output=True, check=False
    ).returncode:
        pytest.skip("this machine allows no user namespaces, in which a small disk could be mounted")
    command = [sys.executable, "-m", "tests.store.small_disk", str(tmp_path), scene]
    done = subprocess.run(
        [*IN_A_NAMESPACE, ON_A_SMALL_DISK, str(tmp_path), *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
