"""The wish for a source made concrete: what a feed is built from. Pure.

Rules: a folder that people work in goes on with what is right in it, a repository waits for a revision
without errors; secrets and keys stay references, and only the feed resolves them when it connects.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from reconciler.kinds.source.spec import Git, OnFailure, SourceSpec
from reconciler.model import NODE_SOURCE, Resource, source_name
from reconciler.ports.sources import OnInvalid, SourceConfig

GIT_INTERVAL_S: Final = 60.0
FOLDER_INTERVAL_S: Final = 10.0  # beneath the kernel's watch


def settled(want: Resource[SourceSpec]) -> SourceConfig:
    """The spec made concrete, as if nobody stood above it."""
    spec = want.wish
    config = SourceConfig(
        name=source_name(want.ref),
        type="",
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
        config = _from_git(config, spec.git)
    for kind, folder in (("directory", spec.directory), ("inbox", spec.inbox)):
        if folder is not None:
            config = replace(config, type=kind, location=folder.path)
    if spec.cluster is not None:
        config = replace(config, type="cluster", location=",".join(spec.cluster.namespaces))
    if spec.on_invalid is not None:
        config = replace(config, on_invalid=spec.on_invalid)
    if spec.interval is not None:
        config = replace(config, interval_s=spec.interval.total_seconds())
    return config


def _from_git(config: SourceConfig, git: Git) -> SourceConfig:
    return replace(
        config,
        type="git",
        location=git.url,
        branch=git.branch,
        tag=git.tag,
        commit=git.commit,
        interval_s=GIT_INTERVAL_S,
        on_invalid=OnInvalid.HOLD,
        verify=git.verify.model_dump(mode="json") if git.verify is not None else {},
        allow_force=git.allow_force,
        hook=git.hook.model_dump(mode="json") if git.hook is not None else {},
        auth={
            name: value for name, value in git.auth.model_dump(mode="json", by_alias=True).items() if value
        },
    )
