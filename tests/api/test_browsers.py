"""A page follows events in a real browser, and comes back by itself when its connection breaks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from reconciler.runtime.clock import SystemClock
from tests.api.cutting import cutting
from tests.api.nodes import api_key, publish, running, secret, until
from tests.chromium import browsing

GUIDE = Path("docs/how-to/follow-events.md").read_text()
READER = secret("r")
PAGE = """\
<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script>
const told = [];
{sample}
follow("{address}", "{key}", (event) => {{
  if (event.event === "test.count") told.push(event.data.number);
}});
</script>
"""


def sample() -> str:
    [found] = re.findall(r"^```js\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return str(found)


@asynccontextmanager
async def site(pages: dict[str, str]) -> AsyncIterator[str]:
    """A web server of somebody else; its origin."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A browser connects ahead of what it asks, and goes again if there is no more."""
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            body = pages["/"].encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.req("EVT-13", "EVT-16", "AUTH-31")
@pytest.mark.needs("chromium")
async def test_a_page_comes_back_by_itself_and_misses_nothing() -> None:
    pages: dict[str, str] = {}
    bytes_through = iter([3000, 200, None])  # cut amid events, then in the handshake, then whole
    async with site(pages) as origin:
        flags = {"api__require_auth": True, "cors__allowed_origins": origin}
        async with running(api_key("reader", READER, "read"), clock=SystemClock(), **flags) as api:
            await api.ready("apikey/reader")
            async with (
                cutting(*api.address("public"), after=lambda: next(bytes_through, None)) as (wire, port),
                browsing() as page,
            ):
                address = f"http://127.0.0.1:{port}"
                pages["/"] = PAGE.format(sample=sample(), address=address, key=READER)
                await page.open(origin)
                await until(api.node.store.lags)
                for number in range(20):
                    await publish(api, "test.count", number=number)
                await until(lambda: wire.cuts == 2)
                for number in range(20, 40):
                    await publish(api, "test.count", number=number)
                assert await page.until("told.length >= 40 && told") == list(range(40))
