"""How a node is asked: with whose key, within which trace, and heard by whom.

Rules: a key is sent, and shown nowhere: neither in what is told of the asking, nor in an error.
"""

from __future__ import annotations

import re
import sys
from os import urandom

from reconciler.errors import Invalid
from reconciler.records import dataclass

TRACE = re.compile(r"[0-9a-f]{32}")
TRACE_PARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
SENDABLE = re.compile(r"[!-~]+")  # what a header holds


@dataclass(frozen=True, slots=True)
class Manner:
    key: str = ""
    trace: str = ""
    verbose: bool = False
    ca_file: str = ""  # who vouches for the node, if not whom this machine believes anyway

    def headers(self) -> dict[str, str]:
        headers = {}
        if self.key:
            headers["X-API-Key"] = self.key
        if self.trace:
            headers["traceparent"] = self.trace
        return headers

    def tell(self, text: str) -> None:
        """To who asked to be told."""
        if self.verbose:
            sys.stderr.write(f"{text}\n")


def manner(*, key: str, trace: str, caller: str, verbose: bool, ca_file: str = "") -> Manner:
    """`caller` is what a traced program says to those that it starts: of no use is no mistake of ours."""
    if key and not SENDABLE.fullmatch(key):
        raise Invalid(
            "the API key has characters that no key has",
            remedy="was it copied whole, and without a line's end? It is not repeated here",
        )
    inherited = caller if TRACE_PARENT.fullmatch(caller) else ""
    return Manner(key, _trace(trace) or inherited, verbose, ca_file)


def _trace(text: str) -> str:
    """As W3C trace context has it; of a bare trace id the span is made here."""
    if not text or TRACE_PARENT.fullmatch(text):
        return text
    if TRACE.fullmatch(text):
        return f"00-{text}-{urandom(8).hex()}-01"
    raise Invalid(
        f"'{text}' is no trace id", remedy="write 32 lower-case hex digits, or a whole `traceparent`"
    )
