"""Documents read by other processes are the same as those read here, whatever becomes of the others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.sources.reading_beside import ENOUGH
from reconciler.sources.substitute import filler
from reconciler.sources.yaml_reader import documents

pytestmark = pytest.mark.req("CORE-04")

ROOT = Path(__file__).parents[3]
PADDING = f"# {'x' * 1_000}\n"
SOUND = "---\na: {b: [1, 2.5, 0x1f, null, true, 'ü', .inf]}\nc: &x [d]\ne: *x\n" + PADDING
EMPTY = "---\n# nothing\n"
BROKEN = "---\na: [1\n" + PADDING
UNFILLED = "---\na: ${NAME}\nb: ${NAME:-c}\n" + PADDING
MANY = SOUND * 20 + EMPTY + BROKEN + UNFILLED + SOUND * 80
FROM_ELSEWHERE = "\ufeff" + MANY.replace("\n", "\r\n")
TEXTS = {"one.yaml": MANY, "empty.yaml": "", "long.yaml": FROM_ELSEWHERE, "last.yaml": SOUND}


def beside(texts: dict[str, str], processors: int, **how: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sources.yaml.beside"],
        cwd=ROOT,
        input=json.dumps({"texts": texts, "processors": processors, **how}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def here(texts: dict[str, str]) -> list[list[Any]]:
    return [[file, [repr(one) for one in documents(text, file, filler({}))]] for file, text in texts.items()]


@pytest.mark.parametrize("processors", [2, 4, 64])
def test_all_is_read_as_by_one_alone(processors: int) -> None:
    told = beside(TEXTS, processors)
    assert told["read"] == here(TEXTS)
    assert 1 <= told["begun"] < processors
    assert told["left"] == 0


@pytest.mark.parametrize("kills", [1, 3])
def test_what_another_process_does_not_come_to_is_read_here(kills: int) -> None:
    told = beside(TEXTS, 4, kills=kills)
    assert (told["begun"], told["left"]) == (3, 0)
    assert told["read"] == here(TEXTS)


def test_who_goes_on_to_the_next_file_early_is_not_given_what_belongs_to_the_one_before() -> None:
    told = beside(TEXTS, 4, of_each=2)
    assert told["read"] == [[file, found[:2]] for file, found in here(TEXTS)]
    assert told["left"] == 0


@pytest.mark.parametrize(
    ("texts", "processors", "how"),
    [
        ({"little.yaml": SOUND}, 4, {}),
        ({}, 4, {}),
        (TEXTS, 1, {}),
        (TEXTS, 4, {"threads": True}),
    ],
    ids=["little to read", "nothing to read", "one processor", "other threads"],
)
def test_no_process_is_begun_where_it_would_not_pay(
    texts: dict[str, str], processors: int, how: dict[str, int]
) -> None:
    told = beside(texts, processors, **how)
    assert told["begun"] == 0
    assert told["read"] == here(texts)


def test_one_document_that_is_larger_than_a_share_is_read_once() -> None:
    texts = {"large.yaml": "---\n" + "".join(f"k{n}: {n}\n" for n in range(ENOUGH)), "last.yaml": SOUND}
    told = beside(texts, 4)
    assert told["read"] == here(texts)
