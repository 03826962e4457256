"""The node's settings: one frozen model, laid in layers.

Rules: defaults < file < the file's overlay for the environment < `HOLDFAST_*` < flags; an unknown key
is refused with a suggestion, a bad value with its place, so a typo never passes for a default. The
file is TOML (`holdfast.toml`), which needs no parser of ours. No pydantic in here: every command of
the `holdfast` program reads its settings, and most of them want to be done in a tenth of a second.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from reconciler.errors import Invalid
from reconciler.records import dataclass
from reconciler.spelling import nearest

PREFIX = "HOLDFAST_"
CLIENT_VARIABLES = frozenset(
    {
        "DATA",
        "CONFIG",
        "ENVIRONMENT",
        "API_URL",
        "API_KEY",
        "CA_FILE",
        "SOCKET",
        "TELEMETRY_ENDPOINT",
        "TRACE_ID",
    }
)
TEST_VARIABLES = frozenset({"TEST_STRICT", "SEEDS", "KILLS"})


@dataclass(frozen=True, slots=True)
class Api:
    enabled: bool = True
    """Serve the HTTP API; the Unix socket serves in any case."""
    listen: str = "127.0.0.1:8081"
    """Where the HTTP API listens; beyond this machine only with TLS and with `require_auth`."""
    tls_certificate: str = ""
    """A PEM file with the certificate, and those that it is signed by; empty: no TLS."""
    tls_key: str = ""
    """A PEM file with the certificate's key, which nobody else may read."""
    require_auth: bool = False
    """Refuse whoever brings no API key over TCP; without it anybody on this machine may look."""
    writes: bool = False
    """Let API keys change things over TCP; the Unix socket's owner always may."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies which are believed what they forward of their callers."""
    max_body_bytes: int = 64 * 1024 * 1024
    """The largest body of `apply` and `diff`."""
    hook_secret_file: str = ""
    """A file with the secret of push hooks, for sources that name none of their own."""


@dataclass(frozen=True, slots=True)
class Tokens:
    access_hours: float = 24.0
    """How long a token counts that an API key was exchanged for."""
    refresh_days: float = 30.0
    """How long the token counts that the next ones are got with."""
    key_days: float = 30.0
    """How long the node signs tokens with one key before it makes the next."""


@dataclass(frozen=True, slots=True)
class Cors:
    enabled: bool = True
    """Let web pages of the allowed origins ask; without it only pages that the node itself has served may."""
    allowed_origins: tuple[str, ...] = ("http://localhost:3000",)
    """Whose pages may ask, as browsers name them: scheme, host and port."""
    allowed_methods: tuple[str, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    """What they may ask with."""
    allow_credentials: bool = False
    """Let browsers send cookies and logins along."""


@dataclass(frozen=True, slots=True)
class Limits:
    enabled: bool = True
    """Limit how much each caller may ask for over TCP; the Unix socket has no limit."""
    per_minute: int = 100
    """How much each API key may, unless it has a `rate` of its own."""
    burst: int = 100
    """How much of it at once."""
    write_per_minute: int = 0
    """How much, instead, a key of the level `write`; 0: as any other."""
    admin_per_minute: int = 0
    """How much, instead, a key of the level `admin`; 0: as any other."""
    per_hour: int = 0
    """How much each of these keys may in an hour as well; 0: as the other limit lets it."""
    address_per_minute: int = 1000
    """How much all who bring no key may, from one address."""
    failures_per_minute: int = 10
    """How many keys that do not count may come from one address."""


@dataclass(frozen=True, slots=True)
class Daemon:
    legacy_listen: str = "127.0.0.1:8080"
    """Where the internal endpoints listen besides the socket; empty: nowhere."""
    shutdown_grace_s: float = 10.0
    """How long a stop waits for what is being done."""


@dataclass(frozen=True, slots=True)
class Reconcile:
    interval_s: float = 30.0
    """How often each resource is looked at when nothing happens."""
    workers: int = 32
    """How many resources are worked on at once."""


@dataclass(frozen=True, slots=True)
class Retention:
    event_days: float = 30.0
    """Events older than this are dropped."""
    event_rows: int = 100_000
    """More events than this are dropped, the oldest first."""
    plans_per_resource: int = 20
    """How many recorded plans a resource keeps."""
    plan_days: float = 365.0
    """Recorded plans older than this are dropped, but the newest of each resource."""
    revisions_per_source: int = 50
    """How many revisions a source keeps, to go back to."""
    revision_days: float = 365.0
    """Revisions older than this are dropped, but the one in force and one to go back to."""
    operation_days: float = 30.0
    """What was asked for longer ago than this is dropped."""
    operation_rows: int = 10_000
    """More than this that was asked for is dropped, the oldest first."""
    metric_days: float = 30.0
    """What services used longer ago than this is dropped; before, it is told ever more sparsely."""
    metric_rows: int = 1_000_000
    """More measurements of services than this are dropped, the oldest first; a million take about 100 MB."""


@dataclass(frozen=True, slots=True)
class Metrics:
    interval_s: float = 15.0
    """How often it is measured what services use; up to four times more seldom where that would take more
    than a thousandth of a processor; 0: never."""


@dataclass(frozen=True, slots=True)
class Log:
    level: str = "info"
    """debug, info, warning or error."""
    format: str = "text"
    """text or json."""


@dataclass(frozen=True, slots=True)
class Tracing:
    otlp_endpoint: str = ""
    """Where spans of requests go, in OTLP over HTTP, as `http://localhost:4318/v1/traces`; empty: nowhere."""


@dataclass(frozen=True, slots=True)
class Settings:
    data: Path
    """Everything that the node keeps: store, keystore, inbox, mirrors, logs, its socket."""
    environment: str = "prod"
    """Which overlay of the file applies."""
    api: Api = field(default_factory=Api)
    tokens: Tokens = field(default_factory=Tokens)
    cors: Cors = field(default_factory=Cors)
    limits: Limits = field(default_factory=Limits)
    daemon: Daemon = field(default_factory=Daemon)
    reconcile: Reconcile = field(default_factory=Reconcile)
    retention: Retention = field(default_factory=Retention)
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=Log)
    tracing: Tracing = field(default_factory=Tracing)

    @property
    def socket(self) -> Path:
        return self.data / "holdfast.sock"

    @property
    def store(self) -> Path:
        return self.data / "holdfast.db"


def data_folder(flag: str | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """`--data`, else `HOLDFAST_DATA`, else the XDG state folder."""
    chosen = flag or environ.get(f"{PREFIX}DATA")
    if chosen:
        return Path(chosen).expanduser().absolute()
    state = environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser().absolute() / "holdfast"


def load(
    data: str | None = None,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """All layers laid over one another. `flags` are `section.key` -> value."""
    settings = Settings(data_folder(data, environ))
    path = _file(settings.data, environ)
    written = _read(path)
    environment = environ.get(f"{PREFIX}ENVIRONMENT") or str(written.pop("environment", settings.environment))
    overlays = written.pop("environments", {})
    settings = replace(settings, environment=environment)
    settings = _laid_from_file(settings, written, str(path))
    overlay = overlays.get(environment, {})
    settings = _laid_from_file(settings, overlay, f"{path} [environments.{environment}]")
    settings = _laid(settings, _from_environment(environ), "the environment")
    return _laid(settings, _nested(flags or {}), "the command line")


def _file(data: Path, environ: Mapping[str, str]) -> Path:
    named = environ.get(f"{PREFIX}CONFIG")
    path = Path(named).expanduser() if named else data / "holdfast.toml"
    if named and not path.is_file():
        raise Invalid(
            f"{path} does not exist", remedy=f"{PREFIX}CONFIG names it; create it or unset the variable"
        )
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}
    import tomllib

    try:
        return tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{path}: {error}", remedy="it must be TOML in UTF-8") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """`HOLDFAST_API_LISTEN` is `api.listen`."""
    sections = {f.name for f in fields(Settings)}
    found: dict[str, Any] = {}
    for name, value in environ.items():
        key = name.removeprefix(PREFIX)
        if key == name or key in CLIENT_VARIABLES or key in TEST_VARIABLES:
            continue
        section, _, rest = key.lower().partition("_")
        if section not in sections or not rest:
            raise Invalid(f"the environment: {name} is no setting", remedy=_near(name, _variables()))
        found.setdefault(section, {})[rest] = value
    return found


def _variables() -> list[str]:
    hints = get_type_hints(Settings)
    return [
        f"{PREFIX}{section}_{f.name}".upper()
        for section, of in hints.items()
        if hasattr(of, "__dataclass_fields__")
        for f in fields(of)
    ]


def _nested(flat: Mapping[str, object]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        section, _, name = key.partition(".")
        nested.setdefault(section, {})[name] = value
    return nested


def _laid_from_file(settings: Settings, layer: Mapping[str, Any], where: str) -> Settings:
    if not layer:
        return settings
    from reconciler.former_names import in_own_names

    return _laid(settings, in_own_names(layer, where), where)


def _laid(settings: Settings, layer: Mapping[str, Any], where: str) -> Settings:
    for section, values in layer.items():
        current = getattr(settings, section, None) if section not in {"data", "environment"} else None
        if current is None or not isinstance(values, Mapping):
            known = [f.name for f in fields(Settings) if f.name not in {"data", "environment"}]
            raise Invalid(f"{where}: there is no section '{section}'", remedy=_near(section, known))
        hints = get_type_hints(type(current))
        for key, value in values.items():
            if key not in hints:
                raise Invalid(
                    f"{where}: there is no setting '{section}.{key}'", remedy=_near(key, list(hints))
                )
            current = replace(current, **{key: _sensible(f"{section}.{key}", value, hints[key], where)})
        settings = replace(settings, **{section: current})
    return settings


def _near(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    return f"did you mean '{near}'?" if near else f"known: {', '.join(known)}"


def _sensible(setting: str, value: object, to: type[Any], where: str) -> object:
    from reconciler.sense import remedy  # most commands find no setting written anywhere

    converted = _converted(value, to, f"{where}: {setting}")
    if instead := remedy(setting, converted):
        raise Invalid(f"{where}: {setting} is '{value}'", remedy=instead)
    return converted


def _converted(value: object, to: type[Any], where: str) -> object:
    if to == tuple[str, ...]:
        return _listed(value, where)
    if to is bool and isinstance(value, str):
        if value.lower() in {"true", "yes", "1", "on"}:
            return True
        if value.lower() in {"false", "no", "0", "off"}:
            return False
        raise Invalid(f"{where} is '{value}'", remedy="write true or false")
    if isinstance(value, bool) != (to is bool):
        raise Invalid(f"{where} is '{value}', not of type {to.__name__}")
    try:
        return to(value)
    except (TypeError, ValueError) as error:
        raise Invalid(f"{where} is '{value}', not of type {to.__name__}") from error


def _listed(value: object, where: str) -> tuple[str, ...]:
    """A list of texts; from a variable or a flag one text, with commas between."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise Invalid(f"{where} is '{value}'", remedy='write a list of texts, as in ["one", "two"]')
