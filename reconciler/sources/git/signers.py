"""Whose SSH signatures count: the lines of a file as `ssh-keygen` reads it (`allowed_signers`).

Rules: a line that is not understood refuses the file, since half a list of who may is a wrong one. A
key's validity is judged at the commit's own time, as git does: an old commit stays good when its
author's key has run out since.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final

from reconciler.errors import Invalid, Place, Problem
from reconciler.records import dataclass
from reconciler.sources.git.sshsig import Wire

_WORD: Final = re.compile(r'(?:[^\s"]|"[^"]*")+')
_OPTION: Final = re.compile(r'(?P<name>[a-z-]+)(?:="(?P<value>[^"]*)")?(?:,(?=.)|$)', re.IGNORECASE)
_OPTIONS: Final = {"cert-authority", "namespaces", "valid-after", "valid-before"}
_KEY_TYPES: Final = ("ssh-", "ecdsa-", "sk-")
_TIMES: Final = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody whose signature counts, by one key, perhaps for a time."""

    name: str
    key: bytes  # as ssh sends it
    after: datetime | None = None
    before: datetime | None = None

    def valid(self, at: datetime) -> bool:
        return (self.after is None or self.after <= at) and (self.before is None or at < self.before)


def read_signers(text: str, file: str) -> tuple[Signer, ...]:
    """Those of the file who may sign for git."""
    return tuple(_signers(text, file))


def _signers(text: str, file: str) -> Iterator[Signer]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            signer = _signer(line)
        except ValueError as error:
            raise Invalid(f"{Place(file, number)}: no line of allowed signers: {error}") from error
        except Problem as error:
            raise Invalid(f"{Place(file, number)}: {error.message}", remedy=error.remedy) from error
        if signer is not None:
            yield signer


def _signer(line: str) -> Signer | None:
    """One line: `principals [options] type key [comment]`."""
    words = _WORD.findall(line)
    options = _options(words.pop(1)) if len(words) > 1 and not words[1].startswith(_KEY_TYPES) else {}
    if len(words) < 3:  # noqa: PLR2004 - name, type, key
        raise Invalid("a name, a type and a key are expected")
    key = b64decode(words[2], validate=True)
    if Wire(key).text() != words[1].encode():
        raise Invalid("the key is not of the type that stands before it")
    if "cert-authority" in options:
        raise Invalid("certificates are not supported", remedy="list the signers' own keys")
    if not _for_git(options.get("namespaces", "git")):
        return None
    return Signer(words[0].strip('"'), key, _time(options, "valid-after"), _time(options, "valid-before"))


def _options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        option = _OPTION.match(text, at)
        if option is None or option["name"].lower() not in _OPTIONS:
            raise Invalid(f"'{text[at:][:40]}' is no option")
        found[option["name"].lower()] = option["value"] or ""
        at = option.end()
    return found


def _for_git(patterns: str) -> bool:
    matching = [each for each in patterns.split(",") if fnmatchcase("git", each.lstrip("!"))]
    return bool(matching) and not any(each.startswith("!") for each in matching)


def _time(options: Mapping[str, str], name: str) -> datetime | None:
    """`YYYYMMDD[HHMM[SS]]`, of this machine's time zone unless a `Z` follows."""
    text = options.get(name)
    if text is None:
        return None
    digits = text.removesuffix("Z")
    at = datetime.strptime(digits, _TIMES.get(len(digits), "%Y%m%d"))  # noqa: DTZ007 - the zone comes next
    return at.replace(tzinfo=UTC) if text.endswith("Z") else at.astimezone()
