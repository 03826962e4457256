"""Text that somebody else has written, on its way to a terminal.

Rules: nothing in it reaches the terminal as a command, or begins a line that looks like ours: file names,
branches, messages and values are written by whoever may commit.
"""

from __future__ import annotations


def plain(text: str) -> str:
    """On one line, what is no printable character by its number: a forged colour is seen as such."""
    if text.isprintable():
        return text
    text = "; ".join(line.strip() for line in text.split("\n"))
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def plain_lines(text: str) -> str:
    """The same for what has lines of its own."""
    return "\n".join(plain(line) for line in text.split("\n"))
