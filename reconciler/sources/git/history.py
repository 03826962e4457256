"""Which revision of a repository is wanted, and whether history may be followed there.

Rules: the mirror marks the last revision that each branch or tag gave. A branch must go on from what is
in force; a tag must stay. Who changes the branch or tag in the config changes the subject, and is
not held to the old one's history. Anything in doubt (the mirror was lost) is held to the strict rule.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from reconciler.errors import Invalid, NotFound, Refused
from reconciler.ports.sources import SourceConfig
from reconciler.records import dataclass
from reconciler.sources.git.mirror import Mirror
from reconciler.spelling import nearest

ALLOW_PRUNE: Final = "holdfast-allow-prune"
INCOMING: Final = "refs/holdfast/incoming"
MARKS: Final = "refs/holdfast/given/"

_FULL_ID: Final = re.compile("[0-9a-f]{40}")
# What git itself forbids in the name of a branch, and what would be an option or another revision.
_NO_NAME: Final = re.compile(r"^-|^/|/$|//|\.\.|@\{|[\x00-\x20\x7f~^:?*\[\\]|(^|/)\.|\.lock(/|$)|\.$|^@$|^$")


@dataclass(frozen=True, slots=True)
class Selection:
    """The branch, tag or commit that a source follows; the remote's own default branch if it names none."""

    kind: str  # branch | tag | commit | default
    name: str = ""

    @classmethod
    def of(cls, config: SourceConfig) -> Selection:
        given = {
            kind: name
            for kind, name in (("branch", config.branch), ("tag", config.tag), ("commit", config.commit))
            if name
        }
        if len(given) > 1:
            raise Invalid(f"{' and '.join(given)} are given together", remedy="name one of them")
        for kind, name in given.items():
            if kind == "commit" and not _FULL_ID.fullmatch(name):
                raise Invalid(f"'{name}' is no commit's full id", remedy="write all of its 40 digits")
            if _NO_NAME.search(name):
                raise Invalid(f"{name!r} is no {kind}'s name")
            return cls(kind, name)
        return cls("default")

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}'" if self.name else "the default branch"

    @property
    def remote_name(self) -> str:
        """As the remote calls it; empty for a commit, which it does not name."""
        match self.kind:
            case "branch":
                return f"refs/heads/{self.name}"
            case "tag":
                return f"refs/tags/{self.name}"
            case "default":
                return "HEAD"
        return ""

    @property
    def refspecs(self) -> tuple[str, ...]:
        if self.remote_name:
            return (f"+{self.remote_name}:{INCOMING}",)
        # Few servers give a commit by its id, so whatever it may be on is fetched.
        return ("+refs/heads/*:refs/holdfast/all/heads/*", "+refs/tags/*:refs/holdfast/all/tags/*")

    def check_offered(self, offered: Collection[str]) -> None:
        """Refuse to go on when the remote does not have what is followed."""
        if not self.remote_name or self.remote_name in offered:
            return
        if not offered:
            raise NotFound("the repository is empty", remedy="push a first commit")
        prefix = "refs/tags/" if self.kind == "tag" else "refs/heads/"
        there = [name.removeprefix(prefix) for name in sorted(offered) if name.startswith(prefix)]
        near = nearest(self.name, there)
        some = f"there is {near or ', '.join(there[:10]) or 'none'}"
        wanted = f"{self.kind} '{self.name}'" if self.name else "default branch"
        raise NotFound(
            f"the repository has no {wanted}: {some}",
            remedy="push it, or name one that is there in the source's `branch`, `tag` or `commit`",
        )

    @property
    def mark(self) -> str:
        return f"{MARKS}{self.kind}/{self.name}".rstrip("/")


def check_history(mirror: Mirror, selection: Selection, head: str, applied: str) -> None:
    """Refuse a head that does not go on from what is in force."""
    before = mirror.target(selection.mark)
    if selection.kind == "tag" and before and before != head:
        raise Refused(
            f"tag '{selection.name}' was moved from {before} to {head}",
            remedy="tag the new commit by another name, or set `allowForce: true` if the move is meant",
        )
    base = _base(mirror, selection, before, applied)
    if selection.kind != "commit" and base and not mirror.contains(head, base):
        raise Refused(
            f"history was rewritten: {selection} is now at {head}, which does not go on from {base}",
            remedy=f"push a history that holds {base[:12]}, or set `allowForce: true` if it is meant",
        )


def _base(mirror: Mirror, selection: Selection, before: str, applied: str) -> str:
    """The revision that the head must go on from."""
    if not applied or (before and mirror.contains(before, applied)):
        return applied
    others = (mirror.target(name) for name in mirror.marks(MARKS) if name != selection.mark)
    came_from_another = any(mirror.contains(other, applied) for other in others)
    return before if came_from_another else applied


def allows_prune(messages: Iterable[str]) -> bool:
    """Whether any of these commits' messages has the trailer `Holdfast-Allow-Prune: yes`."""
    return any(_trailer(message, ALLOW_PRUNE) == "yes" for message in messages)


def _trailer(message: str, key: str) -> str:
    """The value of a `Key: value` line in the last paragraph; the title is none."""
    paragraphs = re.split(r"\n[ \t]*\n", message.replace("\r\n", "\n").strip())
    for line in reversed(paragraphs[-1].splitlines() if len(paragraphs) > 1 else []):
        name, _, value = line.partition(":")
        if name.strip().lower() == key:
            return value.strip().lower()
    return ""
