"""From a wish to a program that can be run on this machine, and back to its end.

Rules: a relative path starts at the manifest, in the tree that the manifest came with; a secret's value
is resolved here and nowhere else, on its way into the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from reconciler.errors import Invalid
from reconciler.kinds.service.ends import remembered
from reconciler.kinds.service.running import Phase, Running, care_for
from reconciler.kinds.service.spec import FromSecret, ServiceSpec
from reconciler.kinds.service.steps import Start, Stop
from reconciler.model import EMPTY, Case, Ref, Resource, Step
from reconciler.ports.processes import Run
from reconciler.ports.secrets import Secrets

PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ")


def stopped(actual: Running | None) -> tuple[Step, ...]:
    if actual is None or actual.phase not in {Phase.RUNNING, Phase.FROZEN}:
        return ()
    return (Stop(actual.stop_signal, actual.stop_grace_s),)


def started(case: Case[ServiceSpec, Running], settled: Running) -> Start:
    spec = case.want.wish
    secrets = {n: (v.secret, v.key) for n, v in spec.env.items() if isinstance(v, FromSecret)}
    origin = case.want.origin
    running, folder = replace(settled, phase=Phase.RUNNING), origin.file.rpartition("/")[0]
    return Start(running, secrets, origin.tree, folder, remember=remembered(case))


def run(id: str, namespace: str, step: Start, secrets: Secrets) -> Run:
    running = step.running
    values = {
        name: secrets.resolve(Ref("Secret", namespace, secret), key)
        for name, (secret, key) in step.secrets.items()
    }
    program, *rest = running.command
    if "/" in program:
        program = real(step, program)
    return Run(
        id,
        argv=(program, *rest),
        env={**_inherited(), **running.env, **values},
        cwd=real(step, running.cwd) if running.cwd else "",
        user=running.user,
        care=care_for(running),
    )


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def real(step: Start, path: str) -> str:
    """A path of the manifest as a path on this machine."""
    if path.startswith("/"):
        return path
    if step.tree is None:
        raise Invalid(
            f"'{path}' is relative, but the manifest came without files", remedy="write it absolute"
        )
    return step.tree.folder(f"{step.folder}/{path}" if step.folder else path)


def digests(want: Resource[ServiceSpec], known: Mapping[str, str]) -> Mapping[str, str]:
    """The content digests of the files beside the manifest that a restart must follow.

    `known` are those that it was started with. They stand in as long as nobody has read the source.
    """
    if want.spec is None or not want.spec.restart_on:
        return EMPTY
    tree = want.origin.tree
    if tree is None and known.keys() == set(want.spec.restart_on):
        return known
    if tree is None:
        raise Invalid(f"{want.ref}: restartOn names files, but its manifest came without any")
    return {path: tree.digest(beside(want, path)) for path in want.spec.restart_on}


def beside(want: Resource[ServiceSpec], path: str) -> str:
    folder = want.origin.file.rpartition("/")[0]
    return f"{folder}/{path}" if folder else path
