"""What stands on a terminal after all that was written to it: the little of one that live displays use."""

from __future__ import annotations

import re

TOKEN = re.compile(r"\x1b\[(?P<number>[0-9;?]*)(?P<verb>[A-Za-z])|(?P<sign>[\r\n])|(?P<text>[^\x1b\r\n]+)")


def screen(raw: str, columns: int) -> list[str]:
    """The lines, the last one that the cursor was in included; a line that is too long goes on below."""
    lines, row, column = [""], 0, 0
    for token in TOKEN.finditer(raw):
        count = int(token["number"]) if (token["number"] or "").isdigit() else 1
        match token["verb"] or token["sign"]:
            case "\r":
                column = 0
            case "\n":
                row += 1
            case "A":
                row = max(0, row - count)
            case "K":
                lines[row] = ""
            case None:
                for one in token["text"]:
                    if column == columns:
                        row, column = row + 1, 0
                    lines += [""] * (row + 1 - len(lines))
                    lines[row] = lines[row][:column].ljust(column) + one + lines[row][column + 1 :]
                    column += 1
        lines += [""] * (row + 1 - len(lines))
    return [line.rstrip() for line in lines]
