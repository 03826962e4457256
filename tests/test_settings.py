"""A value of a setting that makes no sense is refused where it stands, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import Invalid
from reconciler.settings import Settings, load

SENSELESS = {
    "API_TRUSTED_PROXIES": ("127.0.0.1, nonsense", "addresses or networks"),
    "API_LISTEN": ("nonsense", "HOST:PORT"),
    "DAEMON_LEGACY_LISTEN": ("127.0.0.1:99999", "HOST:PORT"),
    "LOG_LEVEL": ("loud", "debug, info, warning, error"),
    "LOG_FORMAT": ("xml", "text, json"),
    "RECONCILE_WORKERS": ("0", "1 or more"),
    "RECONCILE_INTERVAL_S": ("-1", "0.05 or more"),
    "METRICS_INTERVAL_S": ("nan", "0 or more"),
    "DAEMON_SHUTDOWN_GRACE_S": ("inf", "0 or more"),
    "RETENTION_EVENT_ROWS": ("-1", "0 or more"),
    "TRACING_OTLP_ENDPOINT": ("collector", "a URL"),
}


@pytest.mark.parametrize("name", SENSELESS)
def test_what_makes_no_sense_is_refused_at_its_place(tmp_path: Path, name: str) -> None:
    value, instead = SENSELESS[name]
    section, _, key = name.lower().partition("_")
    with pytest.raises(Invalid) as refused:
        load(str(tmp_path), environ={f"HOLDFAST_{name}": value})
    assert refused.value.message.startswith(f"the environment: {section}.{key} is '{value}'")
    assert instead in refused.value.remedy
    (tmp_path / "holdfast.toml").write_text(f'[{section}]\n{key} = "{value}"\n')
    with pytest.raises(Invalid, match=f"^{tmp_path}/holdfast.toml: {section}.{key} is"):
        load(str(tmp_path), environ={})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("API_TRUSTED_PROXIES", "10.0.0.0/8, ::1, 10.0.0.1/8", ("10.0.0.0/8", "::1", "10.0.0.1/8")),
        ("API_LISTEN", "[::1]:0", "[::1]:0"),
        ("DAEMON_LEGACY_LISTEN", "", ""),
        ("LOG_LEVEL", "debug", "debug"),
        ("METRICS_INTERVAL_S", "0", 0.0),
        ("TRACING_OTLP_ENDPOINT", "http://localhost:4318/v1/traces", "http://localhost:4318/v1/traces"),
        ("TRACING_OTLP_ENDPOINT", "", ""),
        ("API_WRITES", "false", False),
    ],
)
def test_what_makes_sense_is_taken(tmp_path: Path, name: str, value: str, expected: object) -> None:
    section, _, key = name.lower().partition("_")
    taken = getattr(getattr(load(str(tmp_path), environ={f"HOLDFAST_{name}": value}), section), key)
    assert taken == expected
    assert load(str(tmp_path), environ={}) == Settings(tmp_path)
