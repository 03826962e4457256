"""`holdfast doctor`: is this machine fit for a node, and is the node well?

Rules: looks, with a node or without one, and never writes; each thing that is wrong says how to mend it; a
check that cannot be made is told like one that fails, and hides no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

import click

from reconciler.cli import exits
from reconciler.cli.as_json import print_json
from reconciler.cli.doctor.finding import FAILED, OK, WARNING, Finding, failed, worst
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.plain import plain

MARKS: Final = {OK: "ok", WARNING: "warn", FAILED: "FAIL"}


@click.command(cls=Verb)
@output_as("table", "json", json="DoctorResult")
@at_node
def doctor(where: Where, output: str) -> int:
    """Check this machine and its node: what is wrong, and how to mend it.

    Exits 0 when nothing keeps a node from its work (warnings do not count), and 3 when something does.
    """
    findings = list(_examined(where))
    if output == "json":
        told = {"status": worst(findings), "checks": [asdict(finding) for finding in findings]}
        print_json(told)
    else:
        for finding in findings:
            _show(finding)
        click.echo(_summary(findings))
    return exits.FAILED if worst(findings) == FAILED else exits.OK


def _examined(where: Where) -> Iterator[Finding]:
    from reconciler.cli.doctor.certificate import certificate
    from reconciler.cli.doctor.folder import folder, settings, store
    from reconciler.cli.doctor.machine import machine
    from reconciler.cli.doctor.node import node, ports
    from reconciler.cli.doctor.unit import units

    yield from machine()
    read, told = settings(where.data)
    yield told
    if read is not None:
        yield from _as_far_as_possible("certificate", certificate(read.api))
    yield from _as_far_as_possible("folder", folder(where.data))
    yield from _as_far_as_possible("node", node(where))
    living = _lives(where)
    if read is not None and not living:
        yield from ports(read)
    yield from _as_far_as_possible("store", store(where.data / "holdfast.db", living=living))
    yield from units()


def _lives(where: Where) -> bool:
    try:
        return where.runs
    except OSError:  # of a folder that may not be entered: its own check says so
        return False


def _as_far_as_possible(check: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except OSError as error:
        yield failed(check, f"cannot be looked at: {error}", "ask as the user who owns the node's folder")


def _show(finding: Finding) -> None:
    click.echo(plain(f"{MARKS[finding.state]:<4}  {finding.check:<14}  {finding.message}"))
    if finding.state != OK:
        click.echo(plain(f"      {'':<14}  remedy: {finding.remedy}"))


def _summary(findings: list[Finding]) -> str:
    count = {state: sum(finding.state == state for finding in findings) for state in MARKS}
    return f"{len(findings)} checks: {count[OK]} ok, {count[WARNING]} warnings, {count[FAILED]} failed"
