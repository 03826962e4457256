"""How a process is looked after, as the keeper's messages say it. Pure.

Rules: the keeper knows nothing of checks; they travel with the process as a label that nobody else sees.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Final

from reconciler.model import JsonValue
from reconciler.ports.health import Check, CommandCheck, HttpCheck, TcpCheck
from reconciler.ports.processes import Care

CHECK: Final = "holdfast.dev/check"
WAYS: Final = {way.__name__: way for way in (CommandCheck, HttpCheck, TcpCheck)}


def fields_of(care: Care) -> dict[str, JsonValue]:
    labels = dict(care.labels)
    if care.check is not None:
        labels[CHECK] = json.dumps({**asdict(care.check), "way": type(care.check.by).__name__})
    return {
        "labels": labels,
        "stop_signal": care.stop_signal,
        "grace_s": care.grace_s,
        "max_bytes": care.log_bytes,
        "keep": care.log_files,
    }


def care_of(facts: Mapping[str, Any]) -> Care:
    labels = dict(facts["labels"])
    return Care(
        check=_check(labels.pop(CHECK, "")),
        labels=MappingProxyType(labels),
        stop_signal=facts["stop_signal"],
        grace_s=facts["grace_s"],
        log_bytes=facts["max_bytes"],
        log_files=facts["keep"],
    )


def _check(text: str) -> Check | None:
    """None also where another version of Holdfast has said it in words that are unknown here."""
    try:
        said = json.loads(text)
        way: Callable[..., CommandCheck | HttpCheck | TcpCheck] = WAYS[said.pop("way")]
        return Check(way(**{name: _frozen(value) for name, value in said.pop("by").items()}), **said)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
