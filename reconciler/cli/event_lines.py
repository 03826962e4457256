"""An event as one line, for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.cli.plain import plain

if TYPE_CHECKING:
    from reconciler.views import EventView


def line(event: EventView) -> str:
    subject = event["subject"]["id"] if event["subject"] else "-"
    data = ", ".join(f"{key}={_short(value)}" for key, value in event["data"].items() if value != "")
    head = f"{event['id']:>6}  {event['timestamp']}  {event['event']:<20}"
    return plain(f"{head}  {subject:<24}  {data}".rstrip())


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
