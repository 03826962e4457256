"""One count a command, for who has named a telemetry endpoint: which verb it was, and how it ended.

Rules: off unless `HOLDFAST_TELEMETRY_ENDPOINT` says where to; nothing that a person has written goes along,
be it a name, a path or a manifest; a process of its own sends it, so that no command waits for it or fails
by it, and what does not arrive is lost without a word.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress

from reconciler import __version__

VARIABLE = "HOLDFAST_TELEMETRY_ENDPOINT"
PATIENCE_S = 5
SEND = f"""
import os, sys, urllib.request
request = urllib.request.Request(os.environ["{VARIABLE}"], sys.argv[1].encode(), method="POST")
request.add_header("Content-Type", "application/json")
urllib.request.urlopen(request, timeout={PATIENCE_S})
"""


def count(verb: str, status: int) -> None:
    """Hand it over, and go on."""
    if not os.environ.get(VARIABLE, "").startswith(("http://", "https://")):
        return
    told = {"command": verb, "outcome": "failure" if status > 1 else "success", "status": status}
    told |= {"version": __version__, "count": 1}
    with suppress(OSError):  # no room for one more process
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", SEND, json.dumps(told)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
