"""What the node's log says of a custom resource, as Kubernetes' own events. Pure.

Rules: an event's name comes from its number in the log, so that telling it twice is no second event.
"""

from __future__ import annotations

from typing import Final

from reconciler.model import API_VERSION, Event, JsonValue
from reconciler.sources.cluster.objects import CustomResource

COMPONENT: Final = "holdfast-operator"
LONGEST_MESSAGE: Final = 1024  # the server takes no more
LONGEST_NAME: Final = 200  # of the object, so that there is room for the number
WARNINGS: Final = ("failed", "stalled")


def collection(one: CustomResource) -> str:
    return f"/api/v1/namespaces/{one.ref.namespace}/events"


def told(event: Event, one: CustomResource, node: str) -> dict[str, JsonValue]:
    """`one` is what the event is about, or the whole that this is a part of."""
    at = event.at.isoformat(timespec="seconds").replace("+00:00", "Z")
    warns = event.name.endswith(WARNINGS)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{one.ref.name[:LONGEST_NAME].rstrip('.-')}.{node[:8]}{event.id:08x}",
            "namespace": one.ref.namespace,
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": one.ref.kind,
            "namespace": one.ref.namespace,
            "name": one.ref.name,
            "uid": one.uid,
            "resourceVersion": one.version,
        },
        "type": "Warning" if warns else "Normal",
        "reason": "".join(word.capitalize() for word in event.name.replace("-", ".").split(".")),
        "message": _message(event, one)[:LONGEST_MESSAGE],
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": node,
    }


def _message(event: Event, one: CustomResource) -> str:
    about = f"{event.subject}: " if event.subject not in {None, one.ref} else ""
    data = [_plain(value) for _, value in sorted(event.data.items()) if value]
    return about + (", ".join(data) or event.name.rpartition(".")[2])


def _plain(value: JsonValue) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
