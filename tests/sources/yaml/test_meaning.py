"""The shared corpus: what a text means, pinned, and proven to be what ruamel.yaml reads too."""

from __future__ import annotations

import math

import pytest

from reconciler.model import JsonValue
from tests.sources.yaml.readers import REFUSED, ours, ruamels, same

pytestmark = pytest.mark.req("CORE-01")

# One row a trap: the text of a value, and what it means.
SCALARS: list[tuple[str, JsonValue]] = [
    # Words
    ("yes", "yes"),
    ("NO", "NO"),
    ("on", "on"),
    ("Off", "Off"),
    ("y", "y"),
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("tRue", "tRue"),
    ("null", None),
    ("Null", None),
    ("~", None),
    ("", None),
    ("nuLL", "nuLL"),
    ("'null'", "null"),
    ('"true"', "true"),
    # Whole numbers
    ("0", 0),
    ("42", 42),
    ("-7", -7),
    ("+1", 1),
    ("010", 10),
    ("0o10", 8),
    ("0o8", "0o8"),
    ("0x1F", 31),
    ("0xG", "0xG"),
    ("0644", 644),
    ("99999999999999999999", 99999999999999999999),
    ("'42'", "42"),
    # Floating ones
    ("1.5", 1.5),
    ("1e3", 1000.0),
    ("1E-2", 0.01),
    (".5", 0.5),
    ("1.", 1.0),
    ("-.inf", -math.inf),
    (".NaN", math.nan),
    ("inf", "inf"),
    ("e3", "e3"),
    ("1.2.3", "1.2.3"),
    (".", "."),
    # What other loaders take for numbers and dates
    ("22:22", "22:22"),
    ("1:30:00", "1:30:00"),
    ("12e", "12e"),
    ("5MiB", "5MiB"),
    ("1-2", "1-2"),
    # Text
    ("a b", "a b"),
    ("a:b", "a:b"),
    ("http://x/y", "http://x/y"),
    ("a#b", "a#b"),
    ("a # b", "a"),
    ("'it''s'", "it's"),
    (r'"\x41\u00e9\n"', "Aé\n"),
    ("!!str 12", "12"),
    ("|\n  a\n   b\n", "a\n b\n"),
    (">-\n  a\n  b\n\n  c\n", "a b\nc"),
    ("|2\n   a\n", " a\n"),
    ("a\n  b", "a b"),
    ("éß漢🎈", "éß漢🎈"),
    # Collections
    ("[a, 1, [b]]", ["a", 1, ["b"]]),
    ("{a: 1, b: }", {"a": 1, "b": None}),
    ("{}", {}),
    ("[]", []),
    ("\n- a\n- b: 1\n  c: 2", ["a", {"b": 1, "c": 2}]),
    ("\n  on: 1\n  no: 2", {"on": 1, "no": 2}),
    ("{? a : b}", {"a": "b"}),
    ("[a: 1]", [{"a": 1}]),
    # Anchors, aliases, merge keys
    ("[&x {a: 1}, *x]", [{"a": 1}, {"a": 1}]),
    ("[&x a, *x]", ["a", "a"]),
    ("{p: &p {a: 1, b: 2}, q: {<<: *p, b: 3}}", {"p": {"a": 1, "b": 2}, "q": {"a": 1, "b": 3}}),
    ("{b: 1, <<: [{b: 2, c: 3}, {c: 4, d: 5}]}", {"b": 1, "c": 3, "d": 5}),
    ("{'<<': {a: 1}}", {"<<": {"a": 1}}),
]

REFUSALS = [
    "{a: 1, a: 2}",
    "{a: 1, 'a': 2}",
    "{<<: {a: 1}, <<: {b: 2}}",
    "*nowhere",
    "!foo a",
    "!!python/object:os.system {}",
    "!!python/name:os.system",
    "[a",
    "{a",
    "'a",
    "a: b: c",
    "@a",
    "%a",
    "[a]]",
    "{<<: 3}",
    "- a",
]

# Where ruamel departs from YAML 1.2's core schema, and the core schema rules.
OF_OUR_OWN: list[tuple[str, JsonValue]] = [
    ("1_000", "1_000"),
    ("2026-01-02", "2026-01-02"),
    ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
    ("0b11", "0b11"),
    ("-0x1F", "-0x1F"),
    ("-0o7", "-0o7"),
    (".5e3", 500.0),
    ("=", "="),
    ("<<", "<<"),
    ("&a x\u00a0", "x\u00a0"),
]

# What JSON cannot hold, or what may hide something, is refused although ruamel reads it.
OURS_TO_REFUSE = [
    "{1: a}",
    "{true: a}",
    "{~: a}",
    "{[a]: b}",
    "[&x [*x]]",
    "!!int '12'",
    "!!set {a}",
    "!!binary aGk=",
    "'\u2028'",
    "1" * 101,
]


@pytest.mark.parametrize(("text", "meaning"), SCALARS)
def test_a_value_means_this_to_both(text: str, meaning: JsonValue) -> None:
    document = f"key: {text}\n"
    assert same(ours(document), [{"key": meaning}])
    assert same(ruamels(document), [{"key": meaning}])


@pytest.mark.parametrize("text", REFUSALS)
def test_both_refuse(text: str) -> None:
    document = f"key: {text}\n"
    assert ours(document) == REFUSED
    assert ruamels(document) == REFUSED


@pytest.mark.parametrize(("text", "meaning"), OF_OUR_OWN)
def test_the_core_schema_rules_where_ruamel_departs_from_it(text: str, meaning: JsonValue) -> None:
    assert same(ours(f"key: {text}\n"), [{"key": meaning}])


@pytest.mark.parametrize("text", OURS_TO_REFUSE)
def test_what_json_cannot_hold_is_refused(text: str) -> None:
    document = f"key: {text}\n"
    assert ours(document) == REFUSED
    assert ruamels(document) != REFUSED


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("---\n---\na: 1\n---\n# nothing\n", [{"a": 1}]),
        ("%YAML 1.2\n---\na: 1\n...\n%YAML 1.2\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("a: 1\n...\n# between\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("# above\n\n--- # beside\na: 1\n", [{"a": 1}]),
        ("--- {a: 1}\n--- {b: 2}\n", [{"a": 1}, {"b": 2}]),
        ("a: |\n  ---\n  b\n---\nc: 1\n", [{"a": "---\nb\n"}, {"c": 1}]),
        ("a: ---b\n", [{"a": "---b"}]),
        ("a:\r\n  - b\r\n---\r\nc: 1\r\n", [{"a": ["b"]}, {"c": 1}]),
        ("\ufeffa: 1\n", [{"a": 1}]),
        ("", []),
        ("# only words\n", []),
    ],
)
def test_documents_are_told_apart_alike(text: str, meaning: JsonValue) -> None:
    assert same(ours(text), meaning)
    assert same(ruamels(text), meaning)
