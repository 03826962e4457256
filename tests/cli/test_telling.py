"""A view that is drawn anew ends when it is told to, whatever happens at that moment."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.cli.telling import moved


@pytest.mark.req("DMN-09")
@pytest.mark.parametrize("turns", range(4))
async def test_a_stop_that_comes_with_an_event_is_not_missed(turns: int) -> None:
    changed = asyncio.Event()

    async def draw() -> None:
        while True:
            await moved(changed)

    drawing = asyncio.create_task(draw())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    changed.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    drawing.cancel()
    done, _ = await asyncio.wait([drawing], timeout=10)
    assert done
