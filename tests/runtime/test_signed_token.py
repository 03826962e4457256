"""The text of a token: what we have signed is read, and nothing else, whatever somebody makes of it."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.runtime.refusal import Refusal
from reconciler.runtime.signed_token import LONGEST, Verified, read, write

PAIR, OTHER = (generate_private_key(65537, 2048) for _ in range(2))
KEYS = {"one": PAIR.public_key()}
TYPE = "at+jwt"
CLAIMS = {"sub": "apikey/ci", "exp": 1}
HEADER = {"alg": "RS256", "kid": "one", "typ": TYPE}
TOKEN = write(TYPE, CLAIMS, "one", PAIR)

pytestmark = pytest.mark.req("AUTH-16", "AUTH-33")


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header: object, claims: bytes = b"{}") -> str:
    """With the right key, whatever it is."""
    text = (
        f"{encoded(header if isinstance(header, bytes) else json.dumps(header).encode())}.{encoded(claims)}"
    )
    return f"{text}.{encoded(PAIR.sign(text.encode(), PKCS1v15(), SHA256()))}"


def found(text: str) -> Mapping[str, Any] | Refusal:
    return read(text, TYPE, KEYS)


def test_what_was_written_is_read() -> None:
    assert found(TOKEN) == CLAIMS


def test_what_was_found_good_is_remembered_for_these_keys_and_this_type() -> None:
    verified = Verified()
    for _ in range(2):
        assert verified.read(TOKEN, TYPE, KEYS) == CLAIMS
        assert verified.read(TOKEN, "rt+jwt", KEYS) is Refusal.FOREIGN
        assert verified.read(f"{TOKEN}A", TYPE, KEYS) is Refusal.FORGED
    assert verified.read(TOKEN, TYPE, {"one": OTHER.public_key()}) is Refusal.FORGED
    assert verified.read(TOKEN, TYPE, {}) is Refusal.UNKNOWN


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "alg": "none"},
        {**HEADER, "alg": "HS256"},
        {**HEADER, "alg": "rs256"},
        {**HEADER, "typ": "rt+jwt"},
        {**HEADER, "crit": ["exp"]},
        {**HEADER, "jwk": {"kty": "RSA"}},
        {**HEADER, "kid": None},
        {**HEADER, "kid": ["one"]},
        {"alg": "RS256", "kid": "one"},
        {},
    ],
)
def test_a_header_that_is_not_ours_is_refused_however_it_is_signed(header: dict[str, Any]) -> None:
    assert found(signed(header)) is Refusal.FOREIGN


def test_without_a_signature_it_is_none() -> None:
    head, claims, _ = TOKEN.split(".")
    assert found(f"{head}.{claims}.") is Refusal.MALFORMED
    assert found(f"{encoded(json.dumps({**HEADER, 'alg': 'none'}).encode())}.{claims}.") is Refusal.MALFORMED


def test_the_public_key_is_nobodys_secret() -> None:
    """Signed with it as HS256 has it, which a verifier would take that lets the token choose."""
    public = KEYS["one"].public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{encoded(json.dumps({**HEADER, 'alg': 'HS256'}).encode())}.{TOKEN.split('.')[1]}"
    forged = f"{text}.{encoded(hmac.digest(public, text.encode(), 'sha256'))}"
    assert found(forged) is Refusal.FOREIGN


def test_a_key_that_is_not_ours_verifies_nothing() -> None:
    assert found(write(TYPE, CLAIMS, "two", OTHER)) is Refusal.UNKNOWN
    assert found(write(TYPE, CLAIMS, "one", OTHER)) is Refusal.FORGED


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "a.b",
        "a.b.c.d",
        f" {TOKEN}",
        f"{TOKEN}\n",
        f"{TOKEN}=",
        TOKEN.replace(".", "。"),
        TOKEN + "A" * LONGEST,
        signed(b"["),
        signed(b"[1]"),
        signed(b'{"alg":"RS256","alg":"RS256","kid":"one","typ":"at+jwt"}'),
        signed(b"[" * 180),
        signed(b"\xff{}"),
        signed({**HEADER, "kid": "x" * 300}),
        signed(HEADER, b"[]"),
        signed(HEADER, b"no json"),
        signed(HEADER, b"[" * 2000),
        signed(HEADER, b'{"exp": 1, "exp": 2}'),
    ],
)
def test_what_has_not_the_form_is_malformed(text: str) -> None:
    assert found(text) is Refusal.MALFORMED


@given(st.text(max_size=LONGEST + 10))
@example(".")
def test_no_text_makes_it_stumble(text: str) -> None:
    assert isinstance(found(text), Refusal)


@given(st.lists(st.binary(max_size=80), min_size=3, max_size=3))
def test_no_parts_make_it_stumble(parts: list[bytes]) -> None:
    assert isinstance(found(".".join(map(encoded, parts))), Refusal)


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s))
)
def test_no_header_but_ours_lets_it_in(header: object) -> None:
    assert isinstance(found(signed(header)), Refusal)


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="utf-8"))
def test_one_character_otherwise_and_it_is_refused(at: int, other: str) -> None:
    text = TOKEN[:at] + other + TOKEN[at + 1 :]
    assert text == TOKEN or isinstance(found(text), Refusal)
