"""Hostile texts cost bounded time and memory, and raise nothing."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Misplaced
from reconciler.sources import yaml_composer, yaml_parts
from reconciler.sources.document import Document
from reconciler.sources.yaml_reader import documents

pytestmark = pytest.mark.req("CORE-04")

MB = 1_000_000


def only_error(text: str | bytes) -> Misplaced:
    (error,) = documents(text, "f")
    assert isinstance(error, Misplaced)
    return error


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[a, ", "- - "])
def test_deep_nesting_ends_at_the_bound_and_not_at_the_end_of_the_text(opening: str) -> None:
    place = only_error(opening * (MB // len(opening))).place
    assert place.line == 1
    assert place.column <= len(opening) * (yaml_composer.MAX_DEPTH + 1)


def test_a_bomb_of_aliases_ends_at_the_bound() -> None:
    lines = ["a0: &a0 " + "x" * 100]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    error = only_error("\n".join(lines))
    assert "add more than 1000000 characters" in error.reason
    assert error.place.line == 5  # 100 characters, ten times more on each line


def test_a_bomb_of_merge_keys_ends_at_the_bound() -> None:
    lines = ["a: &a {" + ", ".join(f"k{n}: 1" for n in range(1_000)) + "}", "b:"]
    lines += ["  - <<: *a"] * 10_000
    assert "add more than" in only_error("\n".join(lines)).reason


def test_a_bomb_of_variables_ends_at_the_bound() -> None:
    found = list(documents("- ${X}\n" * 100, "f", lambda text: text.replace("${X}", "x" * 100_000)))
    assert "add more than" in str(found[0])


def test_aliases_within_the_bound_share_what_they_repeat() -> None:
    (document,) = documents("a: &a [1, 2]\nb: *a\nc: [*a, *a]", "f")
    assert isinstance(document, Document)
    assert document.data["c"][1] is document.data["a"]


def test_a_document_of_too_many_values_ends_at_the_bound() -> None:
    error = only_error("[" + "a," * yaml_composer.MAX_EVENTS)
    assert "more than 1000000 values" in error.reason
    assert error.place.column <= 2 * yaml_composer.MAX_EVENTS


def test_a_megabyte_in_one_value_is_fine() -> None:
    (document,) = documents(f"a: {'x' * MB}\nb: |\n" + "  y\n" * (MB // 4), "f")
    assert isinstance(document, Document)
    assert len(document.data["a"]) == MB
    assert document.data["b"].count("\n") == MB // 4


def test_too_large_a_text_is_not_looked_at() -> None:
    error = only_error(bytes(yaml_parts.MAX_BYTES + 1))
    assert (
        str(error)
        == f"f:1:1: {yaml_parts.MAX_BYTES + 1} bytes; at most 67108864 are read\n  remedy: split the file"
    )


def test_a_hundred_thousand_documents_are_read_and_no_more() -> None:
    text = "---\na: 1\n" * (yaml_parts.MAX_DOCUMENTS + 1)
    *read, last = documents(text, "f")
    assert len(read) == yaml_parts.MAX_DOCUMENTS
    assert "more than 100000 documents" in str(last)


def test_a_text_is_held_once_however_many_documents_it_holds() -> None:
    text = "---\na: 1\n" * 10_000
    tracemalloc.start()
    try:
        for document in documents(text, "f"):
            assert isinstance(document, Document)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(text)


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_no_bytes_raise(data: bytes) -> None:
    for found in documents(data, "f"):
        assert isinstance(found, Document | Misplaced)


@given(st.text(st.characters() | st.sampled_from("\n:-[]{}&*!|>'\"%@#,? \t\0\ud800"), max_size=200))
def test_no_text_raises(text: str) -> None:
    for found in documents(text, "f"):
        assert found.place.line >= 1 if isinstance(found, Misplaced) else found.places([("a", 0)])
