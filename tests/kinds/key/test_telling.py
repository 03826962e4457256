"""What is told of keys: those that are there, and those that are there no more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.declared import Facts
from reconciler.kinds.apikey import ApiKey
from reconciler.kinds.apikey.spec import ApiKeySpec
from reconciler.kinds.key import Key, KeyState
from reconciler.kinds.key.spec import KeySpec
from reconciler.model import Case, JsonValue, Origin, Owner, Ref, Resource, Seen

pytestmark = pytest.mark.req("EVT-09")

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WANT = Resource(Ref("Key", "default", "alice"), KeySpec(role="creator", generate=True), Origin("root"))


def saw(fingerprint: str, role: str = "creator") -> Seen[KeyState]:
    """Empty: there is none."""
    state = KeyState(role, generated=True, public_key="", rotation="", ours=True)
    facts = {"fingerprint": fingerprint}
    return Seen(state, Owner.OURS, NOW, facts=facts) if fingerprint else Seen(None, Owner.NONE, NOW)


def told(was: Seen[KeyState] | None, seen: Seen[KeyState]) -> list[tuple[str, JsonValue]]:
    return [(name, data["fingerprint"]) for name, data in Key().tells(Case(WANT, seen), was, None)]


def test_a_key_comes_and_goes() -> None:
    assert told(saw(""), saw("one")) == [("key.created", "one")]
    assert told(saw("one"), saw("one")) == []
    assert told(saw("one"), saw("")) == [("key.revoked", "one")]
    assert told(saw(""), saw("")) == []
    assert told(None, saw("one")) == told(None, saw("")) == [], "a node that was started again"


def test_another_pair_takes_the_place_of_the_one_before() -> None:
    assert told(saw("one"), saw("two")) == [("key.revoked", "one"), ("key.created", "two")]


def test_who_approves_packages_is_registered() -> None:
    registered = ("maintainer.registered", "one")
    assert told(saw(""), saw("one", "maintainer")) == [("key.created", "one"), registered]
    assert told(saw("one"), saw("one", "maintainer")) == [registered], "it has got that role"
    assert told(saw("one", "maintainer"), saw("one", "maintainer")) == []
    assert told(saw("one", "maintainer"), saw("two", "maintainer"))[-1] == ("maintainer.registered", "two")


def test_a_key_to_the_api_counts_from_its_acceptance_to_its_withdrawal() -> None:
    spec = ApiKeySpec.model_validate({"permissions": ["read"], "hashes": ["sha256:" + "0" * 64]})
    want = Resource(Ref("ApiKey", "default", "ci"), spec, Origin("root"))
    accepted: Seen[Facts] = Seen({"permissions": ["read"]}, Owner.OURS, NOW)
    none: Seen[Facts] = Seen(None, Owner.NONE, NOW)

    def of(was: Seen[Facts] | None, seen: Seen[Facts]) -> list[str]:
        return [name for name, _ in ApiKey().tells(Case(want, seen), was, None)]

    assert of(none, accepted) == ["key.created"]
    assert of(accepted, accepted) == of(none, none) == of(None, accepted) == []
    assert of(accepted, none) == ["key.revoked"]
