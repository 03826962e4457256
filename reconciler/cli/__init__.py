"""The `holdfast` command. Nothing heavy is imported before it is known which verb was asked for."""

from __future__ import annotations

import sys


def main() -> None:
    from reconciler.cli.top import run

    sys.exit(run(sys.argv[1:]))
