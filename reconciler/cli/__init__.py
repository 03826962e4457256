"""The `holdfast` command. Nothing heavy is imported before it is known which verb was asked for."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    # Who interrupts while all that is imported gets an end, and no traceback.
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from reconciler.cli.top import run

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))
