"""Our own command, the sample plug-in beside it, and a manifest of its kind `Null`."""

from __future__ import annotations

import sys
from pathlib import Path

HOLDFAST = str(Path(sys.executable).with_name("holdfast"))
PLUGINS = {"PYTHONPATH": str(Path(__file__).parents[1] / "plugins")}


def null(number: int, value: str) -> str:
    head = 'apiVersion: example.com/v1\nkind: "Null"\n'
    return f"{head}metadata: {{name: r{number}}}\nspec: {{input: {value}}}\n"
