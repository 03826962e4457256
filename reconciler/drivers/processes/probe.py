"""One look at a process's health: a command, an HTTP request, a TCP connection.

Rules: a failure comes back as words without anything the process may hold secret: no environment, no
output, no body. A command runs where the process itself runs: in its environment, its folder and as
its user, read from /proc, since a node that was restarted knows them from nowhere else.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any, assert_never
from urllib.parse import quote, urlsplit

from reconciler.drivers.processes.keeper.proc import TOKEN
from reconciler.ports.health import CommandCheck, HttpCheck, TcpCheck
from reconciler.ports.processes import Process


async def probe(by: CommandCheck | HttpCheck | TcpCheck, process: Process, timeout_s: float) -> str:
    """Why it is not healthy; empty when it is."""
    try:
        async with asyncio.timeout(timeout_s):
            match by:
                case CommandCheck():
                    return await _command(by, process.pid)
                case HttpCheck():
                    return await _http(by)
                case TcpCheck():
                    return await _tcp(by.host, by.port)
                case _:
                    assert_never(by)
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except Exception as failure:  # noqa: BLE001 - whatever a look meets is its answer; it must not end the looking
        return (isinstance(failure, OSError) and failure.strerror) or type(failure).__name__


async def _command(check: CommandCheck, pid: int) -> str:
    command = await asyncio.create_subprocess_exec(
        *check.argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=f"/proc/{pid}/cwd",
        start_new_session=True,
        **_surroundings(pid),
    )
    try:
        code = await command.wait()
    finally:
        if command.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(command.pid, signal.SIGKILL)
            await command.wait()
    return f"'{check.argv[0]}' exited with {code}" if code else ""


def _surroundings(pid: int) -> dict[str, Any]:
    environ = Path(f"/proc/{pid}/environ").read_text("utf-8", "surrogateescape")
    pairs = (pair.partition("=") for pair in environ.split("\0"))
    # With the token of the process it would count as part of its family.
    found: dict[str, Any] = {"env": {name: value for name, _, value in pairs if name and name != TOKEN}}
    # The owner of /proc/PID is root for a process that may not be dumped; its status tells who it is.
    status = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    ids = {name: numbers.split() for name, _, numbers in (line.partition(":") for line in status)}
    uid, gid = int(ids["Uid"][1]), int(ids["Gid"][1])
    if uid != os.geteuid():
        found |= {"user": uid, "group": gid, "extra_groups": [int(group) for group in ids["Groups"]]}
    return found


async def _http(check: HttpCheck) -> str:
    url = urlsplit(check.url)
    secure = None
    if url.scheme == "https":
        secure = ssl.create_default_context()
        secure.check_hostname = False  # the question is if it answers, not who it is
        secure.verify_mode = ssl.CERT_NONE
    port = url.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(url.hostname, port, ssl=secure)
    try:
        target = quote(url.path or "/", safe="/%:@!$&'()*+,;=~") + (
            f"?{quote(url.query, safe='/?%:@!$&()*+,;=~')}" if url.query else ""
        )
        host = f"[{url.hostname}]" if ":" in str(url.hostname) else url.hostname
        head = f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        writer.write(f"{head}User-Agent: holdfast\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode())
        words = (await reader.readline()).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():  # noqa: PLR2004
            return "the answer is no HTTP"
        status = int(words[1])
        return "" if 200 <= status < 400 else f"status {status}"  # noqa: PLR2004
    finally:
        writer.transport.abort()


async def _tcp(host: str, port: int) -> str:
    _, writer = await asyncio.open_connection(host, port)
    writer.transport.abort()
    return ""
