"""The tools that people would pick instead, each in an environment of its own, made once."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path("build/neighbours")
VERSIONS = {"salt": "3008.3", "pyinfra": "3.10.0", "ansible-core": "2.19.14"}


class Missing(Exception):
    """Why it cannot be had here."""


def program(package: str, name: str) -> str:
    """The path of a program of a package; installed when it is first asked for."""
    home = (FOLDER / f"{package}-{VERSIONS[package]}").absolute()
    if not (home / "bin" / name).exists():
        print(f"installing {package} {VERSIONS[package]} into {home}", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        pip = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, f"{package}=={VERSIONS[package]}"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Missing(done.stderr.strip().splitlines()[-1] if done.stderr else "pip failed")
    return str(home / "bin" / name)
