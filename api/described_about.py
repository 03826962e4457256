"""What the description of the API says of it as a whole: what it is, where it is, whom to ask, its parts."""

from __future__ import annotations

from typing import Any, Final

ABOUT: Final = """\
What a node knows, and how it is asked for changes. The same paths are served over the node's Unix socket,
where the kernel says who asks, and over TCP, where an API key does: in `X-API-Key`, or after
`Authorization: Bearer`. A key can be exchanged for tokens that end by themselves (`POST /api/v1/auth/token`)
and are sent as a bearer. Without any of these one may look there, unless the setting `api.require_auth` is
on. TCP is in clear on a loopback address only; beyond it there is TLS, and nobody looks without a key.

Every answer carries `X-Request-ID`, the caller's own if it is a sane one. Every error is a problem document
(RFC 9457). A parameter or a member that is not known is refused with a suggestion.

The version stands in the path. `/api/…` without one takes it from `X-API-Version: 1` or from
`Accept: application/vnd.holdfast.v1+json`, or is the present one; what disagrees with the path is refused.
What goes out of use says so with `Deprecation`, `Sunset` and `Link`.

What is read comes compressed (zstd, gzip) to who accepts it. All that is read has an `ETag`, which is the
same for every caller who is told the same. Every write takes `dryRun=true`: it makes each check of the real
one, writes nothing, and answers with the plan."""

CONTACT: Final = {"name": "API Support", "email": "support@holdfast.dev"}
LICENCE: Final = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
SERVERS: Final[list[dict[str, Any]]] = [
    {"url": "/", "description": "The node that tells this."},
    {
        "url": "https://{host}",
        "description": "Production: behind a proxy that speaks TLS.",
        "variables": {"host": {"default": "holdfast.example.org", "description": "Of the proxy."}},
    },
    {"url": "http://127.0.0.1:8081", "description": "Development: a node on this machine."},
]
PARTS: Final = {
    "audit": "The audit trail",
    "auth": "API keys",
    "changes": "Changes",
    "daemon": "The node as a running thing",
    "description": "This description",
    "events": "Events",
    "explorer": "This description in a browser",
    "graph": "The graph",
    "health": "Health",
    "hooks": "Push hooks",
    "kinds": "Kinds",
    "logs": "Logs",
    "metrics": "What services use",
    "operations": "Operations",
    "overrides": "Overrides",
    "performance": "What requests take",
    "prometheus": "Figures",
    "resources": "Resources",
    "sources": "Sources",
    "status": "Status",
    "system": "The machine",
    "tokens": "Tokens",
}
