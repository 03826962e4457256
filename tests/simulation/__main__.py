"""Replays one seed and prints its diary: `python -m tests.simulation SEED [own]`.

With `own`, the node's own kinds take part.
"""

from __future__ import annotations

import sys

from tests.simulation.own_kinds import OwnSimulation
from tests.simulation.simulation import Simulation


def main(arguments: list[str]) -> int:
    world = OwnSimulation if arguments[1:] == ["own"] else Simulation
    simulation = world(int(arguments[0]))
    try:
        diary = simulation.run()
    except BaseException:
        print(*simulation.node.witness.log, sep="\n")  # noqa: T201 - it is a command: it prints
        raise
    print(*diary.lines, f"digest {diary.digest}", sep="\n")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
