"""`holdfast apply`: manifests become the wish, and it follows until they are so.

Rules: what will change is shown first, and asked for where somebody can answer: what removes many, or more
than the budget, by their number; a saved plan is applied only while its changes are still the same; the
summary names each failure with its cause.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits
from reconciler.cli.as_json import print_json
from reconciler.cli.as_named import preview_as_named, problems_as_named
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import PLACE, Verb, output_as
from reconciler.cli.waiting_time import seconds
from reconciler.errors import Invalid, Refused

if TYPE_CHECKING:
    from reconciler.cli.results import ApplyResult
    from reconciler.runtime.bundle import Bundle
    from reconciler.views import PreviewView

MANY = 10  # removals from which their number is to be typed back


@click.command(cls=Verb)
@click.argument("plan", required=False, type=click.Path(exists=True))
@click.option("-f", "--file", "files", type=PLACE, multiple=True, help="A file, a folder, or `-`.")
@click.option(
    "--set", "name", default="default", show_default=True, help="The name of what is applied together."
)
@click.option("--prune", is_flag=True, help="Take away what the same set applied before and now lacks.")
@click.option("--allow-prune", is_flag=True, help="Let this take away more than half of what is there.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--wait", is_flag=True, help="Follow until all is ready.")
@click.option("--timeout", default="5m", show_default=True, help="How long to wait, in all.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_as("text", "json", json="ApplyResult")
@at_node
def apply(where: Where, plan: str | None, files: tuple[str, ...], output: str, **options: object) -> int:
    """Make manifests the wish; a running node brings it about, else this command does what it can.

    PLAN is a file that `holdfast diff --out` has saved.
    """
    wanted = _saved(plan) if plan else _named(files, options)
    began, patience_s = time.monotonic(), seconds(str(options["timeout"]))
    with (
        where.open(reading=bool(options["dry_run"]), patience_s=patience_s) as door,
        problems_as_named(wanted.names),
    ):
        patience_s -= time.monotonic() - began
        preview = preview_as_named(door.diff(wanted), wanted.names)
        asks = not (options["dry_run"] or _agreed_beforehand(preview, options))
        _show(preview, output, asks=asks)
        if options["allow_prune"] and not preview["removes"]:
            click.echo("nothing would be removed: --allow-prune has nothing to allow", err=True)
        if options["dry_run"] or preview["conflicts"]:
            door.rehearse(wanted)  # refused whenever the real one would be
        result: ApplyResult = {"preview": preview, "operation": None, "statuses": []}
        status = exits.OK
        if not options["dry_run"] and (not asks or _agreed(preview)):
            operation = door.apply(_as_agreed(wanted, preview, asked=asks), at_once=not asks)
            result["operation"] = operation
            if options["wait"] or not door.living:
                from reconciler.cli.following import follow

                followed = follow(door, operation["refs"], patience_s)
                result["statuses"], status = [*followed.statuses], followed.exit
            elif preview["differences"]:
                click.echo("applied: the node brings it about, and --wait follows it", err=True)
    if output == "json":
        print_json(result)
    return status


def _show(preview: PreviewView, output: str, *, asks: bool) -> None:
    """Whoever is asked has to know what about; standard output is for the JSON alone."""
    from reconciler.cli.differences import show

    if output != "json":
        show(preview)
    elif asks and sys.stdin.isatty():
        show(preview, err=True)


def _named(files: tuple[str, ...], options: dict[str, object]) -> Bundle:
    from reconciler.cli.files import bundle

    if not files:
        raise Invalid("nothing is named to apply", remedy="`-f FILE`, or a plan that `diff --out` has saved")
    prune, allow = bool(options["prune"]), bool(options["allow_prune"])
    return bundle(files, set=str(options["name"]), prune=prune, allow_prune=allow)


def _saved(plan: str) -> Bundle:
    from reconciler.runtime.bundle import Bundle

    try:
        saved = json.loads(Path(plan).read_text(encoding="utf-8"))
        return Bundle.from_json(saved["bundle"] | {"expect": saved["preview"]["digest"]})
    except (ValueError, KeyError, TypeError, IsADirectoryError) as error:
        raise Invalid(
            f"{plan} is no saved plan",
            remedy="make one with `holdfast diff -f … --out FILE`; manifests are applied with `-f FILE`",
        ) from error


def _as_agreed(wanted: Bundle, preview: PreviewView, *, asked: bool) -> Bundle:
    """What was shown is what is applied, or nothing; who typed their number back has allowed the removals."""
    from dataclasses import replace

    allow = wanted.allow_prune or (asked and _over_budget(preview))
    return replace(wanted, expect=wanted.expect or preview["digest"], allow_prune=allow)


def _agreed_beforehand(preview: PreviewView, options: dict[str, object]) -> bool:
    few = preview["removes"] <= MANY or options["allow_prune"]
    return not preview["differences"] or bool(options["yes"] and few)


def _over_budget(preview: PreviewView) -> bool:
    return any(warning.startswith("PruneBudget:") for warning in preview["warnings"])


def _agreed(preview: PreviewView) -> bool:
    removes = preview["removes"]
    many = removes > MANY or _over_budget(preview)
    if not sys.stdin.isatty():
        raise Refused(
            "there is nobody to ask whether this is wanted",
            remedy="--yes agrees beforehand" + (", with --allow-prune for so many removals" if many else ""),
        )
    if many:
        return bool(
            click.prompt(f"{removes} would be removed. Type their number to agree", err=True) == str(removes)
        )
    return click.confirm("Apply this?", err=True)
