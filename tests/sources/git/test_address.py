"""What a person may write as a repository's address, and what he may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Invalid, Problem, Refused
from reconciler.sources.git.address import Address, Way

pytestmark = pytest.mark.req("CORE-04")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/srv/repo.git", Address(Way.PATH, "/srv/repo.git")),
        ("file:///srv/a%20b", Address(Way.PATH, "/srv/a b")),
        ("file://localhost/srv/x", Address(Way.PATH, "/srv/x")),
        ("./x", Address(Way.PATH, str(Path.cwd() / "x"))),
        ("x/y:z", Address(Way.PATH, str(Path.cwd() / "x/y:z"))),
        ("https://Example.org/x", Address(Way.HTTP, "https://Example.org/x", "https", "example.org", 443)),
        ("http://127.0.0.1:80/x", Address(Way.HTTP, "http://127.0.0.1:80/x", "http", "127.0.0.1", 80)),
        ("https://me@[::1]:8443/x", Address(Way.HTTP, "https://[::1]:8443/x", "https", "::1", 8443, "me")),
        ("ssh://git@host/x", Address(Way.SSH, "ssh://git@host/x", "ssh", "host", 22, "git")),
        ("ssh://host:2222/x", Address(Way.SSH, "ssh://host:2222/x", "ssh", "host", 2222)),
        ("git@host:me/x.git", Address(Way.SSH, "git@host:me/x.git", "ssh", "host", 22, "git")),
    ],
)
def test_addresses(location: str, expected: Address) -> None:
    assert Address.parse(location) == expected


@pytest.mark.parametrize(
    "location",
    [
        "",
        " /srv/x",
        "/srv/x\n",
        "ext::sh -c id",
        "EXT::sh",
        "git://example.org/x",
        "ftp://example.org/x",
        "https://",
        "https:///x",
        "https://host:port/x",
        "https://ho st/x",
        "ssh://-oProxyCommand=id/x",
        "ssh://-oProxyCommand=id@host/x",
        "-oProxyCommand=id:x",
        "-l@host:x",
    ],
)
def test_addresses_that_are_none(location: str) -> None:
    with pytest.raises(Invalid):
        Address.parse(location)


@pytest.mark.parametrize(
    "location", ["https://me:s3cret@host/x", "ssh://me:s3cret@host/x", "https://:s3cret@h/x"]
)
def test_a_password_is_refused_and_not_repeated(location: str) -> None:
    with pytest.raises(Refused) as failure:
        Address.parse(location)
    assert "s3cret" not in f"{failure.value!r} {failure.value}"


@given(st.text(max_size=60) | st.from_regex(r"(https?|ssh|file)://[!-~]{0,40}", fullmatch=True))
def test_no_text_breaks_the_reader_or_becomes_an_option(location: str) -> None:
    try:
        address = Address.parse(location)
    except Problem:
        return
    assert not address.url.startswith("-")
    assert not address.host.startswith("-")
    assert not address.user.startswith("-")
