"""A real operator in a process of its own, on a scratch folder, that a test may kill at any moment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.node.running import HOLDFAST, RunningNode
from tests.sources.cluster.apiserver import Cluster


class RunningOperator(RunningNode):
    """It is a node: only what it is started with differs."""

    def __init__(self, data: Path, kubeconfig: Path, *options: str) -> None:
        super().__init__(data, data)
        self.kubeconfig = kubeconfig
        self.options = options
        self.log = data.parent / "log"

    def start(self, **settings: str) -> None:
        command = [HOLDFAST, "operator", "--data", str(self.data), "--listen", "127.0.0.1:0", *self.options]
        environ = {"HOLDFAST_DAEMON_LEGACY_LISTEN": "", "KUBECONFIG": str(self.kubeconfig)} | settings
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=os.environ | environ, stdout=log, stderr=log)

    def said(self, text: str) -> bool:
        return text in self.log.read_text()


@contextmanager
def running_operator(cluster: Cluster, namespace: str, *options: str) -> Iterator[RunningOperator]:
    """The only one, started. A Unix socket's address has room for about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="hf") as scratch:
        data = Path(scratch, "d")
        data.mkdir(mode=0o700)
        words = ("--namespace", namespace, "--no-leader-election", *options)
        operator = RunningOperator(data, cluster.kubeconfig(), *words)
        operator.start()
        try:
            yield operator
        finally:
            operator.close()


def sleeper(marker: str, name: str) -> list[str]:
    """A command that sleeps; `marker` tells it from all other processes of the machine."""
    return [sys.executable, "-c", "import time; time.sleep(3600)", marker, name]
