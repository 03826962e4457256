"""Real files, content and mode: the sample kind `File` against salt, pyinfra and Ansible.

Rules: each tool does it as its own people would, without a server, and does the same: 1,000 small files (100
for Ansible) in one folder. Before it is timed, each has made them, and said of a second run that nothing
changed. A no-op is the same command again.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bench.holdfast import HOLDFAST, PLUGINS
from tests.bench.neighbours import Missing, program
from tests.bench.row import Row, Timed, beside, in_turn, timed

MANY, FEW = 1_000, 100


def rows() -> Iterator[Row]:
    for tool, count, goal in ((Salt, MANY, 0.2), (Pyinfra, MANY, 0.03), (Ansible, FEW, None)):
        with tempfile.TemporaryDirectory(prefix="hfb") as scratch:
            try:
                theirs = tool(Path(scratch, "theirs"), count)
            except Missing as why:
                yield Row(f"{count:,} files", 0, "s", f"{tool.name} not measured: {why}")
                continue
            yield from _against(Ours(Path(scratch, "ours"), count), theirs, goal)


def _against(ours: Files, theirs: Files, goal: float | None) -> Iterator[Row]:
    what, name = f"{ours.count:,} files", theirs.name
    yield _plainly(f"{what}, create", ours.run(), theirs.run(), name)
    ours.check()
    theirs.check()
    idle, idle_theirs = in_turn(ours.run, theirs.run)
    title = f"{what}, no-op"
    if goal is not None:
        yield beside(title, idle.seconds, "s", (name, idle_theirs.seconds), goal)
    else:
        yield _plainly(title, idle, idle_theirs, name)
    yield Row(
        f"{what}, memory of it",
        round(idle.mebibytes, 1),
        "MiB",
        f"{name}: {idle_theirs.mebibytes:.4g} MiB",
        round(idle.mebibytes / idle_theirs.mebibytes, 4),
    )
    ours.declare("another")
    theirs.declare("another")
    yield _plainly(f"{what}, change one", ours.run(), theirs.run(), name)


def _plainly(title: str, ours: Timed, theirs: Timed, name: str) -> Row:
    ratio = round(ours.seconds / theirs.seconds, 4)
    return Row(title, round(ours.seconds, 3), "s", f"{name}: {theirs.seconds:.4g} s", ratio)


class Files(ABC):
    """One tool, told to keep so many files as they are declared."""

    name: str

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count
        self.made = folder / "made"
        self.made.mkdir(parents=True)
        self.declare("content 0")

    def contents(self, first: str) -> Mapping[str, str]:
        """Path -> what is to stand in it."""
        return {
            str(self.made / f"f{number}.conf"): first if number == 0 else f"content {number}"
            for number in range(self.count)
        }

    @abstractmethod
    def declare(self, first: str) -> None:
        """Write what the tool reads; `first` is the content of the first file."""

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def changed(self, said: str) -> int:
        """How many changes the tool told of."""

    def environ(self) -> dict[str, str]:
        return {}

    def run(self) -> Timed:
        return timed(self.command(), self.folder, self.environ())

    def check(self) -> None:
        """All is there, and a second run finds nothing to do."""
        assert {str(path) for path in self.made.iterdir()} == self.contents("").keys(), self.name
        done = subprocess.run(
            self.command(),
            cwd=self.folder,
            env=os.environ | self.environ(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert self.changed(done.stdout + done.stderr) == 0, f"{self.name}: {done.stdout[-500:]}"


class Ours(Files):
    name = "holdfast apply"

    def declare(self, first: str) -> None:
        documents = (_file(*each) for each in enumerate(self.contents(first).items()))
        (self.folder / "all.yaml").write_text("---\n".join(documents))

    def command(self) -> list[str]:
        return [HOLDFAST, "apply", "-f", "all.yaml", "--data", str(self.folder / "data"), "--yes"]

    def environ(self) -> dict[str, str]:
        return PLUGINS

    def changed(self, said: str) -> int:
        return 0 if f"0 to add, 0 to change, 0 to remove, {self.count} unchanged." in said else 1


def _file(number: int, at: tuple[str, str]) -> str:
    head = f"apiVersion: example.com/v1\nkind: File\nmetadata: {{name: f{number}}}\n"
    return f"{head}spec: {{path: {at[0]}, content: {at[1]}}}\n"


class Salt(Files):
    """Masterless, one state file, as `salt-call --local` is meant."""

    name = "salt-call --local"

    def declare(self, first: str) -> None:
        states = self.folder / "states"
        states.mkdir(exist_ok=True)
        (states / "files.sls").write_text(
            "".join(
                f"{path}:\n  file.managed:\n    - contents: {text}\n    - mode: '0644'\n"
                for path, text in self.contents(first).items()
            )
        )
        paths = {"root_dir": str(self.folder / "root"), "file_roots": {"base": [str(states)]}}
        settings = {**paths, "file_client": "local", "log_file": "/dev/null", "id": "bench"}
        (self.folder / "minion").write_text(json.dumps(settings))
        self._program = program("salt", "salt-call")

    def command(self) -> list[str]:
        here = str(self.folder)
        return [self._program, "--local", "--config-dir", here, "--out=json", "state.apply", "files"]

    def changed(self, said: str) -> int:
        states = json.loads(said[said.index("{") : said.rindex("}") + 1])["local"].values()
        return sum(bool(state["changes"]) for state in states) + sum(not state["result"] for state in states)


class Pyinfra(Files):
    """`@local`, an operation a file."""

    name = "pyinfra @local"

    def declare(self, first: str) -> None:
        self._program = program("pyinfra", "pyinfra")
        (self.folder / "deploy.py").write_text(
            "from io import StringIO\nfrom pyinfra.operations import files\n"
            f"for path, text in {dict(self.contents(first))!r}.items():\n"
            "    files.put(src=StringIO(text + '\\n'), dest=path, mode='644')\n"
        )

    def command(self) -> list[str]:
        return [self._program, "-y", "@local", "deploy.py"]

    def changed(self, said: str) -> int:
        (totals,) = (line.split() for line in said.splitlines() if "Grand total" in line)
        _, _, _, changed, failed, same = totals
        return 0 if (changed, failed, same) == ("-", "-", str(self.count)) else 1


class Ansible(Files):
    """A local connection, one task with a loop."""

    name = "ansible-playbook"

    def declare(self, first: str) -> None:
        self._program = program("ansible-core", "ansible-playbook")
        items = [{"path": path, "text": text} for path, text in self.contents(first).items()]
        copy = {"dest": "{{ item.path }}", "content": "{{ item.text }}\n", "mode": "0644"}
        label = {"label": "{{ item.path }}"}
        task = {"ansible.builtin.copy": copy, "loop": items, "loop_control": label}
        play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}]
        (self.folder / "play.yml").write_text(json.dumps(play))

    def command(self) -> list[str]:
        python = Path(self._program).with_name("python")
        return [self._program, "-i", "localhost,", "-e", f"ansible_python_interpreter={python}", "play.yml"]

    def environ(self) -> dict[str, str]:
        return {"ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1", "HOME": str(self.folder)}

    def changed(self, said: str) -> int:
        return 0 if "changed=0" in said and "failed=0" in said else 1
