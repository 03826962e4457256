"""Finds the keeper of a data folder, or starts one, and sees that it speaks our language.

Rules: the keeper gets an environment of its own: nothing of the node's, which may hold secrets, and no
token that would make it part of another keeper's family. A keeper of another version is killed and
replaced: that is safe at any moment, and its processes do not notice.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from reconciler.drivers.processes.keeper.census import Census
from reconciler.drivers.processes.link import Link, Lost
from reconciler.errors import Failed, Unavailable
from reconciler.model import JsonValue

PROTOCOL = 1
KEEPER = Path(__file__).parent / "keeper"
ISOLATED = (sys.executable, "-I", "-S", "-X", "utf8")
HELD = 3  # another keeper holds the folder: it will answer soon, or is just going
ATTEMPTS = 100
PAUSE_S = 0.05
PATIENCE_S = 20.0

News = Callable[[JsonValue], None]


def has_something_to_keep(folder: Path) -> bool:
    """There are records, or, where these were lost, processes that bear the folder's token."""
    state = folder / "state"
    if any(state.glob("*.json")):
        return True
    home = state / "home"
    return home.exists() and any(token.startswith(f"{home.read_text()}:") for token in Census().by_token)


async def find(folder: Path, news: News, *, replaces: bool = True) -> Link | None:
    """A link to the keeper that is there; None when there is none of our version.

    `replaces`: one of another version has to go.
    """
    link = await Link.to(folder, news)
    if link is None:
        return None
    try:
        if (await link.ask("version"))["protocol"] == PROTOCOL:
            return link
        if replaces:
            os.kill(link.keeper_pid, signal.SIGKILL)
            await link.ended.wait()
    except Lost:
        pass
    await link.close()
    return None


async def find_or_launch(folder: Path, news: News, python: Sequence[str]) -> Link:
    for _ in range(ATTEMPTS):
        link = await find(folder, news)
        if link:
            return link
        if await _launch(folder, python) == HELD:
            await asyncio.sleep(PAUSE_S)
    raise Unavailable(f"the keeper of {folder} neither answers nor ends", remedy=f"see {folder}/keeper.log")


async def _launch(folder: Path, python: Sequence[str]) -> int:
    """Return once it answers; it has left this process by then."""
    try:
        # In a thread: asyncio's own subprocesses can hang for ever when they are cancelled while they start.
        done = await asyncio.to_thread(
            subprocess.run,
            [*python, str(KEEPER), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"the keeper of {folder} did not come up within {PATIENCE_S:g} s") from None
    except OSError as failure:
        raise Failed(f"the keeper of {folder} could not start: {failure.strerror}") from failure
    if done.returncode not in (0, HELD):
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise Failed(f"the keeper of {folder} could not start: {words[-1] if words else 'it was killed'}")
    return done.returncode
