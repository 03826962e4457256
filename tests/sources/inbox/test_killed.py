"""A writer that is killed at any moment leaves the old state or the new one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = int(os.environ.get("HOLDFAST_KILLS", "40"))


@pytest.mark.req("CORE-01")
def test_a_killed_writer_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    script = Path(__file__).with_name("killed.py")
    command = [sys.executable, str(script), str(tmp_path / "inbox"), str(KILLS), "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == KILLS + 1, "each of them got on before it died"
