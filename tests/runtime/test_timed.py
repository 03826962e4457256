"""A port with a clock beside it behaves as the port, and its calls are counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from reconciler.errors import Failed
from reconciler.runtime.timed import Timed, calls


class Door:
    name = "door"

    def look(self, at: str, *, fresh: bool = False) -> str:
        if not at:
            raise Failed("nothing to look at")
        return f"{at} {fresh}"

    async def open(self, what: str) -> str:
        if not what:
            raise Failed("nothing to open")
        return what

    async def lines(self) -> AsyncIterator[str]:
        yield "a"

    def subscribe(self, changed: Callable[[str], None]) -> None:
        changed("now")


@pytest.mark.req("OBS-04", "CORE-03")
async def test_calls_are_counted_by_how_they_ended() -> None:
    timing = calls()
    door = Timed(Door(), "door", timing.add)
    assert (door.look("a", fresh=True), await door.open("b"), door.name) == ("a True", "b", "door")
    with pytest.raises(Failed, match="nothing to look at"):
        door.look("")
    with pytest.raises(Failed, match="nothing to open"):
        await door.open("")
    heard: list[str] = []
    door.subscribe(heard.append)
    assert heard == ["now"]
    assert [line async for line in door.lines()] == ["a"]
    counted = {line for line in timing.lines() if "_count" in line}
    series = 'holdfast_driver_call_duration_seconds_count{driver="door",call="%s",outcome="%s"} 1'
    assert counted == {series % (call, end) for call in ("look", "open") for end in ("ok", "failed")}
