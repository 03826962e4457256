"""How long a person is ready to wait, as it is written: `30s`, `5m`."""

from __future__ import annotations

from reconciler.errors import Invalid


def seconds(text: str) -> float:
    from reconciler.quantities import parse_duration

    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise Invalid(str(error)) from error
