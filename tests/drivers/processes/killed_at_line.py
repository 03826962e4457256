"""Runs the keeper, and kills it by SIGKILL at its nth line after the first request; told by a file, and once.

Called as: python killed_at_line.py N_FILE KEEPER DIR
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

number_file, keeper, folder = map(Path, sys.argv[1:])
sys.path.append(str(keeper.parent))
daemon: Any = importlib.import_module("keeper.daemon")

state = {"left": -1, "pid": 0, "seen": 0}  # left: below zero when it is only to be counted


def trace(frame: FrameType, event: str, arg: object) -> Callable[[FrameType, str, object], Any] | None:
    if not frame.f_code.co_filename.startswith(str(keeper)):
        return None
    if frame.f_code.co_name == "_hear" and state["pid"] == 0:
        state["pid"] = os.getpid()
        if number_file.exists():
            state["left"] = int(number_file.read_text())
    if event == "line" and state["pid"] == os.getpid():
        state["seen"] += 1
        state["left"] -= 1
        if state["left"] < 0:
            number_file.with_suffix(".seen").write_text(str(state["seen"]))
        if state["left"] == 0:
            number_file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    return trace


sys.settrace(trace)
sys.exit(daemon.main(folder))
