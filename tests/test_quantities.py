"""Durations and sizes: one meaning each, and errors that say what to write instead."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from reconciler.quantities import (
    LARGEST,
    LONGEST,
    Duration,
    Size,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


class Wish(BaseModel):
    wait: Duration = timedelta(seconds=30)
    limit: Size = 1024


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("7d", 604_800),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("1m500ms", 60.5),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0B", 0),
        ("512B", 512),
        ("5MiB", 5 << 20),
        ("1.5GB", 1_500_000_000),
        ("2Gi", 2 << 30),
        ("1 KiB", 1024),
        ("1kB", 1000),
    ],
)
def test_a_size_is_read(text: str, bytes_: int) -> None:
    assert parse_size(text) == bytes_


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "write a number with"),
        ("30", "ms, s, m, h or d"),
        ("-5s", "is no duration"),
        ("5 s", "is no duration"),
        ("1m1m", "a unit twice"),
        ("99999999d", "a hundred years"),
        ("9" * 100 + "s", "is no duration"),
        ("1e3s", "is no duration"),
        ("٣s", "is no duration"),
    ],
)
def test_no_duration_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "as 5MiB"),
        ("5", "as 5MiB"),
        ("5M", "did you mean MB or MiB"),
        ("5mib", "did you mean MiB"),
        ("5parsec", "write B, kB"),
        ("0.5B", "no whole number"),
        ("9" * 30 + "TiB", "more than"),
        ("-1B", "is no size"),
    ],
)
def test_no_size_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_size(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_a_duration_survives_the_round_trip(value: timedelta) -> None:
    assert parse_duration(format_duration(value)) == value


@given(st.integers(min_value=0, max_value=LARGEST))
def test_a_size_survives_the_round_trip(value: int) -> None:
    assert parse_size(format_size(value)) == value


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_by_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_size):
        try:
            assert parse(text) is not None
        except ValueError:
            continue


def test_a_model_takes_texts_and_gives_texts_back() -> None:
    wish = Wish.model_validate({"wait": "90s", "limit": "2MiB"})
    assert wish.wait == timedelta(seconds=90)
    assert wish.limit == 2 << 20
    assert wish.model_dump(mode="json") == {"wait": "1m30s", "limit": "2MiB"}
    assert Wish.model_validate(wish.model_dump()) == wish


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"wait": 30}, "it needs a unit, as 30s or 30m"),
        ({"wait": True}, "written as text"),
        ({"wait": None}, "written as text"),
        ({"limit": 1.5}, "written as text"),
        ({"limit": True}, "written as text"),
        ({"limit": -1}, "greater than or equal to 0"),
        ({"wait": timedelta(seconds=-1)}, "greater than or equal to 0"),
    ],
)
def test_a_value_without_unit_is_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Wish.model_validate(fields)


def test_the_schema_shows_text_with_examples() -> None:
    properties = Wish.model_json_schema()["properties"]
    assert properties["wait"]["type"] == "string"
    assert properties["limit"]["type"] == "string"
