"""What a person writes of a key."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from reconciler.errors import Invalid
from reconciler.model import Spec
from reconciler.public_key import PublicKey
from reconciler.spelling import nearest

ROLES = {
    "creator": "signs the packages that it publishes",
    "maintainer": "approves other people's packages with a signature beside theirs",
    "committer": "signs commits, so that a git source accepts them",
    "ssh": "opens a git source's ssh connection",
}
LONGEST_ROLE = 253
OWN_ROLE = r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+"
PUBLIC = r"^(ssh-ed25519 AAAA|ed25519:[0-9a-fA-F]{64}$)"


class KeySpec(Spec):
    """A key, which signs or is trusted to have signed: `generate` it, or give its `publicKey`."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["generate"]}, {"required": ["publicKey"]}]}
    )

    role: str = Field(
        max_length=LONGEST_ROLE,  # the pattern alone would try for seconds
        json_schema_extra={"anyOf": [{"enum": list(ROLES)}, {"type": "string", "pattern": rf"^{OWN_ROLE}$"}]},
    )
    """What it is for. `creator` signs packages, `maintainer` approves them, `committer` signs commits, `ssh`
    opens connections to git. A plug-in's own roles have a dot: `deployer.example.com`."""
    generate: bool = False
    """Make a pair in the node's keystore. The private part stays there, encrypted."""
    public_key: Annotated[str, Field(json_schema_extra={"pattern": PUBLIC})] | None = None
    """A public key to trust: a line of a `.pub` file (`ssh-ed25519 …`), or `ed25519:` and 64 hex digits."""
    rotate: str = Field(default="", max_length=128, examples=["2026-07"])
    """Any word. A new one makes a new pair, and the old one signs no more; one that was done does nothing."""

    @field_validator("role")
    @classmethod
    def _known_role(cls, role: str) -> str:
        if role not in ROLES and not re.fullmatch(OWN_ROLE, role):
            near = nearest(role, ROLES)
            hint = f"did you mean '{near}'?" if near else f"one of {', '.join(ROLES)}"
            raise ValueError(f"unknown role, {hint} (a plug-in's role has a dot)")
        return role

    @field_validator("public_key")
    @classmethod
    def _parses(cls, text: str | None) -> str | None:
        try:
            return text if text is None else PublicKey.parse(text).openssh
        except Invalid as why:
            raise ValueError(f"{why.message}: {why.remedy}") from None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.generate == (self.public_key is not None):
            raise ValueError("exactly one of `generate: true` and `publicKey` is needed")
        if self.rotate and not self.generate:
            raise ValueError(
                "`rotate` makes a new pair, and this key is given by `publicKey`: give the new one"
            )
        return self
