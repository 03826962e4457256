"""What a plain scalar means: the core schema of YAML 1.2.

Rules: only `null`, `true`, `false` and their two other spellings, `~` and nothing are words; numbers
are decimal (leading zeros mean nothing), `0o` octal, `0x` hexadecimal or floating; all else is text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reconciler.errors import Invalid

if TYPE_CHECKING:
    from reconciler.model import JsonValue

MAX_NUMBER: Final = 100  # characters: more is a digest or an accident

_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
FIRST: Final = frozenset(["", *"~nNtTfF", *"-+.0123456789"])
"""How everything that is not text begins: what begins otherwise need not be resolved."""

_NUMERIC: Final = frozenset("-+.0123456789")
_INT: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_ODD: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def resolve(text: str) -> JsonValue:
    """The value of a plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if len(text) <= MAX_NUMBER:
        return _number(text)
    if _INT.fullmatch(text) or _BASED.fullmatch(text) or _FLOAT.fullmatch(text):
        raise Invalid(f"a number of {len(text)} characters", remedy="quote it if it is text")
    return text


def _number(text: str) -> JsonValue:
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _ODD.fullmatch(text):
        return float(text.replace(".", ""))
    return text
