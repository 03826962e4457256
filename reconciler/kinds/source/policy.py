"""A source that another one declares is held to at least the other's policy. Pure.

Rules: what the child leaves open it inherits; what it says may be stricter, never weaker; otherwise
whoever may write to a repository could bring in another one that nobody checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.kinds.source.spec import OnFailure, SourceSpec
from reconciler.model import JsonValue
from reconciler.ports import OnInvalid, SourceConfig


def inherited(config: SourceConfig, spec: SourceSpec, parent: SourceConfig | None) -> SourceConfig:
    """The config with the parent's policy wherever the spec says nothing."""
    if parent is None:
        return config
    if spec.on_invalid is None and parent.on_invalid is OnInvalid.HOLD:
        config = replace(config, on_invalid=OnInvalid.HOLD)
    if spec.on_failure is None:
        config = replace(config, on_failure=parent.on_failure)
    if spec.git is not None and spec.git.verify is None:
        config = replace(config, verify=parent.verify)
    return config


def weaker(config: SourceConfig, parent: SourceConfig | None) -> str:
    """In what the config falls short of the parent's policy; empty when it does not."""
    if parent is None:
        return ""
    found = []
    if parent.verify and not _as_strict(config, parent.verify):
        found.append("`verify` accepts revisions that the parent would not")
    if config.allow_force and parent.type == "git" and not parent.allow_force:
        found.append("`allowForce` is true")
    if config.on_invalid is OnInvalid.PARTIAL and parent.on_invalid is OnInvalid.HOLD:
        found.append("`onInvalid` is partial")
    if config.on_failure == OnFailure.KEEP and parent.on_failure == OnFailure.ROLLBACK:
        found.append("`onFailure` is keep")
    return " and ".join(found)


def _as_strict(config: SourceConfig, verify: Mapping[str, JsonValue]) -> bool:
    """Whether everything that the child accepts is signed by somebody whom the parent accepts too."""
    own = config.verify
    if config.type != "git" or own.get("mode") != verify["mode"]:
        return False
    return own["file"] in {"", verify["file"]} and all(key in verify["keys"] for key in own["keys"])
