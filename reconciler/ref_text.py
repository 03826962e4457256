"""How people name a resource: `kind/name`, or `kind/namespace/name`.

Rules: apart from the nouns because a command that only asks a running node pays for none of them.
"""

from __future__ import annotations

from reconciler.errors import Invalid
from reconciler.spelling import shown

DEFAULT_NAMESPACE = "default"


def parted(text: str, namespace: str = DEFAULT_NAMESPACE) -> tuple[str, str, str]:
    """Kind, namespace and name; the kind stays as it is written."""
    match text.split("/"):
        case [kind, name] if kind and name:
            return kind, namespace, name
        case [kind, own, name] if kind and own and name:
            return kind, own, name
    raise Invalid(f"'{shown(text)}' names no resource", remedy="write KIND/NAME or KIND/NAMESPACE/NAME")
