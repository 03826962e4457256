"""Age encryption, in its armored text form. The only import of pyrage, and a lazy one.

Rules: no error repeats what was to be encrypted or decrypted; a recipient is an age one (`age1…`)
or, so that people can open a value with the key they have, an ssh one (`ssh-ed25519 …`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.errors import Invalid, Missing

IDENTITY_PREFIX = "AGE-SECRET-KEY-1"


class Undecryptable(Invalid):
    """None of the identities opens it, or it was damaged on the way."""


def new_identity() -> str:
    import pyrage  # type: ignore[import-untyped]

    return str(pyrage.x25519.Identity.generate())


def recipient_of(identity: str) -> str:
    """The public half, to which others encrypt."""
    return str(_identity(identity).to_public())


def encrypt(value: bytes, recipients: Sequence[str]) -> str:
    """The armored text of `value`, which each of the recipients can open."""
    import pyrage

    if not recipients:
        raise Missing("nobody to encrypt to", remedy="name at least one recipient (age1… or ssh-ed25519 …)")
    parsed = [_recipient(text, place) for place, text in enumerate(recipients, 1)]
    return bytes(pyrage.encrypt(value, parsed, armored=True)).decode()


def decrypt(armored: str, identities: Sequence[str]) -> bytes:
    import pyrage

    try:
        return bytes(pyrage.decrypt(armored.strip().encode(), [_identity(i) for i in identities]))
    except (pyrage.DecryptError, ValueError) as why:
        stranger = str(why) == "No matching keys found"
        raise Undecryptable(
            "cannot be decrypted: " + ("it is for somebody else" if stranger else "it is damaged"),
            remedy="encrypt it to this node: `holdfast node identity` prints its recipient",
        ) from None


def _identity(text: str) -> Any:  # noqa: ANN401 - pyrage ships no types
    import pyrage

    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError:
        raise Invalid(
            f"this is no age identity: a line beginning with {IDENTITY_PREFIX} is damaged or cut off",
            remedy="take the line from the backup as a whole",
        ) from None


def _recipient(text: str, place: int) -> Any:  # noqa: ANN401 - pyrage ships no types
    import pyrage

    kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
    try:
        return kind.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        # What was given is not repeated: it may be an identity, or the value itself.
        raise Invalid(
            f"recipient {place} is none",
            remedy="give a public half, `age1…` (`holdfast node identity` prints it) or `ssh-ed25519 …`",
        ) from None
