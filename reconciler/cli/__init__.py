"""The `holdfast` command. Nothing heavy is imported before it is known which verb was asked for."""

from __future__ import annotations

import atexit
import os
import signal
import sys


def main() -> None:
    # Who interrupts while all that is imported gets an end, and no traceback.
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from reconciler.cli.top import LASTING, run

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    status = run(sys.argv[1:])
    if LASTING & set(sys.argv):
        sys.exit(status)
    # All is written and closed: what Python would take apart piece by piece, the system takes back at once.
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way to have them run
    os._exit(status)
