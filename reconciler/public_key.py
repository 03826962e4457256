"""An ed25519 public key, in the spellings that people use."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from contextlib import suppress
from typing import NamedTuple

from reconciler.errors import Invalid

_OPENSSH_BLOB = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"  # before the 32 bytes, in `AAAA…`


class PublicKey(NamedTuple):
    """An ed25519 public key; people write it as OpenSSH does, or as `ed25519:` and 64 hex digits."""

    hex: str

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        match text.split():
            case ["ssh-ed25519", encoded, *_]:
                with suppress(ValueError):
                    blob = b64decode(encoded, validate=True)
                    if blob.startswith(_OPENSSH_BLOB) and len(blob) == len(_OPENSSH_BLOB) + 32:
                        return cls(blob[-32:].hex())
            case [digits] if re.fullmatch("ed25519:[0-9a-fA-F]{64}", digits):
                return cls(digits.removeprefix("ed25519:").lower())
        raise Invalid(
            "this is no ed25519 public key",
            remedy="write `ssh-ed25519 AAAA…` (a line of a .pub file), or `ed25519:` and 64 hex digits",
        )

    @property
    def fingerprint(self) -> str:
        return f"ed25519:{self.hex}"

    @property
    def openssh(self) -> str:
        return "ssh-ed25519 " + b64encode(_OPENSSH_BLOB + bytes.fromhex(self.hex)).decode()
