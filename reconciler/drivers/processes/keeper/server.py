"""The keeper's socket: JSON lines, requests in, answers and news out.

    {"n": 1, "do": "start", "id": "web"}  ->  {"n": 1, "ok": {...}} or {"n": 1, "error": {"code": ...}}
    {"n": 2, "do": "subscribe"}  ->  {"all": [...]}, {"n": 2, "ok": null}, {"process": {...}}, {"gone": "web"}

Rules: only the keeper's own user and root are heard. What is no request gets an error with the number
it came with, if it has one, and the connection goes on.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from functools import partial
from pathlib import Path

from .client import Client
from .ends import Ends
from .loop import Loop
from .record import Record
from .row import Trouble
from .starts import Starts
from .table import Table
from .verbs import Verbs

PROTOCOL = 1
SOCKET = "keeper.sock"
MOST_CLIENTS = 64
BREATH_S = 1.0


class Server:
    def __init__(self, loop: Loop, folder: Path) -> None:
        self.table = Table(loop, folder, self._publish)
        self.starts = Starts(self.table)
        self.ends = Ends(self.table)
        self._verbs = Verbs(self.table, self.starts, self.ends)
        self._loop = loop
        self._clients: list[Client] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def listen(self) -> None:
        """In the current folder, for its whole path may be longer than an address can be."""
        Path(SOCKET).unlink(missing_ok=True)
        self._listener.bind(SOCKET)
        Path(SOCKET).chmod(0o600)
        self._listener.listen(MOST_CLIENTS)
        self._listener.setblocking(False)
        self._loop.watch(self._listener.fileno(), self._accept)

    def shutdown(self, client: Client | None = None, n: object = None) -> None:
        """End every process, answer who asked for it with what goes on, and leave.

        What was let go of goes on; when a client asks, the keeper stays with it, for somebody has to read
        what it prints.
        """

        def done() -> None:
            going_on = [row.record.id for row in self.table.rows.values() if not row.over]
            if client:
                client.send(_answer(n, going_on))
                if going_on:
                    self.starts.closed = False
                    return
            Path(SOCKET).unlink(missing_ok=True)
            self._loop.stop()

        self.starts.closed = True
        self.ends.stop_all(done)

    def _retire(self) -> None:
        """Leave, if there is nothing to keep and nobody else who may be about to bring something."""
        others = sum(client.open and client.subscribed for client in self._clients) - 1
        if others <= 0 and all(row.over for row in self.table.rows.values()):
            self.shutdown()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:  # no file numbers left: the waiting client would wake us without end
            self._loop.forget(self._listener.fileno())
            self._loop.later(BREATH_S, partial(self._loop.watch, self._listener.fileno(), self._accept))
            return
        self._clients = [client for client in self._clients if client.open]
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", credentials)
        if uid not in (0, os.geteuid()) or len(self._clients) >= MOST_CLIENTS:
            connection.close()
        else:
            self._clients.append(Client(self._loop, connection, self._hear))

    def _publish(self, id: str, record: Record | None) -> None:
        news = {"process": record.facts()} if record else {"gone": id}
        for client in self._clients:
            if client.subscribed:
                client.send(news)

    def _hear(self, client: Client, line: bytes) -> None:
        n: object = None
        try:
            fields = json.loads(line)
            if not isinstance(fields, dict):
                raise Trouble("INVALID_REQUEST", "a request is an object")
            n = fields.pop("n", None)
            self._do(client, n, fields)
        except Trouble as trouble:
            client.send(_answer(n, trouble))
        except OSError as failure:  # a disk that is full or read-only keeps nobody else waiting
            client.send(_answer(n, Trouble("FAILED", str(failure))))
        except (ValueError, RecursionError):
            client.send(_answer(n, Trouble("INVALID_REQUEST", "a request is one line of JSON")))

    def _list(self, client: Client) -> None:
        """As news, so that it has its place among the others."""
        client.send({"all": self.table.facts()})

    def _do(self, client: Client, n: object, fields: dict[str, object]) -> None:
        def answer(result: object) -> None:
            client.send(_answer(n, result))

        match fields.pop("do", None):
            case "version":
                answer({"protocol": PROTOCOL, "pid": os.getpid()})
            case "subscribe":
                client.subscribed = True
                self._list(client)
                answer(None)
            case "list":
                self._list(client)
                answer(None)
            case "shutdown":
                self.shutdown(client, n)
            case "retire":
                answer(None)
                self._retire()
            case verb:
                self._verbs.do(verb, fields, answer)


def _answer(n: object, result: object) -> dict[str, object]:
    if not isinstance(result, Trouble):
        return {"n": n, "ok": result}
    error = {"code": result.code, "message": result.message, "remedy": result.remedy}
    return {"n": n, "error": error}
