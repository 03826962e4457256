"""`holdfast doctor` finds what is wrong with a machine, its folder and its node, and changes nothing."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.cli.doctor.finding import Finding, failed, ok, warning, worst
from reconciler.cli.doctor.folder import permissions, room, time
from reconciler.cli.doctor.machine import UNSYNCHRONISED, clock, containers, open_files, sqlite, watches
from reconciler.cli.doctor.node import port
from reconciler.cli.doctor.unit import unit
from tests.api.certificates import Authority
from tests.cli.shell import run
from tests.node.running import HOLDFAST, RunningNode, key, running_node, until
from tests.node.test_writes_nothing import files
from tests.saving import save

pytestmark = pytest.mark.req("CLI-08", "OBS-08")

GIB = 1 << 30
ANY_PORT = {"HOLDFAST_API_LISTEN": "127.0.0.1:0", "HOLDFAST_DAEMON_LEGACY_LISTEN": "127.0.0.1:0"}


def checked(node: RunningNode) -> tuple[int, dict[str, tuple[str, str]]]:
    """What it exits with, and of each check its state and its words."""
    ended = node.command("doctor", "-o", "json", **ANY_PORT)
    assert ended.stderr == ""
    told = json.loads(ended.stdout)
    assert all(bool(one["remedy"]) == (one["state"] != "ok") for one in told["checks"]), told
    assert told["status"] == ("failed" if ended.returncode else told["status"])
    return ended.returncode, {one["check"]: (one["state"], one["message"]) for one in told["checks"]}


def with_a_past(node: RunningNode) -> None:
    save(node.place / "all.yaml", key("release"))
    node.start(HOLDFAST_METRICS_INTERVAL_S="0")
    until(lambda: node.converged({"key/release"}), "it is up")
    until(node.judged, "no more is written")


def test_before_the_first_node() -> None:
    with running_node() as node:
        node.data.rmdir()
        status, found = checked(node)
        assert status == 0, found
        assert found["folder"] == ("ok", f"{node.data} is not there yet: the first node makes it")
        assert found["store"] == ("ok", "there is none yet")
        assert found["python"][1].endswith(sys.executable)
        assert not node.data.exists(), "to look makes no folder"
        told = node.command("doctor", **ANY_PORT).stdout
        assert "ok    sqlite" in told
        assert told.splitlines()[-1].endswith(" 0 failed")


def test_with_a_node_and_after_it_and_nothing_is_written() -> None:
    with running_node() as node:
        with_a_past(node)
        beat = {"d/holdfast.db-wal", "d/holdfast.db-shm", "log"}

        def stays() -> dict[str, tuple[int, int, str]]:
            return {path: it for path, it in files(node.data.parent).items() if path not in beat}

        before = stays()
        status, found = checked(node)
        assert (status, stays()) == (0, before)
        assert found["node"][0] == "ok"
        assert found["node"][1].startswith("running, up for ")
        assert found["store"][0] == "ok"
        assert not any(name.startswith("port") for name in found), "they are the node's"
        node.kill()
        before, beat = files(node.data.parent), set()
        status, found = checked(node)
        assert (status, stays()) == (0, before)
        assert found["node"] == ("ok", "none runs, and nothing keeps one from starting")
        assert found["store"][1].endswith("rows, all as they were written")


def test_a_node_that_is_not_well_says_which_part() -> None:
    with running_node() as node:
        with_a_past(node)
        save(node.place / "all.yaml", "apiVersion: holdfast.dev/v1\nkind: Kye\n")
        until(lambda: bool(node.source().get("problems")), "the error is seen")
        status, found = checked(node)
        assert status == 0, "the node does its work with what was good last"
        assert found["source/root"] == ("warning", "1 error in its manifests")


def test_a_row_that_somebody_has_changed_is_found() -> None:
    with running_node() as node:
        with_a_past(node)
        node.stop()
        with closing(sqlite3.connect(node.data / "holdfast.db")) as store:
            store.execute("UPDATE inventory SET source = 'mine' WHERE kind = 'Key'")
            store.commit()
        status, found = checked(node)
        assert status == 3
        assert found["store"][0] == "failed"
        assert "a row of inventory is not as it was written: Key, default, release" in found["store"][1]


def test_a_file_that_is_no_store_is_found() -> None:
    with running_node() as node:
        (node.data / "holdfast.db").write_bytes(b"nothing of the kind" * 100)
        status, found = checked(node)
        assert (status, found["store"][0]) == (3, "failed")


def test_settings_that_cannot_be_read_hide_nothing_else() -> None:
    with running_node() as node:
        (node.data / "holdfast.toml").write_text("[api]\nlisen = 1\n")
        status, found = checked(node)
        assert status == 3
        assert "there is no setting 'api.lisen'" in found["settings"][1]
        assert found["node"][0] == "ok"
        (node.data / "holdfast.toml").write_text("[api]\n")
        (node.data / "holdfast.toml").chmod(0o666)
        assert checked(node)[1]["settings"][0] == "failed"


@pytest.mark.req("AUTH-30")
def test_the_certificate_is_looked_at_as_a_node_would() -> None:
    with running_node() as node:
        authority = Authority(node.place)
        settings = node.data / "holdfast.toml"
        paths = f'tls_certificate = "{authority.certificate}"\ntls_key = "{authority.key}"\n'
        settings.write_text(f"[api]\n{paths}")

        def found() -> tuple[str, str]:
            return checked(node)[1]["certificate"]

        state, told = found()
        assert state == "failed"
        assert f"{authority.certificate} cannot be read" in told
        for days, state in ((30, "ok"), (1, "warning"), (0, "failed")):
            authority.issue("localhost", days=days)
            assert found()[0] == state, days
        authority.issue("localhost")
        authority.key.chmod(0o644)
        assert found() == ("failed", f"{authority.key} can be read by every user")
        other = authority.key.read_bytes()
        authority.issue("localhost")
        authority.key.write_bytes(other)
        state, told = found()
        assert state == "failed"
        assert f"{authority.certificate} with {authority.key}" in told
        settings.write_text(f"[api]\nenabled = false\n{paths}")
        assert "certificate" not in checked(node)[1], "nobody will be shown it"


def test_a_folder_that_cannot_be_looked_at_hides_nothing_else(tmp_path: Path) -> None:
    told = run(tmp_path / ("n" * 300), "doctor", "-o", "json")
    assert (told.returncode, told.stderr) == (3, b"")
    found = {one["check"]: one["state"] for one in json.loads(told.stdout)["checks"]}
    assert (found["folder"], found["node"], found["store"]) == ("failed",) * 3
    assert found["sqlite"] == "ok"


def test_a_folder_that_is_a_file() -> None:
    with running_node() as node:
        node.data.rmdir()
        node.data.write_text("")
        status, found = checked(node)
        assert (status, found["folder"][0]) == (3, "failed")
        node.data.unlink()
        node.data.mkdir()


def test_a_process_that_holds_the_folder_and_answers_nobody() -> None:
    import fcntl

    with running_node() as node, (node.data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, found = checked(node)
        assert (status, found["node"][0]) == (3, "failed")
        assert "answers nobody" in found["node"][1]


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        found = port("api.listen", f"127.0.0.1:{number}")
        assert (found.state, found.message) == ("failed", "another program listens there")
        assert "`api.listen`" in found.remedy
    assert port("api.listen", f"127.0.0.1:{number}").state == "ok"
    assert port("api.listen", "[::1]:0").state == "ok"
    assert port("api.listen", "127.0.0.1:many").state == "failed"
    assert port("api.listen", "127.0.0.1:99999").state == "failed"


@pytest.mark.parametrize(
    ("look", "state"),
    [
        (lambda: sqlite((3, 37, 9)), "failed"),
        (lambda: sqlite((3, 38, 0)), "ok"),
        (lambda: open_files(256), "warning"),
        (lambda: open_files(-1), "ok"),
        (lambda: clock(UNSYNCHRONISED | 1), "warning"),
        (lambda: clock(1), "ok"),
        (lambda: room(Path("/x"), 50 << 20, 10**6), "failed"),
        (lambda: room(Path("/x"), 500 << 20, 10**6), "warning"),
        (lambda: room(Path("/x"), 5 * GIB, 10), "failed"),
        (lambda: room(Path("/x"), 5 * GIB, 10**6), "ok"),
        (lambda: containers("", "/nowhere/docker.sock"), "warning"),
        (lambda: containers("tcp://10.0.0.1:2375", ""), "ok"),
    ],
)
def test_what_is_made_of_what_is_found(look: Callable[[], Finding], state: str) -> None:
    assert look().state == state


def test_the_watches_that_a_kernel_allows(tmp_path: Path) -> None:
    said = tmp_path / "said"
    assert watches(said).state == "ok"
    said.write_text("100\n")
    assert watches(said).state == "warning"
    said.write_text("100000\n")
    assert watches(said).state == "ok"


def test_an_engine_for_containers_that_answers() -> None:
    with running_node() as node, socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(node.data / "docker.sock"))
        engine.listen()
        assert containers(f"unix://{node.data}/docker.sock", "").state == "ok"


def test_a_clock_that_went_back() -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert time(None, now).state == "ok"
    assert time(now + timedelta(seconds=30), now).state == "ok"
    found = time(now + timedelta(days=1), now)
    assert found.state == "failed"
    assert "2026-02-01 12:00" in found.message


def test_who_may_look_into_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "keystore").mkdir(parents=True)
    data.chmod(0o700)
    (data / "keystore").chmod(0o755)
    assert permissions(data).state == "ok", "what nobody can enter covers what lies in it"
    data.chmod(0o755)
    found = permissions(data)
    assert found.state == "failed"
    assert str(data / "keystore") in found.remedy
    (data / "keystore").chmod(0o700)
    assert permissions(data).state == "ok"
    data.chmod(0o775)
    assert permissions(data).state == "failed"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_belongs_to_another(tmp_path: Path) -> None:
    (tmp_path / "keystore").mkdir(mode=0o700)
    os.chown(tmp_path / "keystore", 65534, 65534)
    found = permissions(tmp_path)
    assert found.state == "failed"
    assert "sudo" in found.remedy


UNITS = {
    f"[Service]\nExecStart={HOLDFAST} up --data /d\nKillMode=process\n": ("ok", ".service"),
    "[Service]\nExecStart=/nowhere/holdfast up\nKillMode=process\n": ("failed", "which is not there"),
    f"[Service]\nExecStart={HOLDFAST} up\n": ("failed", "would end all services"),
    "[Service]\n": ("failed", "starts nothing"),
    "[Service]\nExecStart='\n": ("failed", "starts nothing"),
    "\udc80": ("failed", "cannot be read"),
}


@pytest.mark.parametrize("text", UNITS)
def test_a_unit_of_systemd(text: str, tmp_path: Path) -> None:
    path = tmp_path / "holdfast.service"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    (found,) = unit(path, "", systemd=False)
    state, told = UNITS[text]
    assert found.state == state
    assert told in found.message


def test_a_unit_that_is_not_enabled(tmp_path: Path) -> None:
    path = tmp_path / "holdfast.service"
    assert list(unit(path, "", systemd=True)) == []
    path.write_text(f"[Service]\nExecStart={HOLDFAST} up\nKillMode=process\n")
    (found,) = unit(path, " --user", systemd=True)
    assert found.state == "warning"
    assert "enable --now" in found.remedy


def test_the_worst_of_all_is_what_is_told() -> None:
    fine, mild, bad = ok("a", ""), warning("b", "", "x"), failed("c", "", "x")
    assert [worst([fine]), worst([fine, mild]), worst([bad, mild, fine])] == ["ok", "warning", "failed"]
