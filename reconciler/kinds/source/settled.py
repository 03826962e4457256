"""The wish for a source made concrete: what a feed is built from. Pure.

Rules: a folder that people work in goes on with what is right in it, a repository waits for a revision
without errors; secrets and keys stay references, and only the feed resolves them when it connects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from reconciler.kinds.source.spec import Git, OnFailure, SourceSpec
from reconciler.model import EMPTY, NODE_SOURCE, JsonValue, Resource, source_name
from reconciler.ports import OnInvalid, SourceConfig

GIT_INTERVAL_S: Final = 60.0
FOLDER_INTERVAL_S: Final = 10.0  # beneath the kernel's watch


def settled(want: Resource[SourceSpec]) -> SourceConfig:
    """The spec made concrete, as if nobody stood above it."""
    spec = want.wish
    config = SourceConfig(
        name=source_name(want.ref),
        type="inbox",
        location="",
        paths=spec.paths,
        interval_s=FOLDER_INTERVAL_S,
        on_invalid=OnInvalid.PARTIAL,
        on_failure=spec.on_failure or OnFailure.KEEP,
        progress_deadline_s=spec.progress_deadline.total_seconds(),
        substitute=dict(spec.substitute),
        patches=tuple(patch.model_dump(mode="json", by_alias=True) for patch in spec.patches),
        hold=spec.hold,
        suspended=spec.suspend,
        parent="" if want.origin.source == NODE_SOURCE else want.origin.source,
    )
    if spec.git is not None:
        config = _from_git(config, spec.git, want.ref.namespace)
    elif spec.directory is not None:
        config = replace(config, type="directory", location=spec.directory.path)
    elif spec.inbox is not None:
        config = replace(config, location=spec.inbox.path)
    if spec.on_invalid is not None:
        config = replace(config, on_invalid=spec.on_invalid)
    if spec.interval is not None:
        config = replace(config, interval_s=spec.interval.total_seconds())
    return config


def _from_git(config: SourceConfig, git: Git, namespace: str) -> SourceConfig:
    return replace(
        config,
        type="git",
        location=git.url,
        branch=git.branch,
        tag=git.tag,
        commit=git.commit,
        interval_s=GIT_INTERVAL_S,
        on_invalid=OnInvalid.HOLD,
        verify=_verify(git, namespace),
        allow_force=git.allow_force,
        auth=_auth(git, namespace),
    )


def _verify(git: Git, namespace: str) -> Mapping[str, JsonValue]:
    if git.verify is None:
        return EMPTY
    keys = [_named(namespace, name) for name in git.verify.keys]
    return {"mode": git.verify.mode, "keys": keys, "file": git.verify.file}


def _auth(git: Git, namespace: str) -> Mapping[str, JsonValue]:
    """References only: the feed resolves them when it connects."""
    auth: dict[str, JsonValue] = {}
    if git.auth.user:
        auth["user"] = git.auth.user
    if git.auth.token is not None:
        auth["token"] = _named(namespace, git.auth.token.secret) | {"key": git.auth.token.key}
    if git.auth.ssh_key:
        auth["sshKey"] = _named(namespace, git.auth.ssh_key)
    if git.auth.host_keys:
        auth["hostKeys"] = list(git.auth.host_keys)
    return auth


def _named(namespace: str, name: str) -> dict[str, JsonValue]:
    return {"namespace": namespace, "name": name}
