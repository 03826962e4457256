"""Whether a file is a program, where its content has come without a mode.

Rules: what begins as the kernel wants it of a program may be run; that harms nobody, since it is run only
where a manifest says so.
"""

from __future__ import annotations

from typing import Final

_BEGINS: Final = (b"#!", b"\x7fELF")


def mode(content: bytes) -> int:
    """As a private file bears it."""
    return 0o700 if content.startswith(_BEGINS) else 0o600
