"""Whatever can be written: where the fast reader and ruamel.yaml both read it, they read the same."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reconciler.model import JsonValue
from tests.sources.yaml.readers import REFUSED, ours, ruamels, same

pytestmark = pytest.mark.req("CORE-01")

# What YAML allows in a text, without the three that libyaml and YAML 1.2 disagree on.
CHARACTERS = st.characters(
    exclude_categories=("Cs", "Cc"),
    exclude_characters="\u2028\u2029\ufeff\ufffe\uffff",
    include_characters="\n\t",
)
TRAPS = st.sampled_from(
    ["yes", "010", "0o10", "1e3", "22:22", "~", "", "- a", "a: b", "#", "'", "---", "*a", "<<", " "]
)
# A plain key that begins with `?` is written by ruamel, and not read back: `{?0: null}` loses the mark.
TEXTS = TRAPS | st.text(CHARACTERS, max_size=20).filter(lambda text: not text.startswith("?"))
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXTS
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)

PIECES = (
    "a", "b", "key", "x y", "é", "1", "-1", "+1", "1.", "1e3", "010", "0o7", "0x1F", ".inf", "~",
    "null", "true", "yes", "'", '"', "''", '""', "|", "|-", ">", "|2\n", "|\n  ", ">-\n  ", "#", " #",
    "[", "]", "{", "}", ",", ", ", "?", ":", ": ", ":\n", "a: ", "b: ", "-", "- ", "-\n", "&x", "&x ",
    "*x", "<<", "<<: ", "!", "!!str ", "%", "@", "`", "\n", "\r\n", " ", "  ", "\n  ", "\n    ",
    "---", "---\n", "...", "...\n",
)  # fmt: skip

# Where the two read differently, and nobody writes: a sign before `0x` or `0o`, an exponent behind a bare
# fraction, blocks of text that are not indented, names of anchors beyond letters, digits, `-` and `_`.
DEPARTS = re.compile(
    r"[-+]0[xo]|(?<![0-9])\.[0-9]+e|[|>][-+0-9]*[ \t\r]*(#.*)?(\n(?![ ])|\Z)|[&*]x[-\w]*[^-\w\s]",
    re.MULTILINE,
)
# A plain text that begins with a colon, inside brackets: an error to libyaml, which asks for quotes.
UNREAD = re.compile(r"(?:[\[{,]|^)\s*:[^ ]", re.MULTILINE)


def dumped(data: JsonValue, *, flow: bool) -> str:
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = flow
    writer.width = 10_000  # it breaks long keys, and cannot read them back
    writer.allow_unicode = True
    text = io.StringIO()
    writer.dump({"data": data}, text)
    return text.getvalue()


@given(data=DATA, flow=st.booleans())
def test_what_ruamel_writes_both_read_back(data: JsonValue, flow: bool) -> None:
    text = dumped(data, flow=flow)
    assert same(ruamels(text), [{"data": data}]), text
    assume(not UNREAD.search(text))
    assert same(ours(text), [{"data": data}]), text


@settings(max_examples=1_000)
@example(pieces=["a: ", "|\n  ", "---", "\n---\n", "b: ", "1"])
@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=14))
def test_whatever_both_read_they_read_alike(pieces: list[str]) -> None:
    text = "".join(pieces)
    assume(not DEPARTS.search(text))
    mine, theirs = ours(text), ruamels(text)
    assume(REFUSED not in (mine, theirs))
    assert same(mine, theirs), text
