"""What a person writes of a secret.

Rules: a value is an age ciphertext, or it is refused; no error repeats what was written, since it
may be the very secret in plain text.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from reconciler.model import Spec

LARGEST_CIPHERTEXT = 512 * 1024
MOST_VALUES = 256
KEY = r"^[A-Za-z0-9._-]{1,253}$"
BEGIN, END = "-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----"
PLAIN = (
    "this is not encrypted, and whoever reads the repository can read it: "
    "change the secret where it is used, then encrypt the new one with `holdfast secret encrypt`"
)
BROKEN = "this is no whole age ciphertext: take all lines from BEGIN to END"


def armored(text: str) -> str:
    """The ciphertext in one spelling: no spaces around lines, no carriage returns."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if not lines or lines[0] != BEGIN:
        raise ValueError(PLAIN)
    if len(text) > LARGEST_CIPHERTEXT:
        raise ValueError(
            f"a value may have {LARGEST_CIPHERTEXT // 1024} KiB when encrypted, and this is larger"
        )
    if lines[-1] != END:
        raise ValueError(BROKEN)
    body = "".join(lines[1:-1])
    try:
        header = b64decode(body, validate=True)
    except ValueError:
        raise ValueError(BROKEN) from None
    if not re.match(rb"age-encryption\.org/v1\n", header):
        raise ValueError(BROKEN)
    return "\n".join(lines) + "\n"


Armored = Annotated[str, AfterValidator(armored), Field(json_schema_extra={"pattern": rf"^\s*{BEGIN}"})]


class SecretSpec(Spec):
    """Values that others refer to by key; here they stand encrypted, for the node alone to read."""

    model_config = ConfigDict(hide_input_in_errors=True)

    encrypted: Mapping[Annotated[str, Field(pattern=KEY)], Armored] = Field(
        min_length=1, max_length=MOST_VALUES
    )
    """Each value encrypted with age to the node (and to whom else you like), as `holdfast secret encrypt`
    prints it."""
