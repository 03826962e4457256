"""The tools that people would pick instead, each in an environment of its own, made once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path("build/neighbours")
VERSIONS = {"salt": "3008.3", "pyinfra": "3.10.0", "ansible-core": "2.19.14", "opentofu": "1.12.6"}
OPENTOFU = "github.com/opentofu/opentofu"


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


def terraform() -> str:
    """Terraform or OpenTofu, whichever is installed; else OpenTofu, built from its Go module."""
    installed = shutil.which("terraform") or shutil.which("tofu")
    return installed or _built_tofu()


def _built_tofu() -> str:
    """By `go build` in its own folder: `go install` refuses a module that replaces another, as it does."""
    made = (FOLDER / f"opentofu-{VERSIONS['opentofu']}" / "tofu").absolute()
    if not made.exists():
        if shutil.which("go") is None:
            raise Missing("no terraform and no tofu is installed, and no go to build one")
        print(f"building OpenTofu {VERSIONS['opentofu']} into {made.parent}, some minutes", file=sys.stderr)
        module = f"{OPENTOFU}@v{VERSIONS['opentofu']}"
        _go("mod", "download", module)
        folder = _go("list", "-m", "-f", "{{.Dir}}", module).strip()
        _go("build", "-o", str(made), "./cmd/tofu", folder=folder)
    return str(made)


def _go(*words: str, folder: str | None = None) -> str:
    done = subprocess.run(["go", *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(done.stderr.strip().splitlines()[-1] if done.stderr else "go failed")
    return done.stdout
