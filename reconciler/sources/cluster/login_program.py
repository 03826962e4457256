"""Credentials that a program prints, where a kubeconfig names one: how managed clusters let people in.

Rules: it is run anew whenever credentials are needed, since how long they hold is its own affair; it has
nobody to ask; no error quotes what it has printed, in which a token may stand.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from reconciler.errors import Invalid, Missing, Unavailable

PATIENCE_S: Final = 60.0
API: Final = "client.authentication.k8s.io/"
TOLD: Final = (
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
)
CREDENTIALS: Final = ("token", "clientCertificateData", "clientKeyData")

Json = Mapping[str, Any]


def printed_credentials(patience_s: float = PATIENCE_S) -> Mapping[str, str]:
    """What the program prints that the current context's user names; empty where there is none."""
    read = [(path.parent, yaml.safe_load(path.read_text(encoding="utf-8")) or {}) for path in _files()]
    current = next((config["current-context"] for _, config in read if config.get("current-context")), "")
    _, context = _entry(read, "context", current)
    folder, user = _entry(read, "user", context.get("user", ""))
    if not user.get("exec"):
        return {}
    return _printed(
        folder, user["exec"], _server(*_entry(read, "cluster", context.get("cluster", ""))), patience_s
    )


def _entry(read: Sequence[tuple[Path, Json]], word: str, name: str) -> tuple[Path, Json]:
    """And where its paths begin; the first file to name it wins."""
    for folder, config in read:
        for one in config.get(f"{word}s") or ():
            if one["name"] == name:
                return folder, one.get(word) or {}
    return Path(), {}


def _files() -> list[Path]:
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    # In full: a program in the current folder would be looked for among those that are installed.
    return [Path(path.strip()).expanduser().absolute() for path in named.split(os.pathsep) if path.strip()]


def _printed(folder: Path, program: Json, server: Json, patience_s: float) -> Mapping[str, str]:
    name, api = str(program.get("command", "")), str(program.get("apiVersion", ""))
    if not (name and api.startswith(API)):
        raise Invalid(f"its `exec` wants a command, and an apiVersion that begins with {API}")
    if program.get("interactiveMode") == "Always":
        raise Invalid(f"{name} wants a terminal to log in", remedy="name a user who can log in without one")
    spec: dict[str, Any] = {"interactive": False}
    if program.get("provideClusterInfo"):
        spec["cluster"] = server
    asked = json.dumps({"apiVersion": api, "kind": "ExecCredential", "spec": spec})
    given = {one["name"]: one["value"] for one in program.get("env") or ()}
    command = [str(folder / name) if os.sep in name else name, *map(str, program.get("args") or ())]
    try:
        status, printed, complaint = _run(
            command, {**os.environ, **given, "KUBERNETES_EXEC_INFO": asked}, patience_s
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{name}, which is to log in, has not ended in {patience_s:g} s") from None
    except OSError as error:
        remedy = str(program.get("installHint") or "install it, or name another kubeconfig by KUBECONFIG")
        raise Missing(f"{name}, which is to log in, cannot be run: {error.strerror}", remedy=remedy) from None
    if status:
        told = complaint.decode(errors="replace").strip().rpartition("\n")[2][:200] or "it says nothing"
        raise Unavailable(
            f"{name}, which is to log in, has failed with status {status}: {told}",
            remedy="run it by hand; `kubectl get nodes` runs it too",
        )
    return _understood(name, printed)


def _run(command: Sequence[str], env: Mapping[str, str], patience_s: float) -> tuple[int, bytes, bytes]:
    """In a session of its own: what it has started holds its output too, and ends with it."""
    with subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as program:
        try:
            printed, complaint = program.communicate(timeout=patience_s)
        except subprocess.TimeoutExpired:
            os.killpg(program.pid, signal.SIGKILL)
            raise
    return program.returncode, printed, complaint


def _server(folder: Path, cluster: Json) -> Json:
    """What a program may want to know of the server that it logs in to."""
    told = {name: cluster[name] for name in TOLD if name in cluster}
    if "certificate-authority" in cluster:
        authority = (folder / cluster["certificate-authority"]).read_bytes()
        told["certificate-authority-data"] = base64.b64encode(authority).decode()
    return told


def _understood(name: str, printed: bytes) -> Mapping[str, str]:
    try:
        status = json.loads(printed)["status"]
        found = {field: status[field] for field in CREDENTIALS if status.get(field)}
    except (ValueError, TypeError, KeyError, AttributeError):
        found = {}
    if not found or not all(isinstance(value, str) for value in found.values()):
        raise Invalid(f"{name}, which is to log in, has printed no credential", remedy="run it by hand")
    return found
