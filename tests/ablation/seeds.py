"""Runs seeds of the simulation until one fails: `python -m tests.ablation.seeds HOW_MANY`."""

from __future__ import annotations

import sys

from tests.simulation.simulation import Simulation


def main(seeds: int) -> None:
    for seed in range(seeds):
        try:
            Simulation(seed).run()
        except Exception as wrong:  # noqa: BLE001 - whatever it is, it was noticed
            sys.exit(f"seed {seed}: {type(wrong).__name__}: {wrong}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
