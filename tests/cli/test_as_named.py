"""What is told of manifests names them as the person has, whoever has read them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.running import HOLDFAST, RunningNode, key, running_node, service

pytestmark = pytest.mark.req("CLI-01", "CLI-02", "CORE-06")

BAD = key("bad").partition("spec:")[0] + "spec:\n  generat: true\n  role: creator\n"
GROUP = (
    "apiVersion: holdfast.dev/v1\nkind: ServiceGroup\nmetadata: {name: shop}\n"
    "spec: {services: {web: {command: [sleep, '1']}}}\n"
)
FILES = {
    "m/5.yaml": BAD,
    "m/4.yaml": key("good"),
    "deep/in/it/a b.yaml": BAD,
    "deep/5.yaml": BAD.replace("bad", "worse"),
    "first/same.yaml": key("same"),
    "second/same.yaml": key("same"),
    "third/same.yaml": key("other"),
    "clash/group.yaml": GROUP,
    "clash/part.yaml": service("shop.web", "none"),
}
UNKNOWN = "spec.generat: unknown field, did you mean 'generate'?"


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    with running_node() as node:
        (node.place / "4.yaml").write_text(key("declared"))
        node.start()
        yield node


@pytest.fixture(params=["a running node", "no node"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(request.getfixturevalue("node").data) if request.param == "a running node" else tmp_path


@pytest.fixture(scope="module")
def here() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in FILES.items():
            file = Path(scratch, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        yield Path(scratch)


def run(data: Path, here: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HOLDFAST, *words],
        cwd=here,
        env=os.environ | {"HOLDFAST_DATA": str(data)},
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


NAMED = {
    "a folder": (("m/",), ("m/5.yaml",)),
    "a folder within": (("deep",), ("deep/in/it/a b.yaml", "deep/5.yaml")),
    "a folder above": (("m/../deep/in",), ("m/../deep/in/it/a b.yaml",)),
    "an absolute folder": (("HERE/m",), ("HERE/m/5.yaml",)),
    "a file": (("m/5.yaml",), ("m/5.yaml",)),
    "an absolute file": (("HERE/m/5.yaml",), ("HERE/m/5.yaml",)),
    "several": (("m", "HERE/deep", "-"), ("m/5.yaml", "HERE/deep/5.yaml", "HERE/deep/in/it/a b.yaml", "-")),
    "standard input": (("-",), ("-",)),
}


@pytest.mark.parametrize("named", NAMED)
def test_a_place_is_named_as_the_person_named_it(data: Path, here: Path, named: str) -> None:
    words = [word.replace("HERE", str(here)) for word in NAMED[named][0]]
    places = {f"{word.replace('HERE', str(here))}:5:3" for word in NAMED[named][1]}
    files = [word for name in words for word in ("-f", name)]
    for verb in (["validate"], ["diff"], ["apply", "--yes"], ["apply", "--dry-run"]):
        told = run(data, here, *verb, *files, typed=BAD.replace("bad", "typed"))
        assert told.returncode == 2
        lines = (told.stdout + told.stderr).replace("error (Bad Request): ", "").splitlines()
        assert {line.partition(f": {UNKNOWN}")[0] for line in lines if UNKNOWN in line} == places
    told = run(data, here, "diff", "-o", "json", *files, typed=BAD.replace("bad", "typed"))
    document = json.loads(told.stderr)
    assert {one["place"] for one in document["invalid_params"]} == places
    assert all(f"{place}: {UNKNOWN}" in document["detail"] for place in places)


def test_each_place_of_an_error_is(data: Path, here: Path) -> None:
    told = run(data, here, "diff", "-f", "first", "-f", f"{here}/second")
    assert told.returncode == 2
    assert f"{here}/second/same.yaml:1:1: key/same is declared at first/same.yaml:1:1 already" in told.stderr


def test_of_several_folders_none_hides_another(data: Path, here: Path) -> None:
    told = run(data, here, "diff", "-f", "first", "-f", "third", "-f", f"{here}/m/4.yaml", "-o", "json")
    assert told.returncode == 1, told.stderr
    assert {one["ref"]: one["place"] for one in json.loads(told.stdout)["differences"]} == {
        "key/same": "first/same.yaml:1:1",
        "key/other": "third/same.yaml:1:1",
        "key/good": f"{here}/m/4.yaml:1:1",
    }


def test_what_would_lie_at_one_place_is_refused(data: Path, here: Path, tmp_path: Path) -> None:
    other = tmp_path / "first"
    other.mkdir()
    (other / "same.yaml").write_text(key("elsewhere"))
    told = run(data, here, "diff", "-f", "first", "-f", str(other))
    assert told.returncode == 2
    assert f"{other}/same.yaml: there is another 'first' in what is applied together" in told.stderr
    assert "remedy: name a folder that holds both" in told.stderr


def test_what_is_named_twice_counts_once(data: Path, here: Path) -> None:
    told = run(
        data, here, "diff", "-f", "m/4.yaml", "-f", "m/4.yaml", "-f", "-", "-f", "-", typed=key("typed")
    )
    assert told.stdout.splitlines()[-1] == "Plan: 2 to add, 0 to change, 0 to remove, 0 unchanged."


def test_a_warning_names_them_too(data: Path, here: Path) -> None:
    told = run(data, here, "diff", "-f", "clash")
    assert "! service/shop.web is declared at clash/part.yaml:1:1 (source inbox)" in told.stdout
    assert "and, differently, at clash/group.yaml:1:1 (source inbox)" in told.stdout


def test_a_source_s_own_place_stays_its_own(node: RunningNode, here: Path, tmp_path: Path) -> None:
    """It has a file of the same path, which is another."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "4.yaml").write_text(key("declared").replace("creator", "maintainer"))
    assert run(node.data, tmp_path, "wait", "key/declared", "--timeout", "60s").returncode == 0
    told = run(node.data, tmp_path, "diff", "-f", "other", "-o", "json")
    preview = json.loads(told.stdout)
    assert preview["conflicts"] == ["key/declared is declared differently at 4.yaml:1:1 (source root)"]
    assert [one["place"] for one in preview["differences"]] == ["4.yaml:1:1"]


def test_a_file_above_is_applied_like_any_other(data: Path, here: Path) -> None:
    told = run(data, here / "m", "apply", "-f", "../third/same.yaml", "--yes")
    assert told.returncode == 0, told.stderr
    assert run(data, here, "delete", "key/other", "--yes").returncode == 0
