"""What stands in the columns of a row: times, JSON, and at its end a seal over the others.

Rules: what JSON cannot carry is refused here, for the caller that brought it; a row whose seal does not fit
is `Corrupt`, never data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from pydantic_core import from_json, to_json

from reconciler.errors import Corrupt, Invalid
from reconciler.model import EMPTY, JsonValue
from reconciler.store.remedies import RESTART

Row = tuple[Any, ...]

HISTORY = ("plans", "events", "operations", "revision_files", "service_metrics")
LINES = ["\x1f".join(["%s"] * width) for width in range(16)]  # by far the fastest way to one text of a row
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def sealed(*columns: JsonValue) -> Row:
    try:
        return (*columns, _seal(columns))
    except UnicodeEncodeError as error:
        raise Invalid(f"a text that is to be stored is no Unicode: {error}") from None


def unsealed(table: str, row: Row) -> Sequence[Any]:
    columns = row[:-1]
    if _seal(columns) != row[-1]:
        raise Corrupt(
            f"a row of {table} is not as it was written: {', '.join(str(part)[:80] for part in columns[:3])}",
            remedy="it is history and nothing is decided by it: it goes when its time comes"
            if table in HISTORY
            else RESTART,
        )
    return columns


def _seal(columns: Row) -> int:
    return crc32((LINES[len(columns)] % columns).encode())


def moment(at: datetime) -> int:
    if at.tzinfo is None:
        raise Invalid(f"the time {at.isoformat()} has no zone", remedy="give it one: datetime.now(UTC)")
    return (at - EPOCH) // MICROSECOND


def instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def json(value: JsonValue) -> str:
    try:
        return to_json(value, fallback=_plain).decode()
    except ValueError as error:
        raise Invalid(f"JSON cannot carry what is to be stored: {error}") from None


def _plain(value: object) -> JsonValue:
    """Read-only mappings are welcome; anything else that JSON does not know is a slip of the caller."""
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError(f"{type(value).__name__}")


def mapping(text: str) -> Mapping[str, Any]:
    return EMPTY if text == "{}" else from_json(text)
