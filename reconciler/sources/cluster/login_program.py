"""Credentials that a program prints, where a kubeconfig names one: how managed clusters let people in.

Rules: it is run anew whenever credentials are needed, since how long they hold is its own affair; it has
nobody to ask; no error quotes what it has printed, in which a token may stand.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from reconciler.errors import Invalid, Missing, Unavailable

if TYPE_CHECKING:
    from kopf import ConnectionInfo

PATIENCE_S: Final = 60.0
API: Final = "client.authentication.k8s.io/"
CREDENTIALS: Final = ("token", "clientCertificateData", "clientKeyData")

Json = Mapping[str, Any]


def with_program(info: ConnectionInfo) -> ConnectionInfo:
    """The same, with what the program of the kubeconfig's user prints, if one is named."""
    folder, user = next(_current_users(), (Path(), {}))
    if user.get("exec") is None:
        return info
    printed = _printed(folder, user["exec"], info)
    return replace(
        info,
        token=printed.get("token", info.token),
        certificate_data=printed.get("clientCertificateData", info.certificate_data),
        private_key_data=printed.get("clientKeyData", info.private_key_data),
    )


def _current_users() -> Iterator[tuple[Path, Json]]:
    """The user of the current context, and where its paths begin; the first to name something wins."""
    read = [(path, yaml.safe_load(path.read_text(encoding="utf-8")) or {}) for path in _files()]
    current = next((config["current-context"] for _, config in read if config.get("current-context")), None)
    contexts = [one for _, config in read for one in config.get("contexts", ()) if one["name"] == current]
    for path, config in read if contexts else ():
        for one in config.get("users", ()):
            if one["name"] == contexts[0]["context"].get("user"):
                yield path.parent, one.get("user") or {}


def _files() -> list[Path]:
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    return [Path(path.strip()).expanduser() for path in named.split(os.pathsep) if path.strip()]


def _printed(folder: Path, program: Json, info: ConnectionInfo) -> Mapping[str, str]:
    name, api = str(program.get("command", "")), str(program.get("apiVersion", ""))
    if not (name and api.startswith(API)):
        raise Invalid(f"its `exec` wants a command, and an apiVersion that begins with {API}")
    if program.get("interactiveMode") == "Always":
        raise Invalid(f"{name} wants a terminal to log in", remedy="name a user who can log in without one")
    spec: dict[str, Any] = {"interactive": False}
    if program.get("provideClusterInfo"):
        spec["cluster"] = _cluster(info)
    asked = json.dumps({"apiVersion": api, "kind": "ExecCredential", "spec": spec})
    given = {one["name"]: one["value"] for one in program.get("env") or ()}
    command = [str(folder / name) if os.sep in name else name, *map(str, program.get("args") or ())]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **given, "KUBERNETES_EXEC_INFO": asked},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{name}, which is to log in, has not ended in {PATIENCE_S:g} s") from None
    except OSError as error:
        remedy = str(program.get("installHint") or "install it, or name another kubeconfig by KUBECONFIG")
        raise Missing(f"{name}, which is to log in, cannot be run: {error.strerror}", remedy=remedy) from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200] or "it says nothing"
        raise Unavailable(
            f"{name}, which is to log in, has failed with status {done.returncode}: {told}",
            remedy="run it by hand; `kubectl get nodes` runs it too",
        )
    return _understood(name, done.stdout)


def _cluster(info: ConnectionInfo) -> dict[str, Any]:
    """What the program may want to know of the server that it logs in to."""
    told: dict[str, Any] = {"server": info.server}
    if info.insecure:
        told["insecure-skip-tls-verify"] = True
    if info.ca_data:
        told["certificate-authority-data"] = info.ca_data
    elif info.ca_path:
        told["certificate-authority-data"] = base64.b64encode(
            Path(os.fsdecode(info.ca_path)).read_bytes()
        ).decode()
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
