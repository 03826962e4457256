"""The command where no node runs: it does what can be done, and says what waits for one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.drivers.processes.launch import KEEPER
from tests.cli.terminal import on_a_terminal
from tests.node.running import hurt, processes, running_node, service, until
from tests.process_table import started_on

HOLDFAST = str(Path(sys.executable).with_name("holdfast"))
HEAD = "apiVersion: holdfast.dev/v1\nkind: "
KEY = f"{HEAD}Key\nmetadata: {{name: release}}\nspec: {{role: creator, generate: true}}\n"
FILE = (
    "apiVersion: example.com/v1\nkind: File\nmetadata: {{name: f}}\nspec: {{path: {path}, content: wanted}}\n"
)
SAMPLES = {"PYTHONPATH": str(Path(__file__).parents[1] / "plugins")}
SLEEPER = f"{HEAD}Service\nmetadata: {{name: web}}\nspec: {{command: [sleep, '60']}}\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def run(
    data: Path, *words: str, typed: str = "", environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HOLDFAST, *words],
        env=os.environ | {"HOLDFAST_DATA": str(data)} | dict(environ or {}),
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file with its digest and time."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def dumped(data: Path, place: Path) -> list[str]:
    """All that the store holds, told by a copy: to open it may leave a trace."""
    place.mkdir()
    for file in data.glob("holdfast.db*"):
        shutil.copy(file, place)
    with closing(sqlite3.connect(place / "holdfast.db")) as connection:
        return [*connection.iterdump()]


@pytest.mark.req("CLI-01", "CLI-02")
def test_a_misspelt_field_is_told_with_its_place(tmp_path: Path, data: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(f"{HEAD}Key\nmetadata: {{name: x}}\nspec:\n  generat: true\n  role: creator\n")
    told = run(data, "validate", "-f", str(bad))
    assert told.returncode == 2
    assert f"{bad}:5:3: spec.generat: unknown field, did you mean 'generate'?" in told.stdout
    assert not data.exists()


def needing(name: str, need: str) -> str:
    return (
        f"{HEAD}Key\nmetadata: {{name: {name}}}\n"
        f"spec: {{role: creator, generate: true, dependsOn: [{need}]}}\n"
    )


def test_a_cycle_is_told_with_all_its_members_and_their_places(tmp_path: Path, data: Path) -> None:
    (tmp_path / "a.yaml").write_text(needing("a", "key/b"))
    (tmp_path / "b.yaml").write_text(f"{needing('alone', 'key/b')}---\n{needing('b', 'key/a')}")
    told = run(data, "validate", "-f", str(tmp_path))
    first, second = f"{tmp_path}/a.yaml:1:1", f"{tmp_path}/b.yaml:6:1"
    assert told.returncode == 2
    assert f"{first}: needs itself: key/a ({first}) -> key/b ({second}) -> key/a\n" in told.stdout
    assert "remedy: take one of these needs away" in told.stdout
    assert told.stderr.endswith("1 error\n")


def test_the_services_of_a_group_can_be_a_cycle(data: Path) -> None:
    services = "{a: {command: [x], needs: {b: started}}, b: {command: [x], needs: {a: started}}}"
    group = f"{HEAD}ServiceGroup\nmetadata: {{name: shop}}\nspec: {{services: {services}}}\n"
    told = run(data, "validate", "-f", "-", typed=group)
    assert told.returncode == 2
    assert "service/shop.a (-:1:1) -> service/shop.b (-:1:1) -> service/shop.a" in told.stdout


@pytest.mark.req("CLI-08", "CORE-05")
def test_a_manifest_without_errors_is_said_to_be_so(data: Path) -> None:
    told = run(data, "validate", "-f", "-", typed=KEY)
    assert (told.returncode, told.stdout) == (0, "1 resource, no errors\n")


@pytest.mark.req("CORE-05", "CLI-01", "TST-47")
def test_diff_and_dry_run_write_nothing(tmp_path: Path, data: Path) -> None:
    manifest = tmp_path / "all.yaml"
    manifest.write_text(KEY)
    assert run(data, "diff", "-f", str(manifest)).returncode == 1
    assert not data.exists(), "not even the folder"
    assert run(data, "apply", "-f", str(manifest), "--yes").returncode == 0
    before = contents(data)
    manifest.write_text(KEY.replace("creator", "maintainer"))
    assert run(data, "diff", "-f", str(manifest)).returncode == 1
    assert run(data, "apply", "-f", str(manifest), "--dry-run").returncode == 0
    assert run(data, "get").returncode == 0
    assert contents(data) == before


@pytest.mark.req("CORE-05", "CLI-01", "TST-47")
def test_who_only_looks_starts_no_keeper_for_what_a_node_has_left(tmp_path: Path) -> None:
    """Neither the store, nor another file, nor the process table is other than before."""
    with running_node() as node:
        marker = str(node.data)
        (node.place / "web.yaml").write_text(service("web", marker))
        node.start()
        until(lambda: node.has({"service/web"}), "the service runs")
        manifest = tmp_path / "web.yaml"
        manifest.write_text(service("web", marker, env={"TURN": "2"}))
        looks = (
            ("diff", "-f", str(manifest)),
            ("apply", "-f", str(manifest), "--dry-run"),
            ("get",),
            ("status",),
            ("describe", "service/web"),
            ("top",),
        )
        node.kill()
        (keeper,) = (pid for pid, words in started_on(node.data).items() if str(KEEPER) in words)
        hurt(keeper, signal.SIGKILL)
        until(lambda: keeper not in started_on(node.data), "the keeper is gone")
        before = contents(node.data), started_on(node.data)
        stored = dumped(node.data, tmp_path / "before")
        assert processes(marker)
        told = {words[0]: run(node.data, *words) for words in looks}
        assert (contents(node.data), started_on(node.data)) == before
        assert dumped(node.data, tmp_path / "after") == stored
        assert "env.TURN: null -> 2" in told["diff"].stdout
        assert run(node.data, "down").returncode == 0
        assert not processes(marker)


@pytest.mark.req("CORE-01", "CORE-02", "CLI-08")
def test_what_can_be_brought_about_at_once_is(tmp_path: Path, data: Path) -> None:
    manifest = tmp_path / "all.yaml"
    manifest.write_text(f"{KEY}---\n{SLEEPER}")
    told = run(data, "apply", "-f", str(manifest), "--yes")
    assert told.returncode == 0
    assert "service/web: WaitsForNode" in told.stderr
    assert "`holdfast up` brings it about" in told.stderr
    again = run(data, "diff", "-f", str(manifest))
    assert again.stdout.splitlines()[-1] == "Plan: 1 to add, 0 to change, 0 to remove, 1 unchanged."
    assert "key/release" in run(data, "get", "key").stdout


@pytest.mark.req("CLI-08")
def test_a_set_prunes_what_it_applied_before(tmp_path: Path, data: Path) -> None:
    manifest = tmp_path / "all.yaml"
    manifest.write_text(f"{KEY}---\n{KEY.replace('release', 'other')}")
    assert run(data, "apply", "-f", str(manifest), "--yes").returncode == 0
    manifest.write_text(KEY)
    told = run(data, "diff", "-f", str(manifest), "--prune")
    assert told.returncode == 1
    assert "- key/other" in told.stdout
    assert run(data, "apply", "-f", str(manifest), "--prune", "--yes").returncode == 0
    assert "key/other" not in run(data, "get", "key", "-o", "name").stdout


@pytest.mark.req("CLI-08")
def test_a_folder_goes_along_without_what_git_keeps_for_itself(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "web"
    for name in (".git/objects/pack", "submodule/.git", "static/.hidden", "run.sh"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / "web.yaml").write_text(SLEEPER.replace("{command", "{cwd: ., command"))
    assert run(data, "diff", "-f", str(folder), "--out", str(tmp_path / "plan")).returncode == 1
    saved = json.loads((tmp_path / "plan").read_text())
    assert saved["bundle"]["files"].keys() == {"run.sh", "static/.hidden", "web.yaml"}


@pytest.mark.req("CLI-01")
def test_who_waits_without_a_node_is_told_at_once(data: Path) -> None:
    waiting = subprocess.Popen(
        [HOLDFAST, "wait", "key/none", "--timeout", "60s"],
        env=os.environ | {"HOLDFAST_DATA": str(data)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert waiting.stderr is not None
        told = waiting.stderr.readline()
        assert told == f"no node runs on {data}: waiting 60s for one; `holdfast up PATH` starts it\n"
        assert waiting.poll() is None
    finally:
        waiting.kill()
        waiting.communicate()


@pytest.mark.req("CLI-08", "CORE-04")
def test_a_file_that_was_emptied_takes_nothing_back(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "release.yaml").write_text(KEY)
    (folder / "other.yaml").write_text(KEY.replace("release", "other"))
    assert run(data, "apply", "-f", str(folder), "--yes").returncode == 0
    (folder / "other.yaml").write_text("\n")
    told = run(data, "apply", "-f", str(folder), "--prune", "--yes")
    assert (told.returncode, "other.yaml:1:1: it is empty" in told.stderr) == (2, True)
    assert "name it no more" in told.stderr
    assert "key/other" in run(data, "get", "key", "-o", "name").stdout


@pytest.mark.req("CLI-01")
@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("get", "kex"), 2),
        (("get", "key/none"), 5),
        (("nonsense",), 2),
        (("diff",), 2),
        (("diff", "-f", "NOWHERE"), 2),
        (("validate", "-f", "NOWHERE"), 2),
        (("apply", "-f", "NOWHERE"), 2),
        (("apply",), 2),
        (("up", "NOWHERE"), 2),
        (("up", ""), 2),
        (("up", "/", "--listen", "8081"), 2),
        (("up", "/", "--listen", "127.0.0.1:65536"), 2),
        (("up", "/", "--data", "/proc/holdfast"), 2),
        (("down",), 7),
        (("status",), 7),
        (("status", "-o", "json"), 7),
        (("events", "--tail", "-1"), 2),
        (("logs", "web"), 7),
        (("events", "--follow"), 7),
        (("wait", "key/none", "--timeout", "100ms"), 9),
        (("wait", "key", "--timeout", "1s"), 2),
        (("wait", "key/none", "--timeout", "soon"), 2),
        (("explain", "service.spec.heath"), 2),
        (("explain", "servicegroup.spec.services.web.heath"), 2),
        (("source", "show", "none"), 5),
        (("source", "history", "none"), 5),
        (("service", "restart", "web"), 7),
        (("events", "--since", "never"), 2),
        (("suspend", "source/inbox", "--for", "never"), 2),
        (("get", "-l", "foo"), 2),
        (("apply", "/etc/hostname"), 2),
        (("get", "--api-url", "http://127.0.0.1:1"), 7),
        (("get", "--api-url", "http://127.0.0.1:99999"), 2),
        (("get", "--api-url", "http://[::1"), 2),
        (("get", "--api-url", "http://a..é"), 2),
        (("get", "--api-url", "ftp://127.0.0.1"), 2),
        (("get", "--api-url", "http://"), 2),
        (("get", "--api-url", "foo"), 2),
        (("get", "--api-url", "127.0.0.1:8081"), 2),
        (("diff", "-f", "-", "--out", "NOWHERE"), 2),
        (("get", "--api-url", "http://127.0.0.1:1", "\udcff\udcfe"), 2),
    ],
)
def test_every_end_has_its_exit_status(data: Path, words: tuple[str, ...], status: int) -> None:
    told = run(data, *(str(data / "nowhere") if word == "NOWHERE" else word for word in words))
    assert told.returncode == status, told.stderr
    assert told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.req("CLI-01")
@pytest.mark.parametrize("words", [("--api-url", "foo:8081"), ()])
def test_an_address_without_a_scheme_is_named_and_how_it_is_written(
    data: Path, words: tuple[str, ...]
) -> None:
    environ = {} if words else {"HOLDFAST_API_URL": "foo:8081"}
    told = run(data, "get", *words, environ=environ)
    assert told.returncode == 2
    assert "foo:8081 is no node's address" in told.stderr
    assert "`http://foo:8081`" in told.stderr
    assert "holdfast up" not in told.stderr


@pytest.mark.req("CLI-01")
@pytest.mark.parametrize("garbage", [b"\xff\xfe\x00", b"{" * 10_000, b"a: &a [*a]\n", b"\x00" * 100, b""])
def test_garbage_is_refused_with_two(tmp_path: Path, data: Path, garbage: bytes) -> None:
    manifest = tmp_path / "garbage.yaml"
    manifest.write_bytes(garbage)
    told = run(data, "diff", "-f", str(manifest))
    assert told.returncode == 2
    assert "Traceback" not in told.stderr


@pytest.mark.req("CLI-08")
def test_nobody_is_asked_where_nobody_answers(tmp_path: Path, data: Path) -> None:
    manifest = tmp_path / "all.yaml"
    manifest.write_text(KEY)
    told = run(data, "apply", "-f", str(manifest))
    assert told.returncode == 4
    assert "--yes agrees beforehand" in told.stderr


@pytest.mark.req("CLI-08")
def test_a_first_manifest_is_written_once(tmp_path: Path, data: Path) -> None:
    assert run(data, "init", str(tmp_path)).returncode == 0
    assert run(data, "validate", "-f", str(tmp_path / "hello.yaml")).returncode == 0
    again = run(data, "init", str(tmp_path))
    assert again.returncode == 6
    assert "is there already" in again.stderr


@pytest.mark.req("CLI-08")
@pytest.mark.parametrize("words", [("--help",), ("version",), ("get", "--help")])
def test_what_is_quick_imports_little(words: tuple[str, ...]) -> None:
    code = (
        "import sys; from reconciler.cli.top import run; run(sys.argv[1:]);"
        "heavy = ('pydantic', 'yaml', 'rich', 'litestar', 'aiosqlite');"
        "print([m for m in heavy if m in sys.modules], file=sys.stderr)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert told.stderr == "[]\n"


@pytest.mark.req("CLI-02")
def test_what_somebody_agreed_to_is_done_or_nothing(tmp_path: Path, data: Path) -> None:
    """While it asks, the file that was to be changed goes away: to make it anew is another plan."""
    file = tmp_path / "made"
    (tmp_path / "file.yaml").write_text(FILE.format(path=file))
    words = ("apply", "-f", str(tmp_path / "file.yaml"), "--data", str(data))
    assert run(data, *words, "--yes", environ=SAMPLES).returncode == 0
    file.write_text("drifted")
    with on_a_terminal(*words, environ=SAMPLES) as terminal:
        until(lambda: "Apply this?" in terminal.text, "it asks")
        file.unlink()
        terminal.press(b"y\n")
        assert terminal.process.wait(60) == 6
        until(lambda: "the changes are no longer those" in terminal.text, "it says why")
    assert not file.exists()


@pytest.mark.req("CLI-02")
@pytest.mark.parametrize(("there", "looks"), [("wanted", 1), ("drifted", 3)])
def test_an_apply_looks_again_only_to_change_something(
    tmp_path: Path, data: Path, there: str, looks: int
) -> None:
    """Before it decides; and when it acts, before and after that."""
    file = tmp_path / "made"
    (tmp_path / "file.yaml").write_text(FILE.format(path=file))
    words = ("apply", "-f", str(tmp_path / "file.yaml"), "--yes")
    assert run(data, *words, environ=SAMPLES).returncode == 0
    file.write_text(there)
    code = (
        "import os, sys; from reconciler.cli.top import run\n"
        "def hear(event, about):\n"
        f"    if event == 'open' and about[0] == {str(file)!r}: os.write(2, b'look ')\n"
        "sys.addaudithook(hear); run(sys.argv[1:])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, *words, "--data", str(data)],
        env=os.environ | SAMPLES,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (told.stderr.count("look "), told.returncode) == (looks, 0), told.stderr
    assert "1 of 1 are ready." in told.stderr
    assert file.read_text() == "wanted"


def null(name: str, *needs: str, trigger: str = "1") -> str:
    return (
        f"apiVersion: example.com/v1\nkind: 'Null'\nmetadata: {{name: {name}}}\n"
        f"spec: {{triggersReplace: '{trigger}', dependsOn: [{', '.join(needs)}]}}\n"
    )


@pytest.mark.req("CLI-02")
def test_a_diff_names_what_else_is_affected_down_to_the_last(tmp_path: Path, data: Path) -> None:
    """`b` needs `a`, and `c` needs `b`; what goes together is not affected by that."""
    a, b = null("a"), null("b", "null.example.com/a")
    rest = f"{b}---\n{null('c', 'null.example.com/b')}"
    manifest = tmp_path / "all.yaml"
    words = ("-f", str(manifest))
    manifest.write_text(f"{a}---\n{rest}")
    assert run(data, "apply", *words, "--yes", environ=SAMPLES).returncode == 0

    manifest.write_text(f"{null('a', trigger='2')}---\n{rest}")
    anew = run(data, "diff", *words, environ=SAMPLES)
    assert anew.stdout.splitlines() == [
        "-/+ null.example.com/a",
        "    triggers_replace: 1 -> 2  (forces the recreate)",
        "    affects null.example.com/b, null.example.com/c",
        "",
        "Plan: 0 to add, 1 to change, 0 to remove, 2 unchanged.",
    ]

    manifest.write_text(a)
    gone = run(data, "diff", *words, "--prune", environ=SAMPLES)
    assert gone.returncode == 1
    assert gone.stdout.splitlines()[-1] == "Plan: 0 to add, 0 to change, 2 to remove, 1 unchanged."
    assert "affects" not in gone.stdout

    manifest.write_text(rest)
    needed = run(data, "diff", *words, "--prune", environ=SAMPLES)
    assert needed.stdout.splitlines()[:3] == [
        "- null.example.com/a",
        "    still needed by null.example.com/b",
        "    affects null.example.com/b, null.example.com/c",
    ]


@pytest.mark.req("CLI-02", "CORE-03")
def test_a_diff_warns_of_what_an_apply_would_refuse(tmp_path: Path, data: Path) -> None:
    manifest = tmp_path / "all.yaml"
    words = ("-f", str(manifest), "--prune")
    manifest.write_text("---\n".join(KEY.replace("release", f"k{number}") for number in range(6)))
    assert run(data, "apply", *words, "--yes").returncode == 0
    manifest.write_text(KEY.replace("release", "k0"))
    warned = run(data, "diff", *words)
    warning = "! PruneBudget: it would remove 5 of 7 resources, more than half; allow it by name: "
    assert [line[: len(warning)] for line in warned.stdout.splitlines() if line[0:1] == "!"] == [warning]
    assert warned.stdout.splitlines()[-1] == "Plan: 0 to add, 0 to change, 5 to remove, 1 unchanged."
    dry = run(data, "apply", *words, "--dry-run")
    assert (dry.returncode, "would remove 5 of 7" in dry.stderr) == (4, True)
    allowed = run(data, "apply", *words, "--dry-run", "--allow-prune")
    assert (allowed.returncode, "! PruneBudget" in allowed.stdout) == (0, False)


@pytest.mark.req("CLI-02", "CORE-03")
def test_what_was_allowed_for_nothing_is_said(tmp_path: Path, data: Path) -> None:
    manifest = tmp_path / "key.yaml"
    manifest.write_text(KEY)
    words = ("apply", "-f", str(manifest), "--yes", "--allow-prune")
    told = "nothing would be removed: --allow-prune has nothing to allow\n"
    first = run(data, *words)
    assert (first.returncode, told in first.stderr) == (0, True)
    assert told in run(data, *words, "--prune").stderr
    manifest.write_text(KEY.replace("release", "other"))
    assert told not in run(data, *words, "--prune").stderr


@pytest.mark.req("CLI-08")
def test_what_fails_is_told_with_its_cause(tmp_path: Path, data: Path) -> None:
    """A file where a folder would have to be."""
    (tmp_path / "in-the-way").touch()
    (tmp_path / "file.yaml").write_text(FILE.format(path=tmp_path / "in-the-way" / "made"))
    told = run(data, "apply", "-f", str(tmp_path / "file.yaml"), "--yes", environ=SAMPLES)
    assert told.returncode == 3
    lines = told.stderr.splitlines()
    assert lines[-1] == "0 of 1 are ready."
    assert lines[-2].startswith("file.example.com/f: ")
    assert f"{tmp_path}/in-the-way/made: Not a directory" in lines[-2]
