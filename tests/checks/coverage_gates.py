"""The two coverage gates: the pure middle and the kinds to the last branch, all to nine tenths.

Reads what `coverage json` wrote, names each line and branch that a full gate misses, and exits 1 if a
gate does not hold.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REPORT = Path("build/coverage.json")
FULL = ("reconciler/engine/", "reconciler/kinds/")
OVERALL = 90.0


def gaps(files: Mapping[str, Any]) -> Iterator[str]:
    """What no test reaches in the files that must be covered in full."""
    for name, measured in sorted(files.items()):
        if name.startswith(FULL):
            yield from (f"{name}:{line}: never run" for line in measured["missing_lines"])
            for start, end in measured["missing_branches"]:
                yield f"{name}:{start}: never goes on to {f'line {end}' if end > 0 else 'its end'}"


def main() -> int:
    report = json.loads(REPORT.read_text())
    overall = report["totals"]["percent_covered"]
    missing = list(gaps(report["files"]))
    for gap in missing:
        print(gap)
    print(f"engine and kinds: {len(missing)} gaps (goal: none)")
    print(f"all: {overall:.1f} % (goal: {OVERALL:.0f} %)")
    return 1 if missing or overall < OVERALL else 0


if __name__ == "__main__":
    sys.exit(main())
