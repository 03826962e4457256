"""`HOST:PORT` on the command line: what cannot be one is refused before anything starts."""

from __future__ import annotations

import re

import click

FORM = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):(\d{1,5})")
LAST_PORT = 65535


class _HostPort(click.ParamType[str]):
    name = "host:port"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        found = FORM.fullmatch(value)
        if found is None or int(found[1]) > LAST_PORT:
            self.fail(f"'{value}' is no address to listen on: write HOST:PORT, as in 127.0.0.1:8081")
        return value


HOST_PORT = _HostPort()
