"""What a person waits for at the prompt, and what a node costs that has nothing to do."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.holdfast import HOLDFAST, PLUGINS, null
from tests.bench.row import Row, at_most, in_turn, timed

COUNT = 1_000
SETTLE_S, WATCH_S = 20.0, 60.0


def rows() -> Iterator[Row]:
    (help_,) = in_turn(lambda: timed([HOLDFAST, "--help"]))
    yield at_most("holdfast --help", help_.seconds, "s", 0.15)
    (version,) = in_turn(lambda: timed([HOLDFAST, "version"]))
    yield at_most("holdfast version", version.seconds, "s", 0.1)
    with tempfile.TemporaryDirectory(prefix="hfb") as scratch:
        data, place = Path(scratch, "d"), Path(scratch, "in")
        place.mkdir()
        (place / "all.yaml").write_text("---\n".join(null(n, f"value-{n}") for n in range(COUNT)))
        environ = os.environ | PLUGINS | {"HOLDFAST_DAEMON_LEGACY_LISTEN": ""}
        node = subprocess.Popen(
            [HOLDFAST, "up", str(place), "--data", str(data), "--listen", "127.0.0.1:0"],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            ready = [HOLDFAST, "wait", "source/root", "--timeout", "60s", "--data", str(data)]
            subprocess.run(ready, check=True, env=environ)
            (get,) = in_turn(lambda: timed([HOLDFAST, "get", "source", "--data", str(data)]))
            yield at_most("holdfast get, node running", get.seconds, "s", 0.15)
            time.sleep(SETTLE_S)
            before = _cpu_s(node.pid)
            time.sleep(WATCH_S)
            yield at_most(
                "idle node, 1,000 resources: of one core",
                (_cpu_s(node.pid) - before) / WATCH_S * 100,
                "%",
                0.5,
            )
            yield at_most("idle node, 1,000 resources: resident", _resident_mib(node.pid), "MiB", 110)
        finally:
            node.terminate()
            node.wait()


def _cpu_s(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
