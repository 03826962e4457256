"""What a machine does to a command: broken pipes, full disks, foreign folders, small windows, old locales."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.shell import HOLDFAST, answering, run
from tests.cli.terminal import on_a_terminal
from tests.node.running import key, running_node, service, until

NOBODY = 65534
KILLS = int(os.environ.get("HOLDFAST_KILLS", "40")) // 5
LATIN = {"PYTHONIOENCODING": "latin-1"}  # as a locale such as de_DE.ISO-8859-1 would


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.req("CLI-01")
def test_who_has_read_enough_ends_nothing_badly(data: Path) -> None:
    with answering() as node:
        node.body = {f"key/k{number}": [] for number in range(50_000)}
        url = f"http://127.0.0.1:{node.port}"
        told = run(data, "--api-url", url, "graph", through="| head -1")
    assert (told.returncode, told.stdout, told.stderr) == (0, b"key/k0\n", b"")


@pytest.mark.req("CLI-01")
@pytest.mark.parametrize("words", [("get",), ("explain", "service"), ("version",), ("--help",)])
def test_what_cannot_be_written_is_no_success(data: Path, words: tuple[str, ...]) -> None:
    told = run(data, *words, through=">/dev/full")
    assert told.returncode == 3
    assert b"standard output: No space left on device" in told.stderr
    assert b"remedy: make room" in told.stderr


@pytest.mark.req("CLI-01")
@pytest.mark.parametrize(
    ("words", "status"), [(("get",), 3), (("explain", "key.none"), 2), (("get", "--none"), 2)]
)
def test_where_nothing_can_be_told_the_exit_status_is_right(
    data: Path, words: tuple[str, ...], status: int
) -> None:
    assert run(data, *words, through=">/dev/full 2>&1").returncode == status


@pytest.mark.req("CLI-01")
@pytest.mark.parametrize("through", [">&-", "2>&-"])
def test_a_closed_output_is_nobody_listening(data: Path, through: str) -> None:
    assert run(data, "get", through=through).returncode == 0


STARTS_ANOTHER = """
import os, sys
from reconciler.cli.top import run
run(["version"])
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""
NOTES_ITS_STREAMS = """
import os, sys
same = [os.path.samestat(os.fstat(number), os.stat(os.devnull)) for number in range(3)]
with open(sys.argv[1], "w") as noted:
    print(*same, file=noted)
"""


@pytest.mark.req("CLI-08")
def test_who_is_started_by_one_without_streams_has_some(tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    words = [sys.executable, "-c", STARTS_ANOTHER, NOTES_ITS_STREAMS, str(noted)]
    subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *words], timeout=60, check=False)
    assert noted.read_text() == "True True True\n"


@pytest.mark.req("CLI-01")
@pytest.mark.parametrize(
    ("folder", "status"), [("/sys/holdfast", 4), ("/etc/hostname", 2), ("/" + "x" * 300, 2)]
)
def test_a_folder_that_cannot_be_one_is_said_so(tmp_path: Path, folder: str, status: int) -> None:
    (tmp_path / "release.yaml").write_text(key("release"))
    for words in (("apply", "-f", str(tmp_path), "--yes"), ("up", str(tmp_path))):
        told = run(Path(folder), *words)
        assert told.returncode == status, told.stderr
        assert folder.encode() in told.stderr
        assert b"--data" in told.stderr


@pytest.mark.req("CLI-01", "DMN-10")
@pytest.mark.needs("setpriv")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_elses_node_is_not_to_be_asked(data: Path) -> None:
    data.mkdir(mode=0o700)
    for folder in [data, *data.parents]:
        if folder.stat().st_uid == os.geteuid() and folder != data and folder.name.startswith("p"):
            folder.chmod(0o755)
    told = subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", "--clear-groups", HOLDFAST, "get"],
        env=os.environ | {"HOLDFAST_DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 4, told.stderr
    assert "Permission denied" in told.stderr
    assert "remedy: ask as who owns it" in told.stderr


@pytest.mark.req("CLI-03")
def test_colours_are_for_terminals_that_want_them(tmp_path: Path, data: Path) -> None:
    (tmp_path / "release.yaml").write_text(key("release"))
    words = ("diff", "-f", str(tmp_path / "release.yaml"), "--data", str(data))
    assert b"\x1b" not in run(data, *words).stdout
    for environ, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with on_a_terminal(*words, environ=environ) as terminal:
            until(lambda: terminal.process.poll() is not None, "it ends")
            until(lambda: "1 to add" in terminal.text, "all is read")
            assert ("\x1b[" in terminal.raw) == coloured
            assert "+ key/release" in terminal.text


@pytest.mark.req("CLI-03")
@pytest.mark.parametrize("words", [("--help",), ("apply", "--help"), ("node", "identity", "--help")])
def test_help_fits_a_narrow_window(data: Path, words: tuple[str, ...]) -> None:
    told = run(data, *words, environ={"COLUMNS": "40"})
    assert told.returncode == 0
    assert max(map(len, told.stdout.decode().splitlines())) <= 40


@pytest.mark.req("CLI-03")
def test_a_locale_without_a_character_shows_another(tmp_path: Path, data: Path) -> None:
    with answering() as node:
        node.body = {"service/web": ["key/größe"]}
        told = run(data, "--api-url", f"http://127.0.0.1:{node.port}", "graph", environ=LATIN)
    assert (told.returncode, told.stdout) == (
        0,
        "service/web\n?? key/größe (not declared)\n".encode("latin-1"),
    )
    (tmp_path / "s.yaml").write_text(service("web", "ü", env={"NAME": "größe"}), encoding="utf-8")
    told = run(data, "validate", "-f", str(tmp_path / "s.yaml"), environ=LATIN)
    assert told.returncode == 0, "manifests are UTF-8, whatever the locale"


@pytest.mark.req("CLI-08")
@pytest.mark.parametrize("living", [True, False])
def test_of_several_at_once_each_is_done(tmp_path: Path, living: bool) -> None:
    with running_node() as node:
        if living:
            node.start()
            until(node.answers, "the node answers")
        files = [tmp_path / f"k{number}.yaml" for number in range(6)]
        for file in files:
            file.write_text(key(file.stem))

        def apply(file: Path) -> int:
            return node.command("apply", "-f", str(file), "--set", file.stem, "--yes", "--wait").returncode

        with ThreadPoolExecutor(len(files)) as crowd:
            ends = dict(zip(files, crowd.map(apply, files), strict=True))
        assert set(ends.values()) == {0}, "who comes second waits"
        there = set(node.command("get", "key", "-o", "name").stdout.split())
        assert there == {f"key/{file.stem}" for file in files}


@pytest.mark.req("CORE-03", "CLI-08")
@pytest.mark.random
@pytest.mark.parametrize("seed", range(KILLS))
def test_an_apply_that_is_killed_leaves_what_the_next_one_completes(tmp_path: Path, seed: int) -> None:
    data, count = tmp_path / "data", 20
    (tmp_path / "all.yaml").write_text("---\n".join(key(f"k{number}") for number in range(count)))
    words = [HOLDFAST, "apply", "-f", str(tmp_path / "all.yaml"), "--yes", "--data", str(data)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(random.Random(seed).uniform(0.1, 1.2))
    process.kill()
    process.wait()
    told = run(data, "apply", "-f", str(tmp_path / "all.yaml"), "--yes", "--wait")
    assert told.returncode == 0, told.stderr
    assert run(data, "diff", "-f", str(tmp_path / "all.yaml")).returncode == 0
    assert len(run(data, "get", "key", "-o", "name").stdout.split()) == count


@pytest.mark.req("CLI-08")
@pytest.mark.parametrize(
    ("count", "stay", "agreed", "typed"),
    [(30, 18, ["--yes"], b"11\n"), (8, 1, [], b"y\n")],
    ids=["many", "beyond the budget, however few"],
)
def test_removals_ask_for_their_number(
    tmp_path: Path, data: Path, *, count: int, stay: int, agreed: list[str], typed: bytes
) -> None:
    manifest = tmp_path / "all.yaml"
    manifest.write_text("---\n".join(key(f"k{number}") for number in range(count)))
    assert run(data, "apply", "-f", str(manifest), "--yes").returncode == 0
    manifest.write_text("---\n".join(key(f"k{number}") for number in range(stay)))
    words, gone = ("apply", "-f", str(manifest), "--prune", "--data", str(data)), count - stay
    refused = run(data, *words, *agreed)
    assert refused.returncode == 4
    assert b"--allow-prune for so many removals" in refused.stderr
    for answer, left in ((typed, count), (f"{gone}\n".encode(), stay)):
        with on_a_terminal(*words) as terminal:
            until(lambda: f"{gone} would be removed. Type their number to agree" in terminal.text, "it asks")
            terminal.press(answer)
            assert terminal.process.wait(60) == 0
        assert len(run(data, "get", "key", "-o", "name").stdout.split()) == left
