"""`holdfast up` in the foreground: what it shows, what it says at its end, what signals do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.terminal import HOLDFAST, INTERRUPT, Terminal, on_a_terminal
from tests.node.running import RunningNode, key, processes, running_node, service, until
from tests.saving import save

pytestmark = [pytest.mark.needs("setsid")]
ENVIRON = {"HOLDFAST_DAEMON_LEGACY_LISTEN": ""}


@pytest.fixture
def node() -> Iterator[RunningNode]:
    """Its folders; whatever still runs in them at the end is stopped."""
    with running_node() as node:
        save(node.place / "release.yaml", key("release"))
        yield node


def words(node: RunningNode) -> tuple[str, ...]:
    return ("up", str(node.place), "--data", str(node.data), "--listen", "127.0.0.1:0")


@contextmanager
def shown(node: RunningNode, *, columns: int = 100, rows: int = 30) -> Iterator[Terminal]:
    with on_a_terminal(*words(node), environ=ENVIRON, columns=columns, rows=rows) as terminal:
        yield terminal


@contextmanager
def told(node: RunningNode) -> Iterator[subprocess.Popen[str]]:
    """The node where nobody watches: it writes lines into a pipe."""
    with subprocess.Popen(
        [HOLDFAST, *words(node)],
        env=os.environ | ENVIRON,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_with(stream: Iterator[str] | None, words: str) -> str:
    assert stream is not None
    return next(line for line in stream if words in line)


@pytest.mark.req("CLI-08")
def test_a_terminal_shows_how_everything_stands(node: RunningNode) -> None:
    save(node.place / "broken.yaml", service("broken", uuid4().hex, needs={"nowhere": "started"}))
    with shown(node) as terminal:
        until(lambda: "of 4 ready" in terminal.text, "the resources are counted")
        until(
            lambda: "service/broken  Reconciling  DependencyMissing: needs service/nowhere" in terminal.text,
            "and the reason is shown",
        )
        until(lambda: "source  root at dir:" in terminal.text, "so are the sources")
        until(lambda: "API     http://127.0.0.1:" in terminal.text, "and where it is served")
        until(lambda: "resource.ready       key/release" in terminal.text, "and what happened last")


@pytest.mark.req("CLI-08")
def test_the_view_fits_a_small_window(node: RunningNode) -> None:
    save(node.place / "more.yaml", "---\n".join(key(f"key-{number}") for number in range(30)))
    with shown(node, columns=40, rows=14) as terminal:
        until(lambda: "33 of 33 ready" in terminal.text, "all are ready")
        until(lambda: "more: `holdfast get` list" in terminal.text, "and not all are listed")
        assert max(map(len, terminal.text.splitlines())) <= 40


@pytest.mark.req("CLI-08", "DMN-09")
def test_an_interrupt_stops_the_node_and_says_that_services_go_on(node: RunningNode) -> None:
    marker = uuid4().hex
    save(node.place / "web.yaml", service("web", marker))
    with shown(node) as terminal:
        until(lambda: node.answers() and node.converged({"key/release", "service/web"}), "it is up")
        terminal.press(INTERRUPT)
        assert terminal.process.wait(60) == 0
        until(lambda: "stopped; the services go on: `holdfast down` stops them too" in terminal.text, "said")
    assert processes(marker)
    assert node.command("down", "--keep-services").returncode == 7
    assert processes(marker), "only the node was meant, and there is none"
    done = node.command("down")
    assert (done.returncode, done.stderr) == (0, "stopped the services; no node ran\n")
    assert not processes(marker)
    assert node.command("down").returncode == 7, "nothing is left to stop"
    node.start()
    until(lambda: bool(processes(marker)), "the next node starts it again")


@pytest.mark.parametrize("runs", [True, False], ids=["with a node", "without a node"])
@pytest.mark.req("CLI-08", "DMN-09", "CORE-04")
def test_what_was_let_go_of_goes_on_after_down(node: RunningNode, *, runs: bool) -> None:
    marker = uuid4().hex
    kept = service("kept", marker).replace("{name: kept}", "{name: kept, annotations: {PRUNE: disabled}}")
    orphan = service("orphan", marker, deletionPolicy="Orphan")
    left = [orphan, kept.replace("PRUNE", "holdfast.dev/prune")]
    save(node.place / "left.yaml", "---\n".join(left))
    save(node.place / "web.yaml", service("web", marker))
    node.start()
    whole = {"key/release", "service/kept", "service/orphan", "service/web"}
    until(lambda: node.converged(whole), "all is up")
    (node.place / "left.yaml").unlink()
    until(lambda: node.converged({"key/release", "service/web"}), "they are let go of")
    if not runs:
        node.stop()
    assert node.command("down").returncode == 0
    assert node.wait() == 0
    going_on = processes(marker)
    assert sorted(words[-2] for words in going_on.values()) == ["kept", "orphan"]
    assert node.command("down").returncode == 7, "nothing of a node's is left to stop"

    save(node.place / "left.yaml", "---\n".join(left))
    node.start()
    until(lambda: node.answers() and node.status("service/orphan").get("reason") == "ForeignObject", "judged")
    said = node.status("service/orphan")["message"]
    assert "or let go of; `adopt: true` takes it over" in said
    taken = [service(name, marker, adopt=True) for name in ("kept", "orphan")]
    save(node.place / "left.yaml", "---\n".join(taken))
    until(lambda: node.has(whole), "they are taken over")
    assert going_on.items() <= processes(marker).items(), "as they run"
    assert node.command("down").returncode == 0
    assert node.wait() == 0
    assert not processes(marker), "what was taken over ends with the others"


@pytest.mark.req("CLI-08", "DMN-09")
def test_a_service_that_will_not_end_is_said_where_no_node_runs(node: RunningNode) -> None:
    marker = uuid4().hex
    deaf = node.place.parent / "deaf"
    code = f"import signal, time; signal.signal(15, signal.SIG_IGN); open('{deaf}', 'w'); time.sleep(3600)"
    web = service("web", marker, command=[sys.executable, "-c", code, marker], stopGrace="2s")
    save(node.place / "web.yaml", web)
    node.start()
    until(deaf.exists, "it runs, and hears no SIGTERM")
    node.stop()
    done = node.command("down", "--timeout", "100ms")
    assert (done.returncode, done.stderr) == (9, "not ended in 100ms; it goes on stopping\n")
    until(lambda: not processes(marker), "it is killed after its grace")


@pytest.mark.req("CLI-08", "DMN-09")
def test_after_down_nobody_is_told_that_services_go_on(node: RunningNode) -> None:
    with shown(node) as terminal:
        until(lambda: node.answers() and node.converged({"key/release"}), "it is up")
        done = node.command("down", "-o", "json")
        assert (done.returncode, json.loads(done.stdout)) == (0, {"node": True, "services": True})
        assert terminal.process.wait(60) == 0
        until(lambda: "stopped, and the services with it" in terminal.text, "it says how it ended")
        assert "go on: `holdfast down`" not in terminal.text


@pytest.mark.req("DMN-09")
def test_a_second_interrupt_ends_it_at_once(node: RunningNode) -> None:
    """A client that never reads its answer holds the first stop up for the whole grace."""
    (node.data / "holdfast.toml").write_text("[daemon]\nshutdown_grace_s = 3600\n")
    with shown(node) as terminal:
        until(lambda: node.answers() and node.converged({"key/release"}), "it is up")
        follower = subprocess.Popen(
            [HOLDFAST, "events", "--follow", "--data", str(node.data)], stdout=subprocess.PIPE
        )
        with follower:
            assert follower.stdout is not None
            follower.stdout.readline()
            follower.send_signal(signal.SIGSTOP)
            terminal.press(INTERRUPT)
            until(lambda: "stopping" in terminal.text, "it has heard the first")
            terminal.press(INTERRUPT)
            status = terminal.process.wait(60)
            follower.kill()
    assert status in (0, 130, -signal.SIGINT), "a shell says 130 of both; 0: it was quicker than the second"
    until(lambda: "\x1b[?25h" in terminal.raw, "the cursor is shown again")


@pytest.mark.req("DMN-09")
def test_a_terminal_that_goes_away_stops_the_node_in_order(node: RunningNode) -> None:
    with shown(node) as terminal:
        until(lambda: node.answers() and node.converged({"key/release"}), "it is up")
        terminal.hang_up()
        assert terminal.process.wait(60) == 0


@pytest.mark.req("DMN-10")
def test_a_hangup_signal_reads_the_settings_anew(node: RunningNode) -> None:
    with told(node) as process:
        line_with(process.stdout, "resource.ready")
        (node.data / "holdfast.toml").write_text("[reconcile]\ninterval_s = 5\nworkers = 4\n")
        process.send_signal(signal.SIGHUP)
        assert (
            line_with(process.stderr, "settings read anew")
            .strip()
            .endswith("taken over: reconcile.interval_s: 30.0 -> 5.0")
        )
        assert "only a restart brings: reconcile.workers: 32 -> 4" in line_with(process.stderr, "restart")
        assert "needs_restart" in line_with(process.stdout, "config.changed")


@pytest.mark.req("DMN-10", "EVT-08")
def test_settings_that_cannot_be_read_change_nothing(node: RunningNode) -> None:
    settings = node.data / "holdfast.toml"
    with told(node) as process:
        line_with(process.stdout, "resource.ready")
        settings.write_text("[reconcile]\ninterval_s = 5\nintervall_s = 6\n")
        process.send_signal(signal.SIGHUP)
        assert "there is no setting 'reconcile.intervall_s'" in line_with(process.stderr, "stay as they were")
        assert any("stay as they were" in one for one in node.ask("/status")["problems"])
        (event,) = node.ask("/events/history", {"type": "guardrail.config_watcher"})["data"]
        assert (event["data"]["about"], event["data"]["remedy"] != "") == ("settings", True)
        settings.write_text("[reconcile]\ninterval_s = 5\n")
        process.send_signal(signal.SIGHUP)
        assert "30.0 -> 5.0" in line_with(process.stderr, "settings read anew")
        assert node.ask("/status")["problems"] == []


@pytest.mark.req("CLI-08")
def test_who_reads_its_lines_may_go(node: RunningNode) -> None:
    with told(node) as process:
        line_with(process.stdout, "resource.ready")
        assert process.stdout is not None
        process.stdout.close()
        save(node.place / "later.yaml", key("later"))
        until(lambda: node.converged({"key/release", "key/later"}), "the node goes on")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not (node.data / "holdfast.sock").exists()


@pytest.mark.req("CLI-08", "DMN-09")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_who_starts_it_may_have_closed_its_streams(node: RunningNode, closed: str) -> None:
    """What it opens itself would take their numbers, and the services' keeper would hold it open for ever."""
    marker = uuid4().hex
    save(node.place / "web.yaml", service("web", marker))
    started = ["sh", "-c", f'exec "$@" {closed}', "sh", HOLDFAST, *words(node)]
    with subprocess.Popen(started, env=os.environ | ENVIRON) as process:
        try:
            until(lambda: node.answers() and node.converged({"key/release", "service/web"}), "it is up")
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert not (node.data / "holdfast.sock").exists()
    assert processes(marker), "the service goes on"
    done = node.command("down", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"node": False, "services": True})


@pytest.mark.req("CLI-08")
def test_who_names_nothing_to_follow_is_told_so(node: RunningNode) -> None:
    command = [HOLDFAST, "up", "--data", str(node.data), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, env=os.environ | ENVIRON, stderr=subprocess.PIPE, text=True) as process:
        try:
            line_with(process.stderr, "no folder and no repository is followed: `holdfast up PATH` does so")
            until(node.answers, "it is up all the same")
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


@pytest.mark.req("DMN-10")
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_log_has_the_form_that_the_settings_say(node: RunningNode, form: str, tmp_path: Path) -> None:
    (node.data / "holdfast.toml").write_text(f'[log]\nlevel = "debug"\nformat = "{form}"\n')
    with told(node) as process:
        until(node.answers, "there is something to log")
        said = line_with(process.stderr, "/health")
        assert said.startswith("{") == (form == "json")


@pytest.mark.req("CLI-08", "CORE-05", "CORE-06")
def test_what_an_ended_node_was_told_still_counts(node: RunningNode) -> None:
    """Its folder is read by nobody then, and what was taken from it is no less wished."""
    manifest = node.place / "release.yaml"
    web = service("web", uuid4().hex, dependsOn=["key/release"], restartOn=["conf"])
    manifest.write_text(f"{key('release')}---\n{web}")
    (node.place / "conf").write_text("1")
    node.start()
    until(lambda: node.answers() and node.converged({"key/release", "service/web"}), "it is up")
    node.stop()
    glance = node.command("status", "-o", "json")
    assert (glance.returncode, json.loads(glance.stdout)["status"]) == (7, "stopped")
    same = node.command("diff", "-f", str(node.place))
    assert (same.returncode, same.stdout) == (
        0,
        "Plan: 0 to add, 0 to change, 0 to remove, 2 unchanged.\n",
    )
    manifest.write_text(manifest.read_text().replace("3600", "3601"))
    other = node.command("diff", "-f", str(node.place))
    assert other.returncode == 1
    assert "-/+ service/web" in other.stdout
    assert "declared differently in source root: change it there, `apply` refuses" in other.stdout
    assert node.command("apply", "-f", str(node.place), "--yes").returncode == 6
    assert "    role: creator\n" in node.command("describe", "key/release").stdout
    refused = node.command("delete", "key/release", "--yes")
    assert refused.returncode == 6
    assert "is declared in source root" in refused.stderr
    assert node.command("suspend", "service/web", "--reason", "a look").returncode == 0
    node.start()
    until(lambda: "Suspended" in node.command("get", "service/web").stdout, "the folder is read again")
    assert "a look" in node.command("describe", "service/web").stdout
