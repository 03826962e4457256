"""`holdfast node`: the node itself, its identity, and its unit for systemd."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import PLACE, Verbs, output_as
from reconciler.cli.node_identity import identity
from reconciler.cli.status import status
from reconciler.errors import Refused
from reconciler.writing import writing

UNIT = """\
[Unit]
Description=Holdfast keeps this machine as its manifests say it should be
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
# What it supervises outlives a restart of the node: its keeper is no child to be killed with it.
KillMode=process
Restart=always
RestartSec=1

[Install]
WantedBy={target}
"""


@click.group(cls=Verbs)
def node() -> None:
    """The node itself: its identity, its unit for systemd."""


node.add_command(identity)
node.add_command(status)


@node.command()
@click.argument("place", type=PLACE, required=False, metavar="[PATH|GIT-URL]")
@click.option("--user", is_flag=True, help="For this user's systemd instead of the machine's.")
@click.option("--print", "only_print", is_flag=True, help="Print the unit, and write nothing.")
@output_as("text", "json", json="UnitResult")
@at_node
def install(where: Where, place: str | None, user: bool, only_print: bool, output: str) -> None:
    """Write a systemd unit, so that all comes back after a reboot, in the order of needs."""
    words = [str(Path(sys.argv[0]).absolute()), "up", *([_absolute(place)] if place else [])]
    command = shlex.join([*words, "--data", str(where.data)]).replace("%", "%%")
    unit = UNIT.format(command=command, target="default.target" if user else "multi-user.target")
    folder = Path("~/.config/systemd/user").expanduser() if user else Path("/etc/systemd/system")
    result = {"unit": unit, "path": "" if only_print else str(folder / "holdfast.service")}
    if only_print:
        print_json(result) if output == "json" else click.echo(unit, nl=False)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with writing(folder / "holdfast.service"):
            (folder / "holdfast.service").write_text(unit, encoding="utf-8")
    except PermissionError as error:
        remedy = "ask as root, or write one for this user's systemd with --user"
        raise Refused(f"{error.filename}: {error.strerror}", remedy=remedy) from error
    if output == "json":
        print_json(result)
        return
    scope = " --user" if user else ""
    click.echo(f"wrote {folder / 'holdfast.service'}", err=True)
    click.echo(f"next: systemctl{scope} daemon-reload && systemctl{scope} enable --now holdfast", err=True)


def _absolute(place: str) -> str:
    return str(Path(place).absolute()) if Path(place).exists() else place
