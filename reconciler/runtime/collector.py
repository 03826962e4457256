"""The collector that spans are sent to, over one connection that is kept from one time to the next.

Rules: one sender at a time, in a thread. Who has let go of the connection meanwhile is asked once more, over
another; whatever does not work is an `OSError`.
"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException, HTTPSConnection, InvalidURL
from urllib.parse import urlsplit

PATIENCE_S = 10.0
BY_SCHEME: dict[str, type[HTTPConnection]] = {"http": HTTPConnection, "https": HTTPSConnection}
REFUSALS = 400


class Collector:
    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._connection: HTTPConnection | None = None

    def send(self, body: bytes) -> None:
        kept = self._connection is not None and self._connection.sock is not None
        try:
            self._post(body)
        except ConnectionError:
            if not kept:
                raise
            self._post(body)

    def _post(self, body: bytes) -> None:
        try:
            parts = urlsplit(self._endpoint)
            if self._connection is None:
                self._connection = BY_SCHEME[parts.scheme](parts.netloc, timeout=PATIENCE_S)
            target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
            self._connection.request("POST", target, body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            answer.read()
        except OSError:
            self.close()
            raise
        except (InvalidURL, UnicodeError) as error:
            self.close()
            raise OSError(f"nobody can be asked there ({error})") from error
        except HTTPException as error:
            self.close()
            raise OSError(f"what answers there is no HTTP ({error!r})") from error
        if answer.status >= REFUSALS:
            raise OSError(f"it answers {answer.status} {answer.reason}")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
