"""A real browser: Debian's Chromium, driven over its own protocol (CDP), with the mouse and the keyboard.

Rules: it starts with a profile of its own, reaches nothing but this machine, and ends with the test. What it
asked for and what it complained of (the console, exceptions, violations of the page's policy) is kept.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_S = 60.0
ALONE = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
COMMAND = (
    "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
    "--no-proxy-server", "--disable-extensions", "--no-first-run", "--remote-debugging-port=0",
    f"--host-resolver-rules={ALONE}",
)  # fmt: skip

_STILL = """(() => {
    const element = ELEMENT;
    if (!element) return null;
    element.scrollIntoView({ block: "center" });
    const { x, y, width, height } = element.getBoundingClientRect();
    const place = [x + width / 2, y + height / 2];
    const moved = String(window.place) !== String(place);
    window.place = place;
    return !moved && element.contains(document.elementFromPoint(...place)) && place;
})()"""


class Page:
    def __init__(self, link: ClientConnection) -> None:
        self._link = link
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self.requests: list[str] = []
        self.complaints: list[str] = []

    async def listen(self) -> None:
        """What the browser says, for as long as it runs."""
        async for text in self._link:
            said = json.loads(text)
            if "id" in said:
                self._asked.pop(said["id"]).set_result(said)
            elif said["method"] == "Network.requestWillBeSent":
                self.requests.append(said["params"]["request"]["url"])
            elif said["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}:
                self.complaints.append(json.dumps(said["params"]))

    async def say(self, method: str, **params: object) -> Any:  # noqa: ANN401 - JSON
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        await self._link.send(json.dumps({"id": number, "method": method, "params": params}))
        async with asyncio.timeout(PATIENCE_S):
            said = await answer
        assert "error" not in said, said
        return said["result"]

    async def open(self, address: str) -> None:
        await self.say("Page.navigate", url=address)

    async def until(self, expression: str) -> Any:  # noqa: ANN401 - JSON
        """Look again and again until this is so; what it is then."""
        look = f"const look = () => {{ const found = {expression};"
        look += " if (found) good(found instanceof Node || found); else setTimeout(look, 20); }; look();"
        told = await self.say(
            "Runtime.evaluate",
            expression=f"new Promise((good) => {{ {look} }})",
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def click(self, element: str) -> None:
        """`element` is an expression in JavaScript: it is waited for until it stands still and uncovered."""
        x, y = await self.until(_STILL.replace("ELEMENT", element))
        for event in ("mousePressed", "mouseReleased"):
            await self.say("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", clickCount=1)

    async def write(self, element: str, text: str) -> None:
        await self.click(element)
        await self.say("Input.insertText", text=text)

    async def size(self, width: int, height: int) -> None:
        await self.say(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def picture(self, file: Path) -> None:
        told = await self.say("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(told["data"]))


@asynccontextmanager
async def browsing() -> AsyncIterator[Page]:
    with tempfile.TemporaryDirectory(prefix="hf-chromium", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=DEVNULL,
            stderr=PIPE,
            env={**os.environ, "HOME": profile},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                port = await _port(process)
                address = await _tab(port)
            async with connect(address, max_size=None, proxy=None, ping_interval=None) as link:
                page = Page(link)
                listening = asyncio.create_task(page.listen())
                try:
                    for domain in ("Page", "Network", "Log", "Runtime"):
                        await page.say(f"{domain}.enable")
                    yield page
                finally:
                    listening.cancel()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    async for line in process.stderr:
        if b"DevTools listening on ws://" in line:
            return int(line.partition(b"ws://")[2].partition(b"/")[0].rpartition(b":")[2])
    raise AssertionError(f"Chromium ended with {await process.wait()}")


async def _tab(port: int) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/json/list")
    return next(str(one["webSocketDebuggerUrl"]) for one in answer.json() if one["type"] == "page")
