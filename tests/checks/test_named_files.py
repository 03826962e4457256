"""What a page for developers names is there: a file that was moved or renamed takes its mention along."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PATH = re.compile(r"`((?:api|reconciler|tests|schemas)/[\w./-]+)`")


@pytest.mark.req("DOC-07")
@pytest.mark.parametrize(
    "page", ["docs/explanation/api.md", "docs/explanation/architecture.md", "CONTRIBUTING.md"]
)
def test_each_file_that_a_page_names_is_there(page: str) -> None:
    named = [name for name in PATH.findall(Path(page).read_text()) if "NAME" not in name]
    assert named
    assert [name for name in named if not Path(name).exists()] == []


@pytest.mark.req("DOC-07")
def test_the_page_on_the_api_names_what_each_request_passes() -> None:
    layered = re.search(r"def layered.*?\n\n\n", Path("api/app.py").read_text(), re.DOTALL)
    assert layered
    page = Path("docs/explanation/api.md").read_text()
    imported = {
        name: module
        for module, names in re.findall(
            r"^from api\.([\w.]+) import (.+)$", Path("api/app.py").read_text(), re.MULTILINE
        )
        for name in names.split(", ")
    }
    passed = [imported[name] for name in re.findall(r"\b([A-Z]\w+)\(", layered[0]) if name in imported]
    assert len(passed) >= 5
    assert [one for one in passed if f"`api/{one.replace('.', '/')}.py`" not in page] == []
