"""What the fetching program decides by itself: who may have the credentials."""

from __future__ import annotations

import pytest

from reconciler.sources.git.fetcher import door


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://host/other?x", True),
        ("https://HOST:443/x", True),
        ("http://host/x", False),
        ("https://host:444/x", False),
        ("https://host.evil/x", False),
        ("https://host@evil/x", False),
    ],
)
def test_the_door_that_credentials_are_for(url: str, same: bool) -> None:
    assert (door(url) == door("https://host/x")) is same
