"""The units of systemd that start Holdfast: whether each would start, and leave services alone."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from reconciler.cli.doctor.finding import Finding, failed, ok, warning

NAME = "holdfast.service"
FOLDERS = {"": Path("/etc/systemd/system"), " --user": Path("~/.config/systemd/user")}
RUNNING = Path("/run/systemd/system")
PATIENCE_S = 10


def units() -> Iterator[Finding]:
    found = [
        finding
        for scope, folder in FOLDERS.items()
        for finding in unit(folder.expanduser() / NAME, scope, systemd=RUNNING.is_dir())
    ]
    yield from found or [
        warning(
            "unit",
            "no unit of systemd starts a node with this machine",
            "`holdfast node install` writes one; without systemd, let what starts your programs start it",
        )
    ]


def unit(path: Path, scope: str, *, systemd: bool) -> Iterator[Finding]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        yield failed("unit", f"{path} cannot be read: {error}", "write it anew: `holdfast node install`")
        return
    said = [line.partition("=")[::2] for line in text.splitlines()]
    command = _words(dict(said).get("ExecStart", ""))
    if not command or shutil.which(command[0]) is None:
        told = f"{path} starts {command[0]}, which is not there" if command else f"{path} starts nothing"
        yield failed("unit", told, f"write it anew: `holdfast node install{scope}`")
    elif dict(said).get("KillMode") != "process":
        told = f"{path} has no KillMode=process: a restart of the node would end all services"
        yield failed("unit", told, f"write it anew: `holdfast node install{scope}`")
    elif systemd and (state := _enabled(scope)) != "enabled":
        told = f"{path} does not start with the machine: it is {state}"
        yield warning("unit", told, f"systemctl{scope} enable --now holdfast")
    else:
        yield ok("unit", str(path))


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command.replace("%%", "%"))
    except ValueError:
        return []


def _enabled(scope: str) -> str:
    asked = ["systemctl", *scope.split(), "is-enabled", NAME]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "not known"
    return answer.stdout.strip() or "not known"
