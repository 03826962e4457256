"""Why a credential does not count: told to the log, and never to the caller."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    DISABLED = "disabled"
    EXPIRED = "expired"
    ROTATED = "rotated"
    FORGED = "forged: its signature is not the node's"
    EARLY = "not valid yet"
    FOREIGN = "made by another node, or for something else"
    ENDED = "of a session that has ended"
