"""A setting by the name that it had in LibreSeed is the same setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import Invalid
from reconciler.former_names import FORMER
from reconciler.settings import load

FLAT = 'http_api_enabled = false\nhttp_api_addr = "localhost:9001"\nrequire_auth = true\n'
NESTED = """
[http_api]
enabled = false
addr = "localhost:9001"
require_auth = true

[rate_limit]
enabled = false
requests_per_minute = 7
"""


def file(folder: Path, text: str) -> str:
    (folder / "holdfast.toml").write_text(text)
    return str(folder)


@pytest.mark.req("X-38")
def test_flat_and_nested_names_say_the_same(tmp_path: Path) -> None:
    flat = load(file(tmp_path, FLAT), environ={}).api
    assert (flat.enabled, flat.listen, flat.require_auth) == (False, "localhost:9001", True)
    nested = load(file(tmp_path, NESTED), environ={})
    assert nested.api == flat
    assert (nested.limits.enabled, nested.limits.per_minute) == (False, 7)


@pytest.mark.req("X-38")
def test_they_stand_beside_names_of_ours_and_in_an_overlay(tmp_path: Path) -> None:
    overlay = "[environments.dev.http_api]\nenabled = false\n"
    data = file(tmp_path, f'http_api_addr = "localhost:9001"\n[api]\nwrites = true\n{overlay}')
    found = load(data, environ={"HOLDFAST_ENVIRONMENT": "dev"}).api
    assert (found.listen, found.writes, found.enabled) == ("localhost:9001", True, False)
    assert load(data, environ={"HOLDFAST_API_LISTEN": "localhost:1"}).api.listen == "localhost:1"


@pytest.mark.parametrize(
    "text",
    [
        "require_auth = true\n[api]\nrequire_auth = true\n",
        "require_auth = true\n[http_api]\nrequire_auth = false\n",
        "api = 3\nrequire_auth = true\n",
    ],
)
def test_two_names_of_one_setting_are_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(Invalid, match=r"holdfast.toml: '.*require_auth' stands beside 'api.require_auth'"):
        load(file(tmp_path, text), environ={})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[http_api]\nenabled = true\nport = 8081\n", "there is no section 'http_api'"),
        ('require_auth = "perhaps"\n', "api.require_auth is 'perhaps'"),
        ("rate_limit = 5\n", "there is no section 'rate_limit'"),
    ],
)
def test_what_is_wrong_with_them_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        load(file(tmp_path, text), environ={})


@pytest.mark.req("X-29")
@pytest.mark.parametrize("former", [name for name in FORMER if "." not in name])
def test_variables_have_none(tmp_path: Path, former: str) -> None:
    with pytest.raises(Invalid, match="is no setting"):
        load(str(tmp_path), environ={f"HOLDFAST_{former.upper()}": "true"})
