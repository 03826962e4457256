"""What a node has left is read by another process as by this one, or not at all; and without a trace."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.folders import contents, left_by_a_kill, older, stored
from tests.store.records import kept, one_of_each

ROOT = Path(__file__).parents[2]
SAME, NOTHING = "1 0 the same", "1 0 nothing"


def beside(store: Path, how: str = "") -> str:
    """How many processes were begun, how many are left, and what was found."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.beside", str(store), how],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.req("CLI-02")
async def test_a_store_that_was_closed_is_read_as_it_lies(path: Path) -> None:
    await stored(path, *one_of_each())
    before = contents(path.parent)
    assert beside(path) == SAME
    assert contents(path.parent) == before


async def test_a_log_that_is_not_merged_is_left_to_who_opens_it(path: Path) -> None:
    await left_by_a_kill(path, kept())
    before = contents(path.parent)
    assert beside(path) == NOTHING
    assert contents(path.parent) == before


async def test_so_is_another_schema(path: Path) -> None:
    older(path, kept())
    assert beside(path) == NOTHING


async def test_so_is_what_is_damaged(path: Path) -> None:
    await stored(path, *one_of_each())
    path.write_bytes(b"not a store" * 999)
    assert beside(path) == NOTHING


async def test_a_text_that_is_none_is_left_to_its_seal(path: Path) -> None:
    await stored(path, *one_of_each())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE inventory SET source = CAST(x'ff' AS TEXT)")
    connection.close()
    assert beside(path) == NOTHING


def test_where_no_store_is_nobody_is_asked(path: Path) -> None:
    assert beside(path) == "0 0 nothing"


@pytest.mark.parametrize(("how", "told"), [("kill", NOTHING), ("threads", "0 0 nothing")])
async def test_without_an_answer_nothing_is_found(path: Path, how: str, told: str) -> None:
    await stored(path, *one_of_each())
    assert beside(path, how) == told
