"""A source that another one declares is held to at least the other's policy. Pure.

Rules: what the child leaves open it inherits; what it says may be stricter, never weaker; otherwise
whoever may write to a repository could bring in another one that nobody checks.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.kinds.source.spec import OnFailure, SourceSpec
from reconciler.ports.sources import OnInvalid, SourceConfig


def inherited(config: SourceConfig, spec: SourceSpec, parent: SourceConfig | None) -> SourceConfig:
    """The config with the parent's policy wherever the spec says nothing."""
    if parent is None:
        return config
    if spec.on_invalid is None and parent.on_invalid is OnInvalid.HOLD:
        config = replace(config, on_invalid=OnInvalid.HOLD)
    if spec.on_failure is None:
        config = replace(config, on_failure=parent.on_failure)
    if spec.git is not None and spec.git.verify is None and _keys_reach(parent, config):
        config = replace(config, verify=parent.verify)
    return config


def weaker(config: SourceConfig, parent: SourceConfig | None) -> str:
    """In what the config falls short of the parent's policy; empty when it does not."""
    if parent is None:
        return ""
    found = []
    if parent.verify and not _as_strict(config, parent):
        found.append("`verify` accepts revisions that the parent would not")
    if config.allow_force and parent.type == "git" and not parent.allow_force:
        found.append("`allowForce` is true")
    if config.on_invalid is OnInvalid.PARTIAL and parent.on_invalid is OnInvalid.HOLD:
        found.append("`onInvalid` is partial")
    if config.on_failure == OnFailure.KEEP and parent.on_failure == OnFailure.ROLLBACK:
        found.append("`onFailure` is keep")
    return " and ".join(found)


def _as_strict(config: SourceConfig, parent: SourceConfig) -> bool:
    """Whether everything that the child accepts is signed by somebody whom the parent accepts too."""
    own, above = config.verify, parent.verify
    if config.type != "git" or not own or own["mode"] != above["mode"]:
        return False
    known = own["file"] in {"", above["file"]} and set(own["keys"]) <= set(above["keys"])
    return known and (not own["keys"] or _keys_reach(parent, config))


def _keys_reach(parent: SourceConfig, config: SourceConfig) -> bool:
    """A key's name means the same to both: keys belong to a namespace."""
    return not parent.verify.get("keys") or _namespace(parent) == _namespace(config)


def _namespace(config: SourceConfig) -> str:
    return config.name.rpartition("/")[0]
