"""What libyaml found wrong, in the words of somebody who writes manifests.

Rules: what it says about tokens, nodes and streams becomes what to look for in the text; what is rare
keeps its words. `{since}` is where the thing began that goes wrong here.
"""

from __future__ import annotations

from typing import Final

import yaml

_TAB: Final = ("a tab, where only spaces may indent", "indent with spaces")
_INDENT: Final = "look at the indentation"
_TOKEN: Final = "found character that cannot start any token"  # noqa: S105 - a word of libyaml's
_SAID: Final = {
    "mapping values are not allowed in this context": (
        "a key cannot stand here",
        f"{_INDENT}, or quote a text that holds ': '",
    ),
    "mapping keys are not allowed in this context": ("a key cannot stand here", _INDENT),
    "block sequence entries are not allowed in this context": (
        "an entry of a list cannot stand here",
        "put the list on lines of its own, or quote a text that begins with '- '",
    ),
    "did not find expected key": (
        "this fits no key of the mapping{since}",
        f"{_INDENT}, and for a missing quote",
    ),
    "did not find expected '-' indicator": ("this fits no entry of the list{since}", _INDENT),
    "did not find expected <document start>": ("the document has ended before this", f"{_INDENT}"),
    "did not find expected node content": ("expected a value", ""),
    "did not find expected ',' or ']'": ("expected ',' or ']' in the list{since}", ""),
    "did not find expected ',' or '}'": ("expected ',' or '}' in the mapping{since}", ""),
    "could not find expected ':'": (
        "expected ':' behind the key{since}",
        "quote a text that goes on in the next line",
    ),
    "found unexpected end of stream": ("the quote{since} is not closed", ""),
    "found unexpected document indicator": ("the quote{since} is not closed", ""),
    "found a tab character that violates indentation": _TAB,
    "found a tab character where an indentation space is expected": _TAB,
}


def in_words(error: yaml.MarkedYAMLError, text: str, above: int) -> tuple[str, str]:
    """The reason and the remedy. The text has that many lines of its file above it."""
    mark, begins = error.problem_mark, error.context_mark
    if error.problem == _TOKEN and mark is not None:
        found = text[mark.index : mark.index + 1]
        return _TAB if found == "\t" else (f"'{found}' begins no text without quotes", "quote it")
    since = f" of line {begins.line + 1 + above}" if begins is not None else ""
    reason, remedy = _SAID.get(error.problem or "", (f"no valid YAML: {error.problem}{{since}}", ""))
    return reason.replace("{since}", since), remedy
