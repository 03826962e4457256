"""One broken document hides none of the others, and everything has its place."""

from __future__ import annotations

import pytest

from reconciler.errors import Invalid, Misplaced
from reconciler.sources.document import Document
from reconciler.sources.yaml_reader import documents

pytestmark = pytest.mark.req("CORE-04")


def told(text: str | bytes) -> list[str]:
    return [str(each) for each in documents(text, "f.yaml") if isinstance(each, Misplaced)]


def read(text: str | bytes) -> list[Document]:
    return [each for each in documents(text, "f.yaml") if isinstance(each, Document)]


@pytest.mark.parametrize(
    "broken",
    ["a: [1", "a: 'x", "a: {b", "a: b: c", "a: @b", "\tb", "a: 1\na: 2", "a: *x", "a: !x b", "- a\nb",
     "1: a", "a: \x01", "a: \ud800", "a: &x [*x]", "a: |\n  b\n c", "%YAML 1.1\n---\na: yes",
     "a: b\n%TAG ! x\n---\nc: 1"],
)  # fmt: skip
def test_the_documents_around_a_broken_one_are_read(broken: str) -> None:
    text = f"first: 1\n---\n{broken}\n---\nlast: |\n  ---\n"
    assert [document.data for document in read(text)][:: len(read(text)) - 1] == [
        {"first": 1},
        {"last": "---\n"},
    ]
    assert len(told(text)) == 1


def test_each_broken_document_is_told_by_itself() -> None:
    assert told("a: [1\n---\nb: 2\n---\n- @\n") == [
        "f.yaml:2:1: a[1]: expected ',' or ']' in the list of line 1",
        "f.yaml:5:3: [0]: '@' begins no text without quotes\n  remedy: quote it",
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a:\n\tb: 1", "2:1: a: a tab, where only spaces may indent\n  remedy: indent with spaces"),
        ("a:\n  b: @c", "2:6: a.b: '@' begins no text without quotes\n  remedy: quote it"),
        ("- a\n]", "2:1: [1]: this fits no entry of the list of line 1\n  remedy: look at the indentation"),
        ("a: 1\nb\n",
         "3:1: expected ':' behind the key of line 2\n  remedy: quote a text that goes on in the next line"),
        ("a: [1\nb: 2", "2:2: a[1]: expected ',' or ']' in the list of line 1"),
        ("a: 1\nb: 'c\n", "3:1: b: the quote of line 2 is not closed"),
        ("a:\n  b: 1\n  b: 2", "3:3: a.b: the key stands twice\n  remedy: remove one of them"),
        ("a:\n- !x 1", "2:3: a[0]: a tag is not allowed\n  remedy: remove it; quote a text with ! before it"),
        ("a: *b", "1:4: a: this alias has no anchor before it\n  remedy: quote a text that begins with *"),
        ("a: &b {c: *b}", "1:11: a.c: the alias '*b' holds itself"),
        ("a: {1: b}", "1:5: a: a key that is no text\n  remedy: quote it"),
        ("a: {*b : c}", "1:5: a: a key that is an alias\n  remedy: write it out"),
        ("a:\n  <<: b", "2:7: a.<<: expected a mapping or a list of mappings"),
        ("a:\n  <<: {}\n  <<: {}", "3:3: a.<<: the key stands twice\n  remedy: give a list of mappings"),
        ("%YAML 1.1\n---\na: 1", "1:1: a directive other than '%YAML 1.2'\n  remedy: remove it"),
        ("%FOO\n---\na: 1", "1:5: no valid YAML: found unknown directive name of line 1"),
        ("a: 'é\x07'", "1:6: the character U+0007 is not allowed\n  remedy: write \\x07 in quotes"),
        ("a:\n\u2028", "2:1: the character U+2028 is not allowed\n  remedy: write \\u2028 in quotes"),
        ("a: 7\ud800", "1:5: the character U+D800 is not allowed\n  remedy: write \\ud800 in quotes"),
        (b"a: 1\r\nb: \xff", "2:4: the byte 0xff is no UTF-8\n  remedy: save the file as UTF-8"),
        ("a: b".encode("utf-16"), "1:1: the text is UTF-16\n  remedy: save the file as UTF-8"),
        ('a: {"\\e[31mred": 1, "\\e[31mred": 2}',
         "1:21: a.\\x1b[31mred: the key stands twice\n  remedy: remove one of them"),
        ("a: " + "7" * 101, "1:4: a: a number of 101 characters\n  remedy: quote it if it is text"),
    ],
)  # fmt: skip
def test_an_error_has_its_place_its_path_and_a_remedy(text: str | bytes, error: str) -> None:
    assert told(text) == [f"f.yaml:{error}"]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_editors_do(ending: str) -> None:
    text = "# head\n---\na: 1\n...\n\n# between\nb: [é, {c: 1}]\n---\n\nd: 1\n".replace("\n", ending)
    first, second, third = read(text)
    assert (first.line, second.line, third.line) == (3, 7, 10)
    assert [str(place) for place in second.places([("b", 0), ("b", 1, "c"), ("b",), ("x",), ("b", 7)])] == [
        "f.yaml:7:5", "f.yaml:7:9", "f.yaml:7:1", "f.yaml:7:1", "f.yaml:7:1",
    ]  # fmt: skip


def test_a_byte_order_mark_moves_nothing() -> None:
    (document,) = read(b"\xef\xbb\xbfa: {b: 1}")
    assert str(document.places([("a", "b")])[0]) == "f.yaml:1:5"


def test_what_came_through_a_merge_key_has_the_place_where_it_is_written() -> None:
    (document,) = read("x: &x\n  a: 1\ny: &y {b: 1}\nz:\n  <<: [*x, *y]\nw:\n  <<: *x")
    paths: list[tuple[str | int, ...]] = [("z", "a"), ("z", "b"), ("w", "a"), ("w", "c")]
    assert [str(place) for place in document.places(paths)] == [
        "f.yaml:2:3", "f.yaml:3:8", "f.yaml:2:3", "f.yaml:6:1",
    ]  # fmt: skip


def test_a_value_that_cannot_be_filled_in_leaves_the_rest_readable() -> None:
    def fill(text: str) -> str:
        raise Invalid(f"no {text}", remedy="none")

    (document,) = documents("a: x\nb: ['${Y}', $x]\n", "f.yaml", fill)
    assert isinstance(document, Document)
    assert document.data == {"a": "x", "b": ["${Y}", "$x"]}
    assert [str(flaw) for flaw in document.flaws] == ["f.yaml:2:5: b[0]: no ${Y}\n  remedy: none"]
