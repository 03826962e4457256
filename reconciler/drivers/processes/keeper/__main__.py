"""The door of the keeper program: `python -I -S PATH/keeper DIR`.

Isolated and without site-packages the interpreter knows only the standard library and this folder. So
the folder above joins its path, at the end where it hides nothing, and this one leaves it.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
del sys.path[0]

sys.exit(importlib.import_module("keeper.daemon").main(Path(sys.argv[1])))
