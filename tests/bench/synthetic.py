"""The engine and the command line alone: resources with nothing behind them, against `terraform_data`.

Rules: each verb is measured at each size, by the clock and by peak memory. Terraform writes all of its state
again for each resource that it makes, so that a create takes longer for each the more there are: at the large
size it has one run beside our five, and is stopped at LIMIT_S. Rows say both. What was stopped would have
taken more: its ratio is an upper bound.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from uuid import uuid4

from tests.bench.holdfast import HOLDFAST, PLUGINS, null
from tests.bench.neighbours import Missing, terraform
from tests.bench.row import Row, Timed, beside, in_turn, timed

SMALL, LARGE = 1_000, 10_000
LIMIT_S = 180.0
GOALS = {
    "create 1,000, no node running": 0.1,
    "no-op at 1,000, no node running": 0.3,
    "no-op at 1,000, peak memory": 0.7,
}


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="hfb") as scratch:
        small, large = (Ours(Path(scratch, f"ours-{size}"), size) for size in (SMALL, LARGE))
        try:
            few, many = (Theirs(Path(scratch, f"theirs-{size}"), size) for size in (SMALL, LARGE))
        except Missing as why:
            yield from (*_alone(small, why), *_alone(large, why))
        else:
            for verb in VERBS:
                yield from _beside(verb, small, few, in_turn, "")
            for verb in VERBS:
                yield from _beside(verb, large, many, _once_theirs, ", once")
        one, ten = in_turn(small.nothing, large.nothing)
        yield beside("no-op at 10,000", ten.seconds, "s", ("our own at 1,000", one.seconds), 12)


def _beside(
    verb: Verb, ours: Tool, theirs: Theirs, measure: Callable[..., list[Timed]], how_often: str
) -> Iterator[Row]:
    own, other = measure(partial(verb.run, ours), partial(verb.run, theirs))
    stopped = ", stopped unfinished" if other.seconds >= LIMIT_S else ""
    who = f"{theirs.name} {verb.theirs}{how_often}{stopped}"
    for (name, value, unit), (_, figure, _) in zip(
        _figures(verb, ours, own), _figures(verb, theirs, other), strict=True
    ):
        yield beside(name, value, unit, (who, figure), GOALS.get(name))


def _once_theirs(ours: Callable[[], Timed], theirs: Callable[[], Timed]) -> list[Timed]:
    return [*in_turn(ours), theirs()]


def _alone(ours: Tool, why: Missing) -> Iterator[Row]:
    for verb in VERBS:
        (own,) = in_turn(partial(verb.run, ours))
        for name, value, unit in _figures(verb, ours, own):
            yield Row(name, round(value, 4), unit, f"not measured: {why}")


def _figures(verb: Verb, tool: Tool, took: Timed) -> Iterator[tuple[str, float, str]]:
    title = verb.title.format(tool.size)
    yield f"{title}, no node running", took.seconds, "s"
    yield f"{title}, peak memory", took.mebibytes, "MiB"


class Tool(ABC):
    """Keeps so many resources, as they are declared."""

    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir()
        self.folder, self.size = folder, size
        self._turns = count()
        self.declare(self.values("value"))

    def values(self, first: str) -> list[str]:
        return [first, *(f"value-{n}" for n in range(1, self.size))]

    @abstractmethod
    def declare(self, values: list[str]) -> None:
        """Write what the tool reads."""

    @abstractmethod
    def apply(self) -> Timed: ...

    @abstractmethod
    def make(self) -> Timed:
        """Apply where nothing was."""

    @abstractmethod
    def nothing(self) -> Timed:
        """Find that nothing is to be done; an error when something is."""

    def change(self) -> Timed:
        self.declare(self.values(f"turn-{next(self._turns)}"))
        return self.apply()


@dataclass(frozen=True)
class Verb:
    title: str
    theirs: str  # Terraform's word for it
    run: Callable[[Tool], Timed]


VERBS = (
    Verb("create {:,}", "apply", lambda tool: tool.make()),
    Verb("no-op at {:,}", "plan", lambda tool: tool.nothing()),
    Verb("change one of {:,}", "apply", lambda tool: tool.change()),
)


class Ours(Tool):
    def declare(self, values: list[str]) -> None:
        documents = (null(n, value) for n, value in enumerate(values))
        (self.folder / "all.yaml").write_text("---\n".join(documents))

    def apply(self) -> Timed:
        return self._run("apply", "--yes")

    def make(self) -> Timed:
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        return self.apply()

    def nothing(self) -> Timed:
        return self._run("diff")

    def _run(self, *words: str) -> Timed:
        return timed([HOLDFAST, *words, "-f", "all.yaml", "--data", "data"], self.folder, PLUGINS)


class Theirs(Tool):
    """As it comes: default parallelism, refresh on, state in a local file."""

    def __init__(self, folder: Path, size: int) -> None:
        self._program = terraform()
        self.name = Path(self._program).name
        super().__init__(folder, size)
        subprocess.run([self._program, "init"], cwd=folder, check=True, capture_output=True)

    def declare(self, values: list[str]) -> None:
        (self.folder / "main.tf").write_text(
            "".join(
                f'resource "terraform_data" "r{n}" {{\n  input = "{value}"\n}}\n'
                for n, value in enumerate(values)
            )
        )

    def apply(self) -> Timed:
        return self._run("apply", "-auto-approve")

    def make(self) -> Timed:
        for state in self.folder.glob("terraform.tfstate*"):
            state.unlink()
        took = self.apply()
        if took.seconds >= LIMIT_S:
            self._finish()
        return took

    def nothing(self) -> Timed:
        return self._run("plan", "-detailed-exitcode")

    def _run(self, *words: str) -> Timed:
        return timed([self._program, *words, "-no-color"], self.folder, limit_s=LIMIT_S)

    def _finish(self) -> None:
        """The state that a create leaves which was not stopped; its next plan says whether that is so."""
        state = {
            "version": 4,
            "terraform_version": "1.11.0",
            "serial": self.size,
            "lineage": str(uuid4()),
            "resources": [_in_state(n, value) for n, value in enumerate(self.values("value"))],
        }
        with (self.folder / "terraform.tfstate").open("w") as file:
            json.dump(state, file)  # never one text: our own peak would count as that of what we start next


def _in_state(number: int, text: str) -> dict[str, object]:
    value = {"value": text, "type": "string"}
    attributes = {"id": str(uuid4()), "input": value, "output": value, "triggers_replace": None}
    return {
        "mode": "managed",
        "type": "terraform_data",
        "name": f"r{number}",
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }
