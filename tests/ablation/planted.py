"""What is planted: the edit, and who must notice it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import ndiff
from pathlib import Path
from subprocess import CompletedProcess

from tests.ablation.tree import Edit, run

SEEDS = "150"  # each is found within them, most within the first twenty
PYTEST = ("pytest", "-q", "-p", "no:xdist", "--assert=plain")  # to rewrite asserts takes longer than to run


@dataclass(frozen=True, slots=True)
class BySeed:
    """Some seed of the simulation must fail, and say this."""

    says: str

    def __str__(self) -> str:
        return f"the simulation: “{self.says}”"

    def missed(self, tree: Path) -> str:
        """What went on in the tree, if nobody noticed."""
        done = run(tree, "tests.ablation.seeds", SEEDS)
        return "" if done.returncode == 1 and self.says in done.stderr else _told(done)


@dataclass(frozen=True, slots=True)
class ByTest:
    """This test must fail, or one of its parameters."""

    test: str

    def __str__(self) -> str:
        file, _, name = self.test.partition("::")
        return f"`{file}`: `{name}`"

    def missed(self, tree: Path) -> str:
        """What went on in the tree, if nobody noticed."""
        done = run(tree, *PYTEST, "-x", self.test)
        return "" if done.returncode == 1 and f"FAILED {self.test}" in done.stdout else _told(done)


@dataclass(frozen=True, slots=True)
class Planted:
    name: str
    edit: Edit
    noticed: BySeed | ByTest

    def row(self) -> tuple[str, str, str]:
        """A line of the page's table."""
        return self.name, f"`{self.edit.file}`: {_change(self.edit)}", str(self.noticed)


def _told(done: CompletedProcess[str]) -> str:
    return f"{done.args[2:]} ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


def _change(edit: Edit) -> str:
    lines = [line for line in ndiff(edit.old.splitlines(), edit.new.splitlines()) if line[0] in "+-"]
    old, new = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return f"`{old}` becomes `{new}`" if new else f"`{old}` is taken out"
