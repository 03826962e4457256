"""Whether a commit bears a signature that counts.

Rules: the commit itself must be signed, by someone who is named: in a file of this machine, or as a Key.
Nothing of the repository says who that is. A signature covers the commit's whole tree and all that came
before it, so the head's is enough. What cannot be verified is refused, with the reason.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from reconciler.errors import Failed, Invalid, Missing, Refused
from reconciler.model import JsonValue, Ref
from reconciler.ports.keys import Keys
from reconciler.records import dataclass

if TYPE_CHECKING:  # what checks signatures is loaded when one is checked: most sources ask for none
    from reconciler.sources.git.signers import Signer

ROLE: Final = "committer"
MAX_FILE: Final = 16 << 20


class Mode(StrEnum):
    SSH = "ssh"
    OPENPGP = "openpgp"


class Verify(BaseModel):
    """What `verify` of a git source may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode
    keys: tuple[str, ...] = ()
    file: str = ""

    @classmethod
    def read(cls, verify: Mapping[str, JsonValue]) -> Verify | None:
        """None: nothing is asked."""
        if not verify:
            return None
        try:
            return cls.model_validate(dict(verify))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, ("verify", *first["loc"])))
            raise Invalid(f"{where}: {first['msg']}") from None

    @model_validator(mode="after")
    def _names_somebody(self) -> Verify:
        if not self.keys and not self.file:
            raise ValueError("name those who may sign, by `keys` or `file`")
        if self.keys and self.mode is Mode.OPENPGP:
            raise ValueError("a Key signs by ssh; OpenPGP needs a keyring, by `file`")
        if self.file and not Path(self.file).is_absolute():
            raise ValueError("`file` is a path on the node's machine, so it begins with '/'")
        return self


@dataclass(frozen=True, slots=True)
class Trust:
    """Those who may sign, as they are now."""

    mode: Mode
    signers: tuple[Signer, ...] = ()
    keyring: bytes = b""

    @classmethod
    def gather(cls, verify: Verify, namespace: str, keys: Keys) -> Trust:
        from reconciler.sources.git.signers import read_signers

        content = _content(verify.file) if verify.file else b""
        if verify.mode is Mode.OPENPGP:
            return cls(verify.mode, keyring=content)
        listed = read_signers(content.decode("utf-8", "replace"), verify.file)
        named = (_signer(Ref("Key", namespace, name), keys) for name in verify.keys)
        return cls(verify.mode, signers=(*listed, *named))

    def check(self, commit: str, at: datetime, signature: bytes, payload: bytes) -> str:
        """Who signed. Refuses what is not signed by one of us."""
        try:
            if not signature:
                raise Refused("it is not signed", remedy="sign it: `git commit --amend --no-edit -S`")
            if self.mode is Mode.OPENPGP:
                from reconciler.sources.git import openpgp

                return openpgp.check_openpgp(signature, payload, self.keyring)
            return self._check_ssh(at, signature, payload)
        except Refused as error:
            raise Refused(
                f"commit {commit} is not verified, so it is not applied: {error.message}",
                remedy=error.remedy or "have the commit signed by someone whom the source's `verify` names",
            ) from error

    def _check_ssh(self, at: datetime, signature: bytes, payload: bytes) -> str:
        from reconciler.sources.git.sshsig import SshSignature

        read = SshSignature.read(signature)
        read.check(payload)
        known = [signer for signer in self.signers if signer.key == read.key]
        if not known:
            raise Refused(f"nobody that may sign has the key {read.fingerprint}")
        for signer in known:
            if signer.valid(at):
                return f"{signer.name} {read.fingerprint}"
        raise Refused(f"the key {read.fingerprint} of {known[0].name} was not valid at {at.isoformat()}")


def _signer(key: Ref, keys: Keys) -> Signer:
    """A Key as it is now: who gets hold of one that was rotated away could date a commit back."""
    from reconciler.sources.git.signers import Signer

    known = keys.get(key)
    if known is None:
        raise Missing(f"{key} may sign, and is not declared", remedy="declare it as a Key")
    if known.role != ROLE:
        raise Refused(f"{key} has the role '{known.role}', and signs no commits", remedy=f"give it '{ROLE}'")
    return Signer(str(key), b64decode(known.public.openssh.split()[1]))


def _content(file: str) -> bytes:
    try:
        with Path(file).open("rb") as opened:
            return opened.read(MAX_FILE)
    except FileNotFoundError as error:
        raise Missing(f"{file}, which says who may sign, does not exist", remedy="create it") from error
    except OSError as error:
        raise Failed(f"{file}, which says who may sign, cannot be read: {error.strerror}") from error
