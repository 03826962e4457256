"""What a person writes of a source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from reconciler.model import JsonValue, Part, Spec
from reconciler.ports.sources import OnInvalid
from reconciler.quantities import Duration

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class OnFailure(StrEnum):
    """What happens when a revision's resources do not come up."""

    KEEP = "keep"
    ROLLBACK = "rollback"


class SecretValue(Part):
    """One value of a `Secret`."""

    secret: str = Field(min_length=1)
    """The name of the `Secret`, in the same namespace."""
    key: str = Field(min_length=1)
    """Which of its values."""


class GitAuth(Part):
    """How to log in. Nothing is needed for what everybody may read, nor where an ssh agent has the key."""

    username: str = ""
    """Who logs in; by default `git` over ssh, and what the token alone implies over http."""
    token: SecretValue | None = None
    """A token or password for http(s)."""
    key: str = ""
    """The name of a `Key` with the role `ssh`, for ssh."""
    private_key: SecretValue | None = None
    """A private key from elsewhere, for ssh."""
    host_keys: tuple[str, ...] = ()
    """Whom to take for the ssh server, as lines of `known_hosts`; by default whom this machine knows."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.key and self.private_key is not None:
            raise ValueError("`key` and `privateKey` are given together: name one of them")
        return self


class Verify(Part):
    """Only revisions that one of these has signed are applied."""

    mode: Literal["ssh", "openpgp"]
    """What the commits are signed with."""
    keys: tuple[str, ...] = ()
    """The names of `Key` resources with the role `committer`, for `ssh`."""
    file: str = ""
    """A file on this machine: `allowed_signers` for `ssh`, a keyring of public keys for `openpgp`."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.keys and not self.file:
            raise ValueError("nobody may sign: name them in `keys`, or in a `file`")
        if self.keys and self.mode == "openpgp":
            raise ValueError("`keys` are ssh keys: give openpgp's keyring as a `file`")
        if self.file and not self.file.startswith("/"):
            raise ValueError("`file` is a file of this machine: write its path from the root on")
        return self


class Git(Part):
    """A git repository. Without branch, tag or commit the remote's own default branch is followed."""

    url: str = Field(min_length=1, max_length=2048)
    """`https://…`, `ssh://…`, `git@host:path`, or a path on this machine."""
    branch: str = ""
    """Follow this branch."""
    tag: str = ""
    """Stay at this tag."""
    commit: str = ""
    """Stay at this commit, written in full."""
    auth: GitAuth = GitAuth()
    """How to log in."""
    hook: SecretValue | None = None
    """The secret that a forge signs its push hooks with: `POST /api/v1/hooks/NAME` then fetches at once."""
    verify: Verify | None = None
    """Whose signature a revision must bear; without it, the policy of the source that declares this one."""
    allow_force: bool = False
    """Follow a branch whose history was rewritten, and a tag that was moved."""

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        given = [name for name in ("branch", "tag", "commit") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"`{'` and `'.join(given)}` are given together: name one of them")
        return self

    @field_validator("url")
    @classmethod
    def _without_password(cls, url: str) -> str:
        if re.match(r"[a-z+]+://[^/@]*:[^/@]*@", url, re.IGNORECASE):
            raise ValueError("a URL must not hold a password: put it into a `Secret`, see `auth.token`")
        return url


class Folder(Part):
    """A folder on this machine, or a single file."""

    path: Annotated[str, Field(min_length=1)]
    """Where it is, from the root on."""

    @field_validator("path")
    @classmethod
    def _from_the_root(cls, path: str) -> str:
        if not path.startswith("/") or "\0" in path:
            raise ValueError("write the path from the root on, such as /srv/manifests")
        return path


class Cluster(Part):
    """Custom resources of the cluster that the node is an operator of."""

    namespaces: tuple[str, ...] = ()
    """Where to look; empty: everywhere."""


class Target(Part):
    """Which resources a patch is for; what is left empty matches all."""

    kind: str = ""
    """Their kind."""
    name: str = ""
    """The resource's name."""
    namespace: str = ""
    """Their namespace."""
    labels: Mapping[str, str] = Field(default_factory=dict)
    """Labels that they must have."""


class Patch(Part):
    """A merge patch (RFC 7386) on what the manifests say."""

    target: Target = Target()
    """What to patch."""
    patch: Mapping[str, JsonValue]
    """Fields to set, as in the manifest; `null` removes one."""


class SourceSpec(Spec):
    """Where manifests come from: a git repository or a folder, read again and again."""

    git: Git | None = None
    """A git repository."""
    directory: Folder | None = None
    """A folder on this machine."""
    inbox: Folder | None = None
    """The folder that `apply` and the API write to; only the node itself declares one."""
    cluster: Cluster | None = None
    """The custom resources of a Kubernetes cluster; only `holdfast operator` itself declares one."""
    paths: tuple[str, ...] = Field(default=(".",), min_length=1)
    """Folders or files inside it; a later one overlays the earlier ones."""
    interval: Duration | None = None
    """How often to look for changes: 1m for git, 10s for a folder, which is watched besides."""
    on_invalid: OnInvalid | None = None
    """What a revision with errors does: `hold` (git's default: the whole revision waits) or `partial` (a
    folder's default: broken documents keep their last good version, the others go on)."""
    on_failure: OnFailure | None = None
    """What happens when a revision does not come up: `keep` it (the default), or `rollback` to the last
    good one and do not try it again."""
    progress_deadline: Duration = timedelta(minutes=10)
    """A revision of which nothing gets further for this long has failed."""
    substitute: Mapping[str, str] = Field(default_factory=dict)
    """Variables: `${NAME}` and `${NAME:-default}` in the manifests are replaced."""
    patches: tuple[Patch, ...] = ()
    """Patches on what the manifests say, in order."""
    hold: str = ""
    """Stay at this revision, whatever comes."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [name for name in ("git", "directory", "inbox", "cluster") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of `git` and `directory` is needed, not {len(given) or 'none'}")
        return self

    @field_validator("paths")
    @classmethod
    def _inside(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            if path.startswith("/") or ".." in path.split("/") or "\0" in path or not path:
                raise ValueError(f"'{path}' leads out of the source: write a path inside it, such as apps")
        return paths

    @field_validator("interval")
    @classmethod
    def _not_all_the_time(cls, interval: timedelta | None) -> timedelta | None:
        if interval is not None and interval < timedelta(seconds=1):
            raise ValueError("at least 1s: a folder is watched besides, and a repository can push a hook")
        return interval

    @field_validator("substitute")
    @classmethod
    def _variables(cls, substitute: Mapping[str, str]) -> Mapping[str, str]:
        for name in substitute:
            if not VARIABLE.fullmatch(name):
                raise ValueError(f"'{name}' cannot be a variable: use letters, digits and _")
        return substitute
