"""Who may do what: levels and roles stand for scopes, and a limit holds whatever else is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from reconciler.access import EVERYTHING, NOTHING, SCOPES, Permission, Permissions, check, implied
from reconciler.errors import Invalid
from reconciler.model import EMPTY, Ref

WORDS = some.sampled_from([*SCOPES, "read", "write", "admin", "viewer", "operator"])
WEB = Ref("Service", "default", "web.server")


@pytest.mark.req("AUTH-22", "AUTH-24", "AUTH-25")
def test_levels_stand_for_what_they_say() -> None:
    reading = {scope for scope in SCOPES if scope.endswith(":read")}
    assert implied("read") == reading == implied("viewer")
    assert implied("write") >= reading | {"scheduler:trigger", "batch:write", "services:write"}
    assert not implied("write") & {"config:write", "plugins:write", "batch:admin", "admin"}
    assert implied("admin") == {*SCOPES, "admin"}


@pytest.mark.req("AUTH-23")
@pytest.mark.parametrize(
    ("scope", "all_of"),
    [
        ("scheduling:admin", "scheduler:"),
        ("error-recovery:admin", "error-recovery:"),
        ("batch:admin", "batch:"),
    ],
)
def test_an_area_s_admin_may_all_of_it_and_nothing_else(scope: str, all_of: str) -> None:
    assert implied(scope) == {scope, *(one for one in SCOPES if one.startswith(all_of))}


@pytest.mark.req("AUTH-25")
@given(WORDS)
def test_who_may_write_a_thing_may_read_it_and_only_admin_is_admin(word: str) -> None:
    for scope in implied(word):
        what, _, how = scope.partition(":")
        if how == "write" and f"{what}:read" in SCOPES:
            assert f"{what}:read" in implied(word)
    assert ("admin" in implied(word)) == (word == "admin")


@pytest.mark.req("AUTH-26")
@given(WORDS, WORDS)
def test_a_limit_holds_for_its_own_permission_only(limited: str, free: str) -> None:
    mine = Permissions((Permission(limited, names=("web.*",)), Permission(free)))
    other = Ref("Service", "default", "db")
    for scope in SCOPES:
        assert mine.allow(scope) == (scope in implied(free))
        assert mine.allow_on(scope, other, EMPTY) == (scope in implied(free))
        assert mine.allow_on(scope, WEB, EMPTY) == (scope in implied(free) | implied(limited))
        assert mine.allow_some(scope) == mine.allow_on(scope, WEB, EMPTY)


@pytest.mark.req("AUTH-26")
def test_a_limit_may_be_by_name_by_namespace_and_by_label() -> None:
    limited = Permission("services:write", ("web.*",), ("default",), {"app": "shop"})
    assert limited.covers(WEB, {"app": "shop", "tier": "front"})
    assert not limited.covers(WEB, {"app": "blog"})
    assert not limited.covers(Ref("Service", "other", "web.server"), {"app": "shop"})
    assert not limited.covers(Ref("Service", "default", "web"), {"app": "shop"})


def test_all_and_nothing() -> None:
    assert all(EVERYTHING.allow(scope) for scope in [*SCOPES, "admin"])
    assert not any(NOTHING.allow_some(scope) for scope in [*SCOPES, "admin"])


@pytest.mark.req("AUTH-25")
def test_a_misspelt_permission_is_refused_with_what_was_meant() -> None:
    assert check("Services:Read") == "services:read"
    with pytest.raises(Invalid) as refused:
        check("service:reed")
    assert refused.value.remedy == "did you mean 'services:read'?"
    with pytest.raises(Invalid) as unknown:
        check("%%%")
    assert unknown.value.remedy == "levels: read, write, admin; or a scope"
