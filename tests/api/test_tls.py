"""TLS: beyond this machine nothing is said in clear, and what was renewed is taken over."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from websockets.asyncio.client import connect

from reconciler.ports.store import EventFilter
from reconciler.settings import load
from tests.api.certificates import Authority
from tests.api.nodes import PATIENCE_S, Running, api_key, living, running, scratch, secret, settings_in, until
from tests.api.test_websocket import hear, say

STATUS = "/api/v1/status"
SECRET = secret("t")
KEY = {"X-API-Key": SECRET}

pytestmark = pytest.mark.req("AUTH-30", "X-04")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.issue("localhost", "node.example")
    return made


@pytest.fixture
async def api(authority: Authority) -> AsyncIterator[Running]:
    async with running(
        api_key("ci", SECRET, "admin"),
        api__listen="0.0.0.0:0",
        api__require_auth=True,
        api__tls_certificate=str(authority.certificate),
        api__tls_key=str(authority.key),
    ) as node:
        await node.ready("apikey/ci")
        yield node


def believing(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.file))


def secured(api: Running, authority: Authority) -> httpx.AsyncClient:
    port = api.address("public")[1]
    return httpx.AsyncClient(
        base_url=f"https://127.0.0.1:{port}", verify=believing(authority), timeout=PATIENCE_S
    )


async def shown(api: Running, authority: Authority) -> int:
    """The serial number of the certificate that a new connection sees."""
    _, writer = await asyncio.open_connection("127.0.0.1", api.address("public")[1], ssl=believing(authority))
    try:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der).serial_number
    finally:
        writer.close()
        await writer.wait_closed()


async def test_over_tls_it_listens_beyond_this_machine_and_asks_everybody(
    api: Running, authority: Authority
) -> None:
    assert api.node.desk.daemon.listeners["public"].startswith("0.0.0.0:")
    async with secured(api, authority) as client:
        assert (await client.get(STATUS)).status_code == 401
        assert (await client.get(STATUS, headers=KEY)).status_code == 200
        pair = await client.post("/api/v1/auth/token", headers=KEY)
        bearer = {"Authorization": f"Bearer {pair.json()['access_token']}"}
        assert (await client.get(STATUS, headers=bearer)).status_code == 200


@pytest.mark.req("AUTH-32")
async def test_browsers_are_told_to_come_by_tls_from_now_on(api: Running, authority: Authority) -> None:
    async with secured(api, authority) as client:
        named = await client.get("/health", headers={"Host": "node.example"})
        assert (named.status_code, named.headers["strict-transport-security"]) == (200, "max-age=31536000")
        here = await client.get("/health", headers={"Host": "localhost"})
        assert (here.status_code, "strict-transport-security" in here.headers) == (200, False)
    assert "strict-transport-security" not in (await api.internal.get("/health")).headers


async def test_a_websocket_speaks_it_too(api: Running, authority: Authority) -> None:
    address = f"wss://127.0.0.1:{api.address('public')[1]}/api/v1/ws"
    async with connect(address, ssl=believing(authority), additional_headers=KEY) as link:
        await say(link, "ping")
        assert (await hear(link))["event"] == "stream.pong"


async def test_what_is_older_than_1_2_and_what_speaks_in_clear_is_not_heard(
    api: Running, authority: Authority
) -> None:
    old = believing(authority)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    port = api.address("public")[1]
    with pytest.raises(OSError):  # noqa: PT011 - refused by an alert, or by the connection's end
        await asyncio.open_connection("127.0.0.1", port, ssl=old)
    with pytest.raises(httpx.TransportError):
        await api.public.get("/health")
    assert await shown(api, authority)


async def test_garbage_over_tls_is_told_so(api: Running, authority: Authority) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", api.address("public")[1], ssl=believing(authority)
    )
    writer.write(b"\x00 no HTTP\r\n\r\n")
    assert b"INVALID_REQUEST" in await reader.readuntil(b"}")
    writer.close()
    await writer.wait_closed()


async def test_a_renewed_certificate_is_taken_over_once_it_is_whole(
    api: Running, authority: Authority
) -> None:
    daemon = api.node.desk.daemon
    first = await shown(api, authority)
    whole = authority.certificate.read_bytes()
    authority.certificate.write_bytes(whole[:100])
    await until(lambda: daemon.warnings)
    assert f"{authority.certificate} with {authority.key}" in daemon.warnings[0]
    assert await shown(api, authority) == first
    second = authority.issue("localhost")
    await until(lambda: not daemon.warnings)
    assert await shown(api, authority) == second != first
    authority.key.chmod(0o644)
    await until(lambda: daemon.warnings)
    assert f"{authority.key} can be read by every user" in daemon.warnings[0]
    authority.key.chmod(0o600)
    await until(lambda: not daemon.warnings)
    authority.key.rename(authority.key.with_suffix(".away"))
    await until(lambda: daemon.warnings)
    assert f"{authority.key} cannot be read" in daemon.warnings[0]
    authority.key.with_suffix(".away").rename(authority.key)
    await until(lambda: not daemon.warnings)
    assert await shown(api, authority) == second


async def test_a_certificate_that_ends_soon_is_told(api: Running, authority: Authority) -> None:
    daemon = api.node.desk.daemon
    ends = authority.issue("localhost", days=6)
    await until(lambda: daemon.warnings)
    assert f"the certificate {authority.certificate} ends at " in daemon.warnings[0]
    assert await shown(api, authority) == ends
    authority.issue("localhost", days=8)
    await until(lambda: not daemon.warnings)


async def test_who_never_ends_a_handshake_holds_up_no_stop(authority: Authority) -> None:
    async with running(
        api__tls_certificate=str(authority.certificate),
        api__tls_key=str(authority.key),
        daemon__shutdown_grace_s=600.0,
    ) as api:
        silent = [socket.create_connection(api.address("public")) for _ in range(20)]
        assert await shown(api, authority)
    for one in silent:
        assert one.recv(1) == b""
        one.close()


@pytest.mark.req("AUTH-37", "AUTH-38", "EVT-08", "OBS-18")
@pytest.mark.parametrize(
    ("more", "why", "remedy"),
    [
        ({}, "without TLS", "api.tls_certificate"),
        ({"api__require_auth": True}, "without TLS", "api.tls_certificate"),
        ({"tls": True}, "without `api.require_auth`", "api.require_auth"),
    ],
)
@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"])
async def test_beyond_this_machine_it_listens_with_tls_and_keys_or_not_at_all(
    authority: Authority, address: str, more: dict[str, object], why: str, remedy: str
) -> None:
    tls = {"api__tls_certificate": str(authority.certificate), "api__tls_key": str(authority.key)}
    wanted = {name: value for name, value in more.items() if name != "tls"} | (tls if "tls" in more else {})
    with scratch() as folder:
        async with living(settings_in(Path(folder), api__listen=address, **wanted)) as node:
            daemon = node.desk.daemon
            await until(lambda: daemon.warnings)
            assert f"does not listen: {address} is beyond this machine, where {why}" in daemon.warnings[0]
            assert "public" not in daemon.listeners
            [told] = [one for one in await node.store.events(0, 100) if one.name == "node.warning"]
            assert remedy in str(told.data["remedy"])
            async with asyncio.timeout(60):
                breach = await node.store.follow(0, EventFilter(("guardrail.*",))).more()
            assert breach is not None
            assert (breach[0].name, breach[0].data["address"]) == ("guardrail.loopback", address)
            assert daemon.health()["status"] == "degraded"


@pytest.mark.parametrize(
    ("certificate", "key", "why"),
    [
        ("cert.pem", "", "only one is set"),
        ("", "key.pem", "only one is set"),
        ("none.pem", "key.pem", "none.pem cannot be read: No such file"),
        ("key.pem", "key.pem", "key.pem with"),
        ("cert.pem", "other.pem", "MISMATCH"),
        ("cert.pem", "locked.pem", "locked.pem"),
    ],
)
async def test_what_is_no_certificate_is_told_and_the_node_goes_on(
    authority: Authority, certificate: str, key: str, why: str
) -> None:
    folder = authority.file.parent
    authority.key.rename(folder / "other.pem")
    authority.issue()
    locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    (folder / "locked.pem").write_text(locked)
    (folder / "locked.pem").chmod(0o600)
    named = [str(folder / name) if name else "" for name in (certificate, key)]
    with scratch() as data:
        wanted = settings_in(Path(data), api__tls_certificate=named[0], api__tls_key=named[1])
        async with living(wanted) as node:
            await until(lambda: node.desk.daemon.warnings)
            assert why in node.desk.daemon.warnings[0]
            assert "public" not in node.desk.daemon.listeners


@pytest.mark.req("AUTH-37")
def test_what_nobody_has_set_is_the_safe_side(tmp_path: Path) -> None:
    api = load(str(tmp_path), {}, {}).api
    assert api.listen.startswith("127.0.0.1:")
    assert (api.writes, api.trusted_proxies) == (False, ())
    assert load(str(tmp_path), {}, {}).limits.enabled
