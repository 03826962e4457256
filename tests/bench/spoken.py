"""Processes of a measurement that are spoken to by lines: what they are told, and what they answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True, slots=True)
class Spoken:
    """A process that is spoken to by lines."""

    process: subprocess.Popen[str]
    input: IO[str]
    output: IO[str]

    def say(self, word: str) -> None:
        self.input.write(f"{word}\n")
        self.input.flush()

    def line(self) -> str:
        found = self.output.readline()
        if not found:
            raise RuntimeError(f"{self.process.args!r} ended")
        return found.strip()


@contextmanager
def running(module: str, *words: str) -> Iterator[Spoken]:
    command = [sys.executable, "-m", module, *words]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            yield Spoken(process, process.stdin, process.stdout)
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=60)
            finally:
                process.kill()
