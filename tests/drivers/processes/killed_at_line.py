"""Runs the keeper, and kills it by SIGKILL at the nth line that it executes after its first request.

Called as: python killed_at_line.py FILE KEEPER DIR. FILE holds n and is removed by the kill, so that the
next keeper lives; with 0 in it nobody is killed, and FILE.seen says how many lines there were.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

file, keeper, folder = map(Path, sys.argv[1:])
sys.path.append(str(keeper.parent))
daemon: Any = importlib.import_module("keeper.daemon")

deadly = int(file.read_text()) if file.exists() else -1
state = {"pid": 0, "seen": 0}


def trace(frame: FrameType, event: str, arg: object) -> Callable[[FrameType, str, object], Any] | None:
    if not frame.f_code.co_filename.startswith(str(keeper)):
        return None
    if frame.f_code.co_name == "_hear" and state["pid"] == 0:
        state["pid"] = os.getpid()
    if event == "line" and state["pid"] == os.getpid():  # a child of it is not it
        state["seen"] += 1
        if deadly == 0:
            file.with_suffix(".seen").write_text(str(state["seen"]))
        if deadly == state["seen"]:
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    return trace


if deadly >= 0:
    sys.settrace(trace)
sys.exit(daemon.main(folder))
