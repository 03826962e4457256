"""The command as a shell runs it, and a listener that answers it as it is told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.serving import Answers, serving

HOLDFAST = str(Path(sys.executable).with_name("holdfast"))


def run(
    data: Path, *words: str, through: str = "", environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """`through` is what the shell does with what it prints."""
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {through}', "bash", HOLDFAST, *words],
        env=os.environ | {"HOLDFAST_DATA": str(data)} | dict(environ or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


class Answering:
    """What it answers, and what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body: object = {}
        self.asked: list[Mapping[str, str]] = []
        self.port = 0


@contextmanager
def answering() -> Iterator[Answering]:
    """Some HTTP server: a proxy, or a node of another time."""
    told = Answering()

    class Handler(Answers):
        def asked(self) -> None:
            told.asked.append({name.lower(): value for name, value in self.headers.items()})
            body = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode()
            self.answer(told.status, body)

    with serving(Handler) as told.port:
        yield told
