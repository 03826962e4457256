"""Tokens: an API key is exchanged for them, and they are worth what it is worth, while they last."""

from __future__ import annotations

import asyncio
import json
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from reconciler.drivers.keystore import Keystore
from reconciler.runtime.clock import SystemClock
from reconciler.runtime.refusal import Refusal
from reconciler.runtime.sessions import MOST
from reconciler.runtime.signed_token import write
from tests.api.nodes import Running, api_key, living, running, scratch, secret, settings_in, until
from tests.api.test_api_keys import KEYS, STATUS, heard_until_the_end, made
from tests.api.test_websocket import connected, hear, say, until_end

TOKEN, REFRESH, LOGOUT, ME = (f"/api/v1/auth/{name}" for name in ("token", "refresh", "logout", "me"))
JWKS = "/api/v1/auth/jwks"
SECRET = secret("t")


class Ahead(SystemClock):
    """The real one, later by as much as is said."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def exchanged(api: Running, secret: str, **headers: str) -> dict[str, Any]:
    answer = await api.public.post(TOKEN, headers={"X-API-Key": secret, **headers})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def got(api: Running, token: str, path: str = STATUS) -> int:
    return (await api.public.get(path, headers=bearer(token))).status_code


async def renewed(api: Running, token: str) -> httpx.Response:
    return await api.public.post(REFRESH, json={"refresh_token": token})


async def told(api: Running, name: str) -> list[dict[str, Any]]:
    events = await api.node.store.events(0, 1000)
    return [{**event.data, "actor": event.actor} for event in events if event.name == name]


def decoded(part: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.mark.req("AUTH-07", "AUTH-16", "AUTH-28", "X-08")
async def test_a_key_is_exchanged_for_a_token_that_is_worth_the_same(api: Running) -> None:
    key = await made(api)
    pair = await exchanged(api, key["secret"])
    assert (pair["token_type"], pair["expires_in"], pair["refresh_expires_in"]) == (
        "Bearer", 24 * 3600, 30 * 24 * 3600,
    )  # fmt: skip
    assert await got(api, pair["access_token"]) == 200
    assert await got(api, pair["access_token"], KEYS) == 403
    header, claims = map(decoded, pair["access_token"].split(".")[:2])
    assert (header["alg"], header["typ"], claims["sub"]) == ("RS256", "at+jwt", "apikey/ci")
    assert claims["exp"] - claims["iat"] == 24 * 3600
    await api.socket.put(f"{KEYS}/ci", json={"permissions": ["admin"]})
    assert await got(api, pair["access_token"], KEYS) == 200


@pytest.mark.req("AUTH-07")
async def test_everybody_is_told_who_they_are(api: Running) -> None:
    key = await made(api)
    pair = await exchanged(api, key["secret"])
    by_key = (await api.public.get(ME, headers={"X-API-Key": key["secret"]})).json()
    by_token = (await api.public.get(ME, headers=bearer(pair["access_token"]))).json()
    assert by_key["actor"] == by_token["actor"] == "apikey/ci"
    assert by_key["key"]["id"] == by_token["key"]["id"] == key["id"]
    assert (by_key["session"], by_key["expires_at"]) == (None, None)
    assert by_token["session"]
    assert by_token["expires_at"].endswith("Z")
    anybody, owner = (await api.public.get(ME)).json(), (await api.socket.get(ME)).json()
    assert (anybody["actor"], anybody["permissions"], anybody["key"]) == ("anonymous", ["read"], None)
    assert (owner["actor"][:4], owner["permissions"]) == ("uid:", ["admin"])


@pytest.mark.req("AUTH-16")
async def test_whoever_has_the_published_keys_can_verify_a_token(api: Running) -> None:
    assert (await api.public.get(JWKS)).json() == {"keys": []}
    token = (await exchanged(api, (await made(api))["secret"]))["access_token"]
    [key] = (await api.public.get(JWKS)).json()["keys"]
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert key["kid"] == decoded(token.split(".")[0])["kid"]
    numbers = [int.from_bytes(urlsafe_b64decode(key[name] + "==="), "big") for name in "en"]
    signed, _, signature = token.rpartition(".")
    public = RSAPublicNumbers(*numbers).public_key()
    public.verify(urlsafe_b64decode(signature + "==="), signed.encode(), PKCS1v15(), SHA256())
    kept = api.node.settings.data
    assert [path for path in kept.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()] == []
    assert (kept / "keystore" / "token-keys").stat().st_mode & 0o777 == 0o600


@pytest.mark.req("AUTH-06", "AUTH-16")
async def test_a_refresh_token_gives_the_next_pair_once(api: Running) -> None:
    first = await exchanged(api, (await made(api))["secret"])
    second = (await renewed(api, first["refresh_token"])).json()
    assert await got(api, second["access_token"]) == await got(api, first["access_token"]) == 200
    third = await renewed(api, second["refresh_token"])
    assert third.status_code == 200
    again = await renewed(api, first["refresh_token"])
    assert (again.status_code, again.json()["code"]) == (401, "UNAUTHORIZED")
    for pair in (first, second, third.json()):
        assert await got(api, pair["access_token"]) == 401
        assert (await renewed(api, pair["refresh_token"])).status_code == 401
    [misuse] = await told(api, "session.misused")
    assert (misuse["actor"], misuse["reason"]) == ("apikey/ci", "a refresh token came twice")


@pytest.mark.req("AUTH-06")
async def test_of_many_that_refresh_at_once_one_gets_a_pair_and_the_session_ends(api: Running) -> None:
    pair = await exchanged(api, (await made(api))["secret"])
    answers = await asyncio.gather(*(renewed(api, pair["refresh_token"]) for _ in range(20)))
    [one] = [answer.json() for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} == {200, 401}
    assert await got(api, one["access_token"]) == 401


@pytest.mark.req("AUTH-06", "AUTH-27")
async def test_only_a_refresh_token_refreshes_and_only_an_access_token_lets_in(api: Running) -> None:
    key = await made(api)
    pair = await exchanged(api, key["secret"])
    assert await got(api, pair["refresh_token"]) == 401
    for wrong in (pair["access_token"], key["secret"], "", "a.b.c", "\u2028"):
        answer = await renewed(api, wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
    assert (await api.public.post(REFRESH, json={})).json()["code"] == "MISSING_FIELD"
    assert (await api.public.post(REFRESH, json={"refresh_token": 1})).json()["code"] == "INVALID_FIELD"
    swapped = await api.public.post(TOKEN, headers=bearer(pair["access_token"]))
    assert (swapped.status_code, swapped.json()["remedy"]) == (403, "send the API key itself")
    for client in (api.public, api.socket):
        assert (await client.post(TOKEN)).status_code == 401
        assert (await client.post(LOGOUT)).status_code == 400
    assert (await api.public.post(LOGOUT, headers={"X-API-Key": key["secret"]})).status_code == 400
    assert await got(api, pair["access_token"]) == 200


@pytest.mark.req("AUTH-07", "AUTH-36")
async def test_who_logs_out_is_out(api: Running) -> None:
    key = await made(api)
    stays, goes = [await exchanged(api, key["secret"]) for _ in range(2)]
    rehearsed = await api.public.post(f"{LOGOUT}?dryRun=true", headers=bearer(goes["access_token"]))
    assert rehearsed.json()["warnings"] == ["the session would end"]
    assert await got(api, goes["access_token"]) == 200
    assert (await api.public.post(LOGOUT, headers=bearer(goes["access_token"]))).status_code == 204
    assert await got(api, goes["access_token"]) == 401
    assert (await renewed(api, goes["refresh_token"])).status_code == 401
    assert await got(api, stays["access_token"]) == 200
    [begun, _], [ended] = await told(api, "session.begun"), await told(api, "session.ended")
    assert (begun["actor"], begun["address"]) == ("apikey/ci", "127.0.0.1")
    assert (ended["actor"], ended["reason"]) == ("apikey/ci", "logged out")


@pytest.mark.req("AUTH-03", "AUTH-13", "AUTH-28")
@pytest.mark.parametrize("ends", ["delete", "disable", "rotate"])
async def test_with_its_key_a_token_ends_at_once(api: Running, ends: str) -> None:
    pair = await exchanged(api, (await made(api))["secret"])
    if ends == "delete":
        await api.socket.delete(f"{KEYS}/ci")
    elif ends == "disable":
        await api.socket.put(f"{KEYS}/ci", json={"enabled": False})
    else:
        await api.socket.post(f"{KEYS}/ci/rotate")
    assert await got(api, pair["access_token"]) == 401
    assert (await renewed(api, pair["refresh_token"])).status_code == 401
    [ended] = await told(api, "session.ended")
    assert ended["reason"] == "its API key counts no more"


@pytest.mark.req("AUTH-03", "AUTH-28")
@pytest.mark.parametrize("ends", ["key", "session"])
async def test_what_ends_a_token_ends_its_streams(api: Running, ends: str) -> None:
    key = await made(api)
    pair = await exchanged(api, key["secret"])
    async with connected(api, **bearer(pair["access_token"])) as link:
        await say(link, "ping")
        assert (await hear(link))["event"] == "stream.pong"
        if ends == "key":
            await api.socket.delete(f"{KEYS}/ci")
        else:
            await api.public.post(LOGOUT, headers=bearer(pair["access_token"]))
        last = (await until_end(link))[-1]
        assert (last["event"], last["data"]) == ("stream.end", {"reason": "the token counts no more"})
        assert link.close_code == 4401


@pytest.mark.req("AUTH-03")
async def test_an_event_stream_ends_with_the_key_behind_its_token(api: Running) -> None:
    key = await made(api)
    pair = await exchanged(api, key["secret"])
    found = {**key, "secret": pair["access_token"]}
    said = await heard_until_the_end(api, found, "DELETE", path="/api/v1/events")
    assert said[-3:-1] == ["event: stream.end", 'data: {"reason":"the token counts no more"}']


@pytest.mark.req("AUTH-16")
async def test_tokens_and_the_keys_that_sign_them_end_in_time() -> None:
    clock = Ahead()
    async with running(api_key("ci", SECRET, "read"), clock=clock) as api:
        await api.ready("apikey/ci")
        first = await exchanged(api, SECRET)
        clock.ahead = timedelta(hours=-1)
        assert await got(api, first["access_token"]) == 401  # not valid yet
        clock.ahead = timedelta(hours=23, minutes=59)
        assert await got(api, first["access_token"]) == 200
        async with connected(api, **bearer(first["access_token"])) as link:
            clock.ahead = timedelta(hours=24)
            assert (await until_end(link))[-1]["data"] == {"reason": "the token counts no more"}
        assert await got(api, first["access_token"]) == 401
        clock.ahead = timedelta(days=29, hours=23)
        second = (await renewed(api, first["refresh_token"])).json()
        clock.ahead = timedelta(days=30, hours=1)
        assert await got(api, second["access_token"]) == 200
        assert (await renewed(api, first["refresh_token"])).status_code == 401
        third = (await renewed(api, second["refresh_token"])).json()
        ids = [decoded(one["access_token"].split(".")[0])["kid"] for one in (second, third)]
        published = (await api.public.get(JWKS)).json()["keys"]
        assert [one["kid"] for one in published] == ids[::-1]
        clock.ahead = timedelta(days=65)
        assert (await renewed(api, third["refresh_token"])).status_code == 401
        fourth = await exchanged(api, SECRET)
        published = (await api.public.get(JWKS)).json()["keys"]
        assert ids[0] not in [one["kid"] for one in published]
        assert await got(api, fourth["access_token"]) == 200


@pytest.mark.req("AUTH-16")
async def test_a_session_goes_on_over_a_restart_and_one_that_ended_does_not() -> None:
    with scratch() as folder:
        source = Path(folder, "source")
        source.mkdir()
        (source / "all.yaml").write_text(api_key("ci", SECRET, "read"))
        settings = settings_in(Path(folder, "data"))
        pairs: list[dict[str, Any]] = []
        for _ in range(2):
            async with living(settings, {"directory": {"path": str(source)}}) as node:
                listeners, keyring = node.desk.daemon.listeners, node.keyring
                await until(lambda: "public" in listeners and any(keyring.declared()))  # noqa: B023
                async with httpx.AsyncClient(base_url=f"http://{listeners['public']}") as client:
                    if not pairs:
                        key = {"X-API-Key": SECRET}
                        pairs += [(await client.post(TOKEN, headers=key)).json() for _ in range(2)]
                        await client.post(LOGOUT, headers=bearer(pairs[1]["access_token"]))
                    found = [
                        (await client.get(STATUS, headers=bearer(pair["access_token"]))).status_code
                        for pair in pairs
                    ]
                    assert found == [200, 401]


async def test_one_key_has_so_many_sessions_and_no_more(api: Running) -> None:
    key = await made(api)
    pairs = [await exchanged(api, key["secret"]) for _ in range(MOST + 1)]
    found = [await got(api, pair["access_token"]) for pair in pairs]
    assert found == [401, *[200] * MOST]


@pytest.mark.req("AUTH-29")
async def test_the_keys_that_sign_follow_the_nodes_identity(api: Running) -> None:
    key = await made(api)
    token = (await exchanged(api, key["secret"]))["access_token"]
    keystore = api.node.drivers.keystore
    keystore.rotate()
    keystore.forget()
    assert await got(api, token) == 200
    folder = api.node.settings.data / "keystore"
    assert Keystore(folder).token_keys.read() == keystore.token_keys.read()
    (folder / "identity").unlink()
    keystore.rotate(lost=True)
    assert Keystore(folder).token_keys.read() is None  # what nobody can open is made anew


@pytest.mark.req("AUTH-35")
async def test_no_token_is_written_anywhere(api: Running) -> None:
    pair = await exchanged(api, (await made(api))["secret"])
    again = (await renewed(api, pair["refresh_token"])).json()
    signatures = [
        one[name].rpartition(".")[2].encode() for one in (pair, again) for name in one if "_token" in name
    ]
    files = [path.read_bytes() for path in api.node.settings.data.rglob("*") if path.is_file()]
    assert len(signatures) == 4
    assert not any(signature in content for signature in signatures for content in files)


@pytest.mark.req("AUTH-16")
async def test_without_the_file_of_the_keys_all_tokens_end(api: Running) -> None:
    key = await made(api)
    pair = await exchanged(api, key["secret"])
    (api.node.settings.data / "keystore" / "token-keys").unlink()
    assert await got(api, pair["access_token"]) == 401
    assert await got(api, (await exchanged(api, key["secret"]))["access_token"]) == 200


def forged(token: str, header: dict[str, Any]) -> str:
    """The same with another header."""
    _, claims, signature = token.split(".")
    return f"{urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip('=')}.{claims}.{signature}"


@pytest.mark.req("AUTH-21", "AUTH-27", "AUTH-35")
async def test_a_token_that_does_not_count_is_refused_and_logged_without_itself(
    api: Running, caplog: pytest.LogCaptureFixture
) -> None:
    token = (await exchanged(api, (await made(api))["secret"]))["access_token"]
    header = decoded(token.split(".")[0])
    wrong = {
        token[:-8] + "AAAAAAAA": Refusal.FORGED,
        token + "A" * 5000: Refusal.MALFORMED,
        forged(token, {**header, "alg": "none"}): Refusal.FOREIGN,
        forged(token, {**header, "kid": "another"}): Refusal.UNKNOWN,
    }
    for one, why in wrong.items():
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            answer = await api.public.get(STATUS, headers=bearer(one))
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED"), why
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "auth/refresh" in answer.json()["remedy"]
        assert one not in answer.text
        assert f"the token is {why}" in caplog.text
        assert one not in caplog.text


@pytest.mark.req("AUTH-16", "AUTH-27")
@pytest.mark.parametrize(
    "claim",
    [{"iss": "urn:holdfast:node:another"}, {"iss": ""}, {"aud": "another-api"}, {"aud": ["holdfast-api"]}],
)
async def test_a_token_of_another_issuer_or_for_another_is_refused_though_our_key_has_signed_it(
    api: Running, caplog: pytest.LogCaptureFixture, claim: dict[str, Any]
) -> None:
    pair = await exchanged(api, (await made(api))["secret"])
    [key] = json.loads(api.node.drivers.keystore.token_keys.read() or b"")
    private = load_pem_private_key(key["private"].encode(), None)
    assert isinstance(private, RSAPrivateKey)

    def signed(name: str, change: dict[str, Any]) -> str:
        header, claims = map(decoded, pair[name].split(".")[:2])
        return write(header["typ"], claims | change, key["id"], private)

    assert await got(api, signed("access_token", {"jti": "mine"})) == 200, "only the claim is wrong"
    with caplog.at_level(logging.WARNING):
        assert await got(api, signed("access_token", claim)) == 401
    assert f"the token is {Refusal.FOREIGN}" in caplog.text
    assert (await renewed(api, signed("refresh_token", claim))).status_code == 401
    assert (await renewed(api, signed("refresh_token", {"jti": "mine"}))).status_code == 200


@pytest.mark.req("RTL-12")
async def test_who_guesses_refresh_tokens_is_held_back() -> None:
    async with running(limits__enabled=True, limits__failures_per_minute=3) as api:
        found = [(await renewed(api, "a.b.c")).status_code for _ in range(5)]
        assert found == [401, 401, 401, 429, 429]


async def test_a_dry_run_gives_no_tokens(api: Running) -> None:
    key = await made(api)
    pair = await exchanged(api, key["secret"])
    rehearsed = await api.public.post(f"{TOKEN}?dryRun=true", headers={"X-API-Key": key["secret"]})
    assert rehearsed.json()["warnings"] == ["a session would begin, and its tokens be told"]
    again = await api.public.post(f"{REFRESH}?dryRun=true", json={"refresh_token": pair["refresh_token"]})
    assert again.json()["warnings"] == ["the next tokens would be told"]
    assert len(await told(api, "session.begun")) == 1
    assert (await renewed(api, pair["refresh_token"])).status_code == 200
