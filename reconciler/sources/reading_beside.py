"""Documents read by other processes, while this one imports what will understand them.

Rules: the answer is the same as without. What they cannot read whole and without a flaw is read here, which
then tells what is wrong with it; so is everything where it would not pay (little text, one processor) or
cannot be (other threads run, no process is to be had). None of them outlives its use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate, chain, groupby, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from reconciler.beside import Beside, spare_processors
from reconciler.errors import Misplaced
from reconciler.sources.document import Document
from reconciler.sources.yaml_parts import Part, parts

if TYPE_CHECKING:
    from reconciler.sources.yaml_composer import Fill

ENOUGH: Final = 32_768  # characters that one process is begun for

Found = Iterator[Document | Misplaced]
Answer = tuple[Any, int]
"""The data of a document, and the line of its text that it begins on."""


@contextmanager
def reading_beside(
    texts: Mapping[str, str], fill: Fill, *, processors: int = 0
) -> Iterator[Iterator[tuple[str, Found]]]:
    """Each file with its documents, in the order of `texts`."""
    every = [(file, part) for file, text in texts.items() for part in parts(text, file)]
    shares = _shares([part.text for _, part in every if isinstance(part, Part)], fill, processors)
    try:
        yield _by_file(every, chain(chain.from_iterable(shares), repeat(None)), fill)
    finally:
        for share in shares:
            share.end()


def _by_file(
    every: Sequence[tuple[str, Part | Misplaced]], answers: Iterator[Answer | None], fill: Fill
) -> Iterator[tuple[str, Found]]:
    read = ((file, _document(part, file, answers, fill)) for file, part in every)
    for file, found in groupby(read, itemgetter(0)):
        yield file, (one for _, one in found if one is not None)


def _document(
    part: Part | Misplaced, file: str, answers: Iterator[Answer | None], fill: Fill
) -> Document | Misplaced | None:
    if isinstance(part, Misplaced):
        return part
    answer = next(answers)
    if answer is None:
        from reconciler.sources.yaml_reader import document

        return document(part, file, fill)
    data, line = answer
    return None if data is None else Document(data, part.above + line, (), file, part.text, part.above)


def _shares(texts: Sequence[str], fill: Fill, processors: int) -> list[_Share]:
    """Begin to read them, in parts of about the same size."""
    ends = list(accumulate(map(len, texts)))
    number = min(spare_processors(processors), ends[-1] // ENOUGH) if ends else 0
    if number < 1:
        return []
    begun: list[_Share] = []
    begin = 0
    for share in range(1, number + 1):
        limit = ends[-1] * share // number
        end = next(index for index, reached in enumerate(ends, 1) if reached >= limit)
        with suppress(OSError):  # no process, or no pipe: the rest is read here
            begun.append(_Share(texts[begin:end], fill))
            begin = end
    return begun


class _Share:
    """Some of the texts, and the process that reads them."""

    def __init__(self, texts: Sequence[str], fill: Fill) -> None:
        self._count = len(texts)
        self._process = Beside(lambda: [_answer(text, fill) for text in texts])

    def __iter__(self) -> Iterator[Answer | None]:
        answers: list[Answer | None] | None = self._process.answer()
        yield from repeat(None, self._count) if answers is None else answers

    def end(self) -> None:
        self._process.end()


def _answer(text: str, fill: Fill) -> Answer | None:
    """None where something is wrong with it."""
    from reconciler.sources.yaml_reader import document

    found = document(Part(0, text), "", fill)
    if found is None:
        return None, 0
    return None if isinstance(found, Misplaced) or found.flaws else (found.data, found.line)
