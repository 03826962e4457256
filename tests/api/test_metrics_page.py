"""The reference of metrics says what a living node says: every series, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.api.nodes import key, running
from tests.api.test_prometheus import SERVICE, read

PAGE = Path("docs/reference/metrics.md")
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| (.+) \|$", re.MULTILINE)
HEAD = re.compile(r"^# HELP (\w+) (.+)\n# TYPE \w+ (\w+)$", re.MULTILINE)
OF_A_SAMPLE = {"le"}


@pytest.mark.req("DOC-13", "OBS-13")
async def test_the_page_names_what_there_is() -> None:
    rows = {
        name: (of, set(re.findall(r"`(\w+)`", labels)), told)
        for name, of, labels, told in ROW.findall(PAGE.read_text())
    }
    async with running("---\n".join((key("release"), SERVICE))) as api:
        await api.ready("key/release", "service/web")
        await api.public.get("/api/v1/status")
        text = (await api.public.get("/metrics")).text
        api.node.ends_services = True
    assert {name: (of, told) for name, told, of in HEAD.findall(text)} == {
        name: (of, told) for name, (of, _, told) in rows.items()
    }, f"`{PAGE}` lists every series of `/metrics`: add what is new, take out what is gone"
    for series, samples in read(text).items():
        name = series if series in rows else re.sub(r"_(bucket|sum|count)$", "", series)
        for of in samples:
            assert {label for label, _ in of} - OF_A_SAMPLE == rows[name][1], series
