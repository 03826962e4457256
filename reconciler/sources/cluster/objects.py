"""A custom resource as the API server has it, and the manifest that it is. Pure.

Rules: the manifest is the same text on the same wish, whatever the server notes beside it: versions,
managers, what kubectl applied last. Our kinds are found under their plural, as the generated definitions
name them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.model import API_GROUP, API_VERSION, EMPTY, JsonValue, Ref

FINALIZER: Final = f"{API_GROUP}/removed"
ALLOW_PRUNE: Final = f"{API_GROUP}/allow-prune"

_KUBECTLS_OWN: Final = "kubectl.kubernetes.io/"
# JSON may hold these as they are, YAML may not.
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class CustomResource:
    ref: Ref
    uid: str
    version: str  # changes with every write
    generation: int  # changes with every change of the spec
    text: bytes  # the manifest
    terminating: bool = False  # somebody has deleted it, and a finalizer holds it
    allows_prune: bool = False  # what goes with it may be much
    finalizers: tuple[str, ...] = ()
    status: Mapping[str, JsonValue] = EMPTY

    @property
    def path(self) -> str:
        """What its manifest is called in messages."""
        return f"{self.ref.namespace}/{self.ref.kind.lower()}/{self.ref.name}.yaml"

    @property
    def held(self) -> bool:
        """It cannot vanish before we say so."""
        return FINALIZER in self.finalizers

    @property
    def address(self) -> str:
        """Where the API server has it."""
        return f"{collection(self.ref.kind, self.ref.namespace)}/{self.ref.name}"


def read(kind: str, raw: Mapping[str, Any]) -> CustomResource:
    metadata = raw["metadata"]
    return CustomResource(
        Ref(kind, metadata["namespace"], metadata["name"]),
        metadata["uid"],
        metadata["resourceVersion"],
        metadata.get("generation", 0),
        _manifest(kind, raw),
        "deletionTimestamp" in metadata,
        metadata.get("annotations", {}).get(ALLOW_PRUNE) == "true",
        tuple(metadata.get("finalizers", ())),
        raw.get("status") or EMPTY,
    )


def _manifest(kind: str, raw: Mapping[str, Any]) -> bytes:
    metadata = raw["metadata"]
    notes = metadata.get("annotations", {}).items()
    document = {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": metadata.get("labels", {}),
            "annotations": {key: value for key, value in notes if not key.startswith(_KUBECTLS_OWN)},
        },
        "spec": raw.get("spec", {}),
    }
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def plural(kind: str) -> str:
    """`keys`, `retrypolicies`: how the API server lists a kind."""
    name = kind.lower()
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def collection(kind: str, namespace: str = "") -> str:
    """The path of all of a kind, in one namespace or in all."""
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{API_VERSION}{place}/{plural(kind)}"
