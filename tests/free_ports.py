"""Ports for servers that have to be told one.

Rules: they lie outside the range from which the kernel serves whoever asks for any port, so that no
connection of another test gets one between its choice here and its use.
"""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

KERNELS_OWN = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
CHANCE = random.SystemRandom()


def free_port() -> int:
    while True:
        port = CHANCE.randrange(10_000, KERNELS_OWN)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
