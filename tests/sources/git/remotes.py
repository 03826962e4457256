"""Real remotes for the git feed's tests: `git http-backend` behind a small threaded CGI server, and bad ones.

Rules: everything listens on a free port of 127.0.0.1 and ends with its `with` block; what a server was
sent is kept, so that a test can prove what it never got.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class GitServer:
    """Serves the repositories below `root`; with a token only to who brings it, with `redirect` to nobody."""

    root: Path
    token: str = ""
    certificate: Path | None = None  # with its key, in one file: speak https
    redirect: str = ""
    status: int = 0  # answer every request with this instead
    pace: int = 0  # bytes a second of an answer's body, as on a slow line; 0: all at once
    url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)  # (path, authorization)

    def allows(self, authorization: str) -> bool:
        if not self.token:
            return True
        scheme, _, value = authorization.partition(" ")
        return scheme == "Basic" and base64.b64decode(value).decode().partition(":")[2] == self.token

    def backend(self, handler: BaseHTTPRequestHandler, body: bytes) -> bytes:
        path, _, query = handler.path.partition("?")
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": handler.command,
            "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=True)
        return done.stdout


class _Httpd(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, git: GitServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.git = git


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Httpd

    def handle(self) -> None:
        with suppress(ssl.SSLError, ConnectionError):  # a client that does not trust us goes away
            super().handle()

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    def do_GET(self) -> None:
        git = self.server.git
        body = self.body()
        authorization = self.headers.get("Authorization", "")
        git.seen.append((self.path, authorization))
        if git.status:
            return self.answer(git.status, {}, b"")
        if git.redirect:
            return self.answer(302, {"Location": git.redirect + self.path}, b"")
        if not git.allows(authorization):
            return self.answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
        head, _, rest = git.backend(self, body).partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(headers.pop("Status", "200 OK").split()[0])
        return self.answer(status, headers, rest)

    def do_POST(self) -> None:
        self.do_GET()

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for piece in self.pieces(body):
            self.wfile.write(piece)

    def pieces(self, body: bytes) -> Iterator[bytes]:
        pace = self.server.git.pace
        if not pace:
            yield body
            return
        size = max(1, pace // 20)
        for start in range(0, len(body), size):
            yield body[start : start + size]
            time.sleep(size / pace)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)


@contextmanager
def serve(server: GitServer) -> Iterator[GitServer]:
    """Run it until the block ends."""
    with _Httpd(server) as httpd:
        scheme = "http"
        if server.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(server.certificate)
            httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
            scheme = "https"
        server.url = f"{scheme}://127.0.0.1:{httpd.server_address[1]}"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            httpd.shutdown()
            thread.join()


@dataclass(frozen=True)
class Raw:
    """A server that speaks no git."""

    port: int
    heard: threading.Event  # somebody has connected

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/repo.git"


@contextmanager
def raw(*answers: bytes, drip: bytes = b"") -> Iterator[Raw]:
    """A server that answers each request with the next of these, then drips (or is silent) for ever."""
    over = threading.Event()
    heard = threading.Event()

    def accept(listener: socket.socket) -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                heard.set()
                arguments = (connection, answers, drip, over)
                threading.Thread(target=_talk, args=arguments, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield Raw(listener.getsockname()[1], heard)
        finally:
            over.set()
            thread.join()


def _talk(connection: socket.socket, answers: Sequence[bytes], drip: bytes, over: threading.Event) -> None:
    with connection, suppress(OSError):  # the other side has gone: what every test here is waiting for
        for answer in answers:
            request = b""
            while b"\r\n\r\n" not in request:
                more = connection.recv(65536)
                if not more:
                    return
                request += more
            connection.sendall(answer)
        while not over.wait(0.05):
            connection.sendall(drip)
