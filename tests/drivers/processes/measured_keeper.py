"""Runs the keeper so that coverage can measure it: as part of its whole package, and with site-packages.

Called as: python measured_keeper.py KEEPER DIR
"""

from __future__ import annotations

import sys
from pathlib import Path

from reconciler.drivers.processes.keeper.daemon import main

sys.exit(main(Path(sys.argv[2])))
