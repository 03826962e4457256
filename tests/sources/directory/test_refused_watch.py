"""Where the kernel refuses to watch, the folder is looked at instead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT_INOTIFY = "echo 0 > /proc/sys/user/max_inotify_instances && exec "
SCRIPT = """
import asyncio, logging, sys
from pathlib import Path
from reconciler.ports.sources import SourceConfig
from reconciler.runtime.clock import SystemClock
from reconciler.sources.directory import DirectoryFeed, Rhythm

async def main(folder):
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    config = SourceConfig("root", "directory", str(folder), interval_s=3600)
    feed = DirectoryFeed(config, SystemClock(), Rhythm(absent=0.05))
    await feed.latest()
    (folder / "a.yaml").write_text("a: 1")
    async with asyncio.timeout(60):
        await feed.changed()
    print(*(await feed.latest()).paths)
    await feed.close()

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.needs("unshare")
@pytest.mark.req("CORE-01")
def test_a_refused_watch_is_told_once_and_made_up_for(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-U", "-r", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no user namespaces, in which inotify can be taken away")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(
        ["unshare", "-U", "-r", "sh", "-c", WITHOUT_INOTIFY + '"$@"', "sh", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    told, found = done.stdout.splitlines()
    assert "cannot be watched, so it is looked at instead" in told
    assert "inotify" in told
    assert found == "a.yaml"
