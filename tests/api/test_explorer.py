"""The API in a browser: a real one opens the page, authorises with a key, and tries a call."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from api.routes.explorer import FOLDER, FOREIGN, SCRIPTS, STYLES
from tests.api.nodes import api_key, key, running, secret
from tests.chromium import Page, browsing

PAGE = "/api-docs"
READER = secret("r")
TRY = "#operations-status-status_node"
KEY = (
    "document.querySelector('.modal-ux input[aria-label=\"auth-apikey-value\"], .modal-ux input[type=text]')"
)


@pytest.mark.req("UI-13")
def test_what_comes_along_is_what_was_published() -> None:
    for line in (FOREIGN / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((FOREIGN / name).read_bytes()).hexdigest() == digest, name
    named = {line.split()[1] for line in (FOREIGN / "SHA256SUMS").read_text().splitlines()}
    assert named >= {path.name for path in (*SCRIPTS.values(), *STYLES.values()) if path.parent == FOREIGN}
    assert "Apache License" in (FOREIGN / "LICENSE").read_text()


@pytest.mark.req("UI-13")
def test_the_page_names_nothing_that_lies_elsewhere() -> None:
    page = (FOLDER / "index.html").read_text()
    for address in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert address.startswith(("/api", "data:")), address


@pytest.mark.req("UI-13")
async def test_its_files_are_told_once_and_never_another() -> None:
    async with running(api__require_auth=True) as api:
        page = await api.public.get(PAGE, headers={"Accept": "text/html"})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "script-src 'self';" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        for address in re.findall(r'"(/api-docs/[^"]*)"', page.text):
            first = await api.public.get(address, headers={"Accept-Encoding": "zstd"})
            assert first.status_code == 200, address
            assert first.headers["content-security-policy"].startswith("default-src 'none';")
            again = await api.public.get(address, headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b""), address
        for wrong in ("scripts/swagger-ui.css", "scripts/..%2Findex.html", "styles/LICENSE", "styles/"):
            assert (await api.public.get(f"{PAGE}/{wrong}")).status_code == 404, wrong


@pytest.mark.req("UI-13")
@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [1280, 400])
async def test_a_browser_authorises_tries_a_call_and_sees_the_answer(tmp_path: Path, width: int) -> None:
    manifests = "---\n".join((key("release"), api_key("reader", READER, "read")))
    async with running(manifests, api__require_auth=True) as api, browsing() as page:
        await api.ready("key/release", "apikey/reader", "source/root")
        await page.size(width, 900)
        await page.open(str(api.public.base_url) + PAGE)
        await page.until("document.querySelector('#api .opblock')")
        await page.picture(tmp_path / "opened.png")

        await page.click(f"document.querySelector('{TRY} .opblock-summary-control')")
        assert json.loads(await tried(page))["code"] == "UNAUTHORIZED"

        await page.click("document.querySelector('.auth-wrapper .authorize')")
        await page.write(KEY, READER)
        await page.picture(tmp_path / "authorising.png")
        await page.click("document.querySelector('.modal-ux .authorize')")
        await page.click("document.querySelector('.modal-ux .btn-done')")
        answer = json.loads(await tried(page))
        assert answer["version"] == (await api.socket.get("/api/v1/status")).json()["version"]
        await page.picture(tmp_path / "answered.png")

        wide = await page.until("document.documentElement.scrollWidth")
        assert wide <= width, "nothing lies beside the window"
        own = f"{str(api.public.base_url).rstrip('/')}/"
        assert [one for one in page.requests if not one.startswith((own, "data:"))] == []
        assert [one for one in page.complaints if "401" not in one] == []


async def tried(page: Page) -> str:
    """What the answer says that a new try of the call gets."""
    await page.until(f"(document.querySelector('{TRY} .btn-clear')?.click(), true)")
    await page.until(f"!document.querySelector('{TRY} .live-responses-table')")
    await page.click(f"document.querySelector('{TRY} .execute')")
    return str(
        await page.until(
            f"document.querySelector('{TRY} .live-responses-table .highlight-code code')?.innerText"
        )
    )
