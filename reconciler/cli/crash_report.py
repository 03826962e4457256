"""The report of a crash, to be attached to a bug report.

Rules: it holds no word of the command line but the verb: others may be a name, or a key.
"""

from __future__ import annotations

import sys
import traceback
from tempfile import NamedTemporaryFile


def report(crash: Exception, verb: str) -> tuple[str, str]:
    """The report, and the file that holds it; none, where there is no room for one."""
    text = f"holdfast {verb}\nPython {sys.version}\n\n{''.join(traceback.format_exception(crash))}"
    try:
        with NamedTemporaryFile(
            "w", prefix="holdfast-crash-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
    except OSError:
        return text, ""
    return text, file.name
