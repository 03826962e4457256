"""Times as a person writes them: how long to wait (`30s`, `5m`), and since when (`10m` ago)."""

from __future__ import annotations

from reconciler.errors import Invalid

LOOK_S = 0.2  # between two looks at what is waited for


def seconds(text: str) -> float:
    from reconciler.quantities import parse_duration

    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise Invalid(str(error)) from error


def moment(text: str) -> str:
    """`10m` ago, or a time in ISO 8601 as it is; as the API takes it."""
    from datetime import UTC, datetime

    from reconciler.quantities import parse_duration

    if not text:
        return ""
    try:
        return (datetime.now(UTC) - parse_duration(text)).isoformat()
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError as error:
        raise Invalid(
            f"'{text}' is no time", remedy="write how long ago, as in `10m`, or a time as in ISO 8601"
        ) from error
