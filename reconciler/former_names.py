"""The names that settings had in the program whose configuration is carried over, in the node's file.

Rules: a former name says what Holdfast's own says; where both stand in one layer, neither counts and that is
an error. Variables and flags have no former names: another program's may be set on the same machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.errors import Invalid

FORMER: Final[Mapping[str, str]] = {
    "http_api_enabled": "api.enabled",
    "http_api_addr": "api.listen",
    "require_auth": "api.require_auth",
    "http_api.enabled": "api.enabled",
    "http_api.addr": "api.listen",
    "http_api.require_auth": "api.require_auth",
    "rate_limit.enabled": "limits.enabled",
    "rate_limit.requests_per_minute": "limits.per_minute",
}


def in_own_names(layer: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A layer of settings; what is in there under no name of ours is left for who complains of it."""
    own = {name: dict(held) if isinstance(held, Mapping) else held for name, held in layer.items()}
    for former, name in FORMER.items():
        above, _, key = former.rpartition(".")
        held = own.get(above) if above else own
        if not isinstance(held, dict) or key not in held:
            continue
        section, _, setting = name.partition(".")
        settings = own.setdefault(section, {})
        if not isinstance(settings, dict) or setting in settings:
            raise Invalid(
                f"{where}: '{former}' stands beside '{name}', which means the same",
                remedy=f"leave '{former}' out",
            )
        settings[setting] = held.pop(key)
        if above and not held:
            del own[above]
    return own
