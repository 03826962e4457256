"""Durations and sizes as people write them: `30s`, `1h30m`, `5MiB`, each with one meaning only.

Rules: pure; a bare number has no unit and is refused, because nobody can know which one was meant;
what is parsed can be written back (`format_duration`, `format_size`) and parses to the same value.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

DURATION_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
SIZE_UNITS: Final = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGT", start=1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", start=1)},
    **{
        f"{letter}i": 1024**power for power, letter in enumerate("KMGT", start=1)
    },  # as Kubernetes writes them
}
LONGEST: Final = timedelta(days=36_500)
LARGEST: Final = 2**63 - 1

_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)")
_TEXT_LIMIT = 40  # no quantity needs more, and a megabyte of digits costs time


def parse_duration(text: str) -> timedelta:
    """Read `500ms`, `30s`, `5m`, `1h30m`, `7d`; raises ValueError with what is expected."""
    if len(text) > _TEXT_LIMIT or not _DURATION.fullmatch(text):
        raise ValueError(
            f"{text[:_TEXT_LIMIT]!r} is no duration: write a number with ms, s, m, h or d, as 30s or 1h30m"
        )
    parts = _DURATION_PART.findall(text)
    units = [unit for _, unit in parts]
    if len(set(units)) < len(units):
        raise ValueError(f"{text!r} is no duration: it names a unit twice")
    microseconds = sum(
        Decimal(number) * (DURATION_UNITS[unit] // timedelta(microseconds=1)) for number, unit in parts
    )
    if microseconds > LONGEST // timedelta(microseconds=1):
        raise ValueError(f"{text!r} is longer than a hundred years")
    return timedelta(microseconds=int(microseconds))


def format_duration(value: timedelta) -> str:
    """Write a duration so that `parse_duration` reads the same one."""
    rest, text = value, ""
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, DURATION_UNITS[unit])
        text += f"{count}{unit}" if count else ""
    if rest:
        milliseconds = Decimal(rest // timedelta(microseconds=1)) / 1000
        text += f"{milliseconds.normalize():f}ms"
    return text or "0s"


def parse_size(text: str) -> int:
    """Read `512B`, `5MiB`, `1.5GB`, `2Gi` as bytes; raises ValueError with what is expected."""
    match = _SIZE.fullmatch(text) if len(text) <= _TEXT_LIMIT else None
    if match is None:
        raise ValueError(
            f"{text[:_TEXT_LIMIT]!r} is no size: write a number with a unit, as 5MiB, 1.5GB or 512B"
        )
    number, unit = match.groups()
    if unit not in SIZE_UNITS:
        raise ValueError(f"{text!r} is no size: {_meant(unit)}")
    size = Decimal(number) * SIZE_UNITS[unit]
    if size != int(size):
        raise ValueError(f"{text!r} is no whole number of bytes")
    if size > LARGEST:
        raise ValueError(f"{text!r} is more than {LARGEST} bytes")
    return int(size)


def format_size(value: int) -> str:
    """Write a size in the largest binary unit that divides it, so that `parse_size` reads the same one."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if value and value % SIZE_UNITS[unit] == 0:
            return f"{value // SIZE_UNITS[unit]}{unit}"
    return f"{value}B"


def _meant(unit: str) -> str:
    near = [known for known in SIZE_UNITS if known.lower() == unit.lower()]
    if len(unit) == 1:
        near = [known for known in SIZE_UNITS if known[0].lower() == unit.lower() and known.endswith("B")]
    known = " or ".join(near) if near else "B, kB, MB, GB, TB, KiB, MiB, GiB or TiB"
    return (
        f"unknown unit {unit!r}, did you mean {known}?" if near else f"unknown unit {unit!r}, write {known}"
    )


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError(
        f"{value!r} is no duration: it needs a unit, as {value}s or {value}m"
        if _number(value)
        else "a duration is written as text: 30s, 5m, 1h30m"
    )


def _size(value: object) -> int:
    if isinstance(value, str):
        return parse_size(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value  # bytes, as the program itself counts them
    raise ValueError("a size is written as text: 512B, 5MiB, 1.5GB")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


Duration = Annotated[
    timedelta,
    Field(ge=timedelta(0)),
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["30s", "5m", "1h30m"]}
    ),
]
"""A length of time; in YAML a text such as `30s`, `5m` or `1h30m`."""

Size = Annotated[
    int,
    Field(ge=0),
    BeforeValidator(_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^[0-9]+(\\.[0-9]+)? ?({'|'.join(SIZE_UNITS)})$",
            "examples": ["512B", "5MiB", "1.5GB"],
        }
    ),
]
"""A number of bytes; in YAML a text such as `5MiB`."""
