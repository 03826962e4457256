"""The command against a node that runs, as a person types it."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.node.running import RunningNode, key, processes, running_node, service, until
from tests.saving import save


@pytest.fixture(scope="module")
def marker() -> str:
    return f"mark-{uuid4().hex}"


@pytest.fixture(scope="module")
def one_for_all(marker: str) -> Iterator[RunningNode]:
    with running_node() as node:
        save(node.place / "declared.yaml", key("release") + "---\n" + service("web", marker))
        node.start()
        yield node


@pytest.fixture
def node(one_for_all: RunningNode) -> RunningNode:
    """As each test finds it, whichever came before: what others have applied is gone, and all is well."""
    node = one_for_all
    until(node.answers, "the node is up")
    for ref, one in node.resources().items():
        if one["origin"]["source"] == "inbox":
            node.command("delete", ref, "--yes")
    until(lambda: node.converged({"key/release", "service/web"}), "all is well")
    until(node.judged, "and known to be")
    return node


@pytest.fixture
def manifest(node: RunningNode) -> Path:
    return node.place.parent / f"{uuid4().hex}.yaml"


@pytest.mark.req("CLI-08", "CORE-05")
def test_what_a_source_declares_already_is_unchanged(node: RunningNode) -> None:
    told = node.command("diff", "-f", str(node.place))
    assert told.stdout.splitlines()[-1] == "Plan: 0 to add, 0 to change, 0 to remove, 2 unchanged."
    assert told.returncode == 0
    applied = node.command("apply", "-f", str(node.place), "--wait", "--yes")
    assert applied.returncode == 0, applied.stderr
    assert "2 of 2 are ready." in applied.stderr


@pytest.mark.req("CLI-08", "CORE-01")
def test_a_manifest_that_comes_along_as_a_file_declares_nothing(node: RunningNode, marker: str) -> None:
    """A service whose folder is that of its manifest needs the folder's files, and it lies among them."""
    folder = node.place.parent / "shop"
    folder.mkdir()
    whole = service("shop", marker, cwd=".", env={"TURN": "1"})
    (folder / "shop.yaml").write_text(whole)
    assert node.command("apply", "-f", str(folder), "--wait", "--yes").returncode == 0
    (folder / "shop.yaml").write_text(service("shop", marker, cwd=".", env={"TURN": "2"}))
    again = node.command("apply", "-f", str(folder), "--wait", "--yes")
    assert again.returncode == 0, again.stderr
    assert node.source("inbox")["problems"] == []
    assert node.source("inbox")["resources"] == 1
    assert node.command("delete", "service/shop", "--yes").returncode == 0
    assert node.command("wait", "service/shop", "--for", "Gone", "--timeout", "60s").returncode == 0


@pytest.mark.req("CLI-01", "CLI-08", "TST-47")
def test_diff_names_the_field_and_exits_with_one(node: RunningNode, manifest: Path, marker: str) -> None:
    manifest.write_text(service("extra", marker))
    assert node.command("apply", "-f", str(manifest), "--yes", "--wait").returncode == 0
    manifest.write_text(service("extra", marker, env={"TURN": "2"}))
    told = node.command("diff", "-f", str(manifest))
    assert told.returncode == 1
    assert "-/+ service/extra" in told.stdout
    assert "env.TURN: null -> 2  (forces the recreate)" in told.stdout
    assert told.stdout.splitlines()[-1] == "Plan: 0 to add, 1 to change, 0 to remove, 0 unchanged."
    gone = node.command("delete", "service/extra", "--yes")
    assert gone.returncode == 0
    assert node.command("wait", "service/extra", "--for", "Gone", "--timeout", "60s").returncode == 0
    assert not [words for words in processes(marker).values() if words[-2] == "extra"]


@pytest.mark.req("CLI-08", "CORE-06")
def test_to_wait_is_to_wait_for_what_was_just_applied(node: RunningNode, manifest: Path, marker: str) -> None:
    for turn in ("1", "2", "3"):
        manifest.write_text(service("turned", marker, env={"TURN": turn}))
        assert node.command("apply", "-f", str(manifest), "--yes", "--wait").returncode == 0
        (pid,) = (pid for pid, words in processes(marker).items() if words[-2] == "turned")
        assert f"TURN={turn}" in Path(f"/proc/{pid}/environ").read_text().split("\0")
    assert node.command("delete", "service/turned", "--yes").returncode == 0


@pytest.mark.req("CLI-01")
def test_a_saved_plan_is_applied_only_while_it_is_the_same(node: RunningNode, manifest: Path) -> None:
    plan = manifest.with_suffix(".plan")
    manifest.write_text(key("planned"))
    assert node.command("diff", "-f", str(manifest), "--out", str(plan)).returncode == 1
    assert node.command("apply", str(plan), "--yes", "--wait").returncode == 0
    again = node.command("apply", str(plan), "--yes")
    assert again.returncode == 6
    assert "the changes are no longer those of the saved plan" in again.stderr


@pytest.mark.req("CORE-09", "CLI-01", "CLI-02")
def test_what_a_source_declares_is_changed_there(node: RunningNode) -> None:
    told = node.command("delete", "key/release", "--yes")
    assert told.returncode == 6
    assert "declared.yaml:1:1 (source root)" in told.stderr
    assert "remedy: take it out there" in told.stderr


@pytest.mark.req("CORE-05", "CORE-09", "CLI-01", "TST-47")
def test_a_changed_copy_of_what_a_source_declares_is_previewed_and_not_applied(
    node: RunningNode, manifest: Path, marker: str
) -> None:
    manifest.write_text(
        key("release").replace("creator", "maintainer") + "---\n" + service("web", marker, env={"TURN": "2"})
    )
    told = node.command("diff", "-f", str(manifest))
    assert told.returncode == 1
    assert "~ key/release\n    role: creator -> maintainer\n-/+ service/web\n" in told.stdout
    assert (
        "! key/release is declared differently at declared.yaml:1:1 (source root): change it there"
        in told.stdout
    )
    assert told.stdout.splitlines()[-1] == "Plan: 0 to add, 2 to change, 0 to remove, 0 unchanged."
    pids = processes(marker)
    for words in (["apply", "--yes"], ["apply", "--dry-run"]):
        refused = node.command(*words, "-f", str(manifest))
        assert refused.returncode == 6
        assert "service/web is declared differently at declared.yaml:" in refused.stderr
        assert "remedy: change it there" in refused.stderr
    assert processes(marker) == pids


@pytest.mark.req("CORE-05")
def test_a_group_that_comes_or_goes_is_counted_with_its_services(
    node: RunningNode, manifest: Path, marker: str
) -> None:
    group = service("shop", marker).replace("kind: Service", "kind: ServiceGroup")
    head, _, spec = group.partition("spec: ")
    manifest.write_text(f"{head}spec: {{services: {{web: {spec.strip()}}}}}\n")
    told = node.command("diff", "-f", str(manifest))
    assert told.stdout.splitlines()[-1] == "Plan: 2 to add, 0 to change, 0 to remove, 0 unchanged."
    assert node.command("apply", "-f", str(manifest), "--set", "shop", "--yes", "--wait").returncode == 0
    manifest.write_text(key("instead"))
    told = node.command("diff", "-f", str(manifest), "--set", "shop", "--prune", "--allow-prune")
    assert told.stdout.splitlines()[-1] == "Plan: 1 to add, 0 to change, 2 to remove, 0 unchanged."
    assert node.command("delete", "servicegroup/shop", "--yes").returncode == 0


@pytest.mark.req("CLI-03")
def test_lists_come_as_people_and_programs_read_them(node: RunningNode) -> None:
    table = node.command("get", "key")
    assert table.stdout.splitlines()[0].split()[:3] == ["NAME", "READY", "REASON"]
    found = json.loads(node.command("get", "key/release", "-o", "json").stdout)
    assert [one["status"]["ref"] for one in found] == ["key/release"]
    assert node.command("get", "service", "-o", "name").stdout.splitlines() == ["service/web"]
    assert "status:" in node.command("get", "service/web", "-o", "yaml").stdout
    assert "SOURCE" in node.command("get", "-o", "wide").stdout.splitlines()[0]


@pytest.mark.req("CLI-04", "CLI-06", "CORE-11", "CORE-19", "CORE-24")
def test_another_way_to_the_node_is_taken_from_flags_and_the_environment(
    node: RunningNode, tmp_path: Path
) -> None:
    socket = str(node.data / "holdfast.sock")
    told = node.command("get", "key/release", "-o", "name", "--data", str(tmp_path), "--socket", socket)
    assert told.stdout == "key/release\n"
    missing = node.command("get", "key/none")
    assert missing.returncode == 5
    assert missing.stderr.startswith("error (Not Found): key/none does not exist\n  remedy: ")


@pytest.mark.req("CLI-07", "CLI-08", "CORE-11")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("describe", "service/web"), "declared at declared.yaml"),
        (("explain", "service/web"), "service/web is ready"),
        (("explain", "service.spec.health"), "How to tell that it does its work."),
        (("explain", "servicegroup.spec.services"), "stopGrace"),
        (("explain", "servicegroup.spec.services.web.health"), "startPeriod"),
        (("explain", "servicegroup.spec.services.health"), "startPeriod"),
        (("status",), "Service"),
        (("status", "-o", "json"), '"resources": '),
        (("events", "--tail", "3", "key/release"), "key/release"),
        (("events", "-o", "json"), '"event": '),
        (("graph",), "service/web"),
        (("graph", "-o", "mermaid"), "graph LR"),
        (("graph", "-o", "dot"), "digraph holdfast {"),
        (("source", "ls"), "root"),
        (("source", "ls", "-o", "json"), '"type": "directory"'),
        (("source", "show"), "directory"),
        (("source", "history"), "ready"),
        (("source", "history", "root", "-o", "json"), '"outcome": '),
        (("key", "ls"), "ed25519:"),
        (("key", "ls", "-o", "name"), "key/release"),
        (("key", "ls", "-l", "team=none"), "nothing is declared"),
        (("-n", "none", "get", "-A", "key"), "key/release"),
        (("-n", "none", "get"), "nothing is declared"),
        (("node", "status"), "Service"),
        (("graph", "-o", "json"), '"service/web": ['),
        (("service", "logs", "web"), ""),
        (("events", "--since", "1h", "--type", "resource.*"), "resource.ready"),
        (("events", "--since", "2020-01-01"), "resource.ready"),
        (("node", "install", "--print"), "KillMode=process"),
        (("node", "install", "--print"), "ExecReload=/bin/kill -HUP $MAINPID"),
        (("completion", "bash"), "_holdfast_completion"),
        (("version",), "holdfast "),
    ],
)
def test_every_noun_and_verb_answers(node: RunningNode, words: tuple[str, ...], said: str) -> None:
    told = node.command(*words)
    assert told.returncode == 0, told.stderr
    assert said in told.stdout


@pytest.mark.req("CLI-07")
def test_a_persons_word_lasts_until_it_is_taken_back(node: RunningNode, marker: str) -> None:
    assert node.command("service", "stop", "web", "--for", "1h", "--reason", "a test").returncode == 0
    until(lambda: not processes(marker), "the service is stopped")
    described = node.command("describe", "service/web").stdout
    assert "a test" in described
    assert "state: stopped" in described
    assert node.command("service", "start", "web").returncode == 0
    until(lambda: bool(processes(marker)), "the service runs again")
    assert node.command("suspend", "key/release", "--for", "1h").returncode == 0
    until(lambda: "Suspended" in node.command("get", "key/release").stdout, "the key is left alone")
    assert node.command("resume", "key/release").returncode == 0
    assert node.command("resume", "key/release").returncode == 5


@pytest.mark.req("CLI-07")
def test_a_service_is_restarted_by_hand_unless_a_person_has_spoken(node: RunningNode, marker: str) -> None:
    before = set(processes(marker))
    told = node.command("service", "restart", "web")
    assert told.returncode == 0, told.stderr
    assert processes(marker)
    assert not before & set(processes(marker))
    assert node.command("service", "stop", "web", "--reason", "hands off").returncode == 0
    refused = node.command("service", "restart", "service/web")
    assert refused.returncode == 6
    assert "(hands off)" in refused.stderr
    assert node.command("service", "start", "web").returncode == 0


@pytest.mark.req("CLI-07", "CLI-08")
def test_an_addition_shows_what_was_written_and_no_more(node: RunningNode, manifest: Path) -> None:
    manifest.write_text(
        "apiVersion: holdfast.dev/v1\nkind: Service\nmetadata: {name: napper}\n"
        'spec: {command: [sleep, "9"], env: {MODE: "a\\nb"}}\n'
    )
    told = node.command("diff", "-f", str(manifest))
    assert told.stdout.startswith(
        '+ service/napper\n    command: ["sleep", "9"]\n    env: {"MODE": "a\\nb"}\n\nPlan: 1 to add'
    )


@pytest.mark.req("CLI-08")
def test_looking_now_and_going_back(node: RunningNode) -> None:
    assert node.command("reconcile", "source/root").returncode == 0
    assert node.command("source", "push").returncode == 0
    told = node.command("rollback", "root", "nothing-begins-so")
    assert told.returncode == 2
    assert "no revision of source root begins with" in told.stderr


@pytest.mark.req("CLI-08")
def test_the_output_of_services_is_read(node: RunningNode, manifest: Path) -> None:
    manifest.write_text(
        "apiVersion: holdfast.dev/v1\nkind: Service\nmetadata: {name: talker}\n"
        'spec: {command: [echo, hello there], restart: "on-failure"}\n'
    )
    assert node.command("apply", "-f", str(manifest), "--yes", "--wait").returncode == 0
    until(lambda: "hello there" in node.command("logs", "talker").stdout, "it has said so")
    assert node.command("logs", "talker", "web", "--tail", "1").stdout.startswith("talker | hello there")


@pytest.mark.req("DMN-12")
def test_a_second_node_on_the_same_folder_is_refused(node: RunningNode) -> None:
    told = node.command("up", str(node.place))
    assert told.returncode == 6
    assert "is in use by process" in told.stderr


@pytest.mark.req("DMN-10")
def test_the_socket_is_the_owners_alone(node: RunningNode) -> None:
    assert stat.S_IMODE((node.data / "holdfast.sock").stat().st_mode) == 0o600


@pytest.mark.req("DMN-09")
def test_down_waits_for_the_end_also_of_a_node_that_is_named_by_its_socket() -> None:
    with running_node() as node:
        save(node.place / "release.yaml", key("release"))
        node.start()
        until(lambda: node.converged({"key/release"}), "it is up")
        told = node.command("--socket", str(node.data / "holdfast.sock"), "down", "--keep-services")
        assert told.returncode == 0, told.stderr
        assert told.stderr == "stopped; the services go on\n"
        until(node.ended, "so has the node")


@pytest.mark.req("DMN-09", "DMN-11")
def test_a_stop_in_order_leaves_the_services_running(marker: str) -> None:
    own = f"{marker}-stop"
    with running_node() as node:
        save(node.place / "web.yaml", service("web", own))
        node.start()
        until(lambda: node.converged({"service/web"}), "it is up")
        before = set(processes(own))
        assert node.stop() == 0
        assert set(processes(own)) == before
        node.start()
        until(lambda: node.converged({"service/web"}), "it is up again")
        assert set(processes(own)) == before, "adopted, not doubled"
        assert node.command("down").returncode == 0
        assert not processes(own), "down stops the services, and returns when they have ended"
        until(node.ended, "so has the node")


@pytest.mark.req("CLI-02", "CORE-06")
def test_a_diff_warns_where_two_sources_say_different_things(node: RunningNode, tmp_path: Path) -> None:
    """The inbox was first; what the folder says later is refused, and every diff tells so."""
    applied, other = tmp_path / "twice.yaml", tmp_path / "other.yaml"
    applied.write_text(key("twice"))
    other.write_text(key("other"))
    assert node.command("apply", "-f", str(applied), "--yes").returncode == 0
    rival = node.place / "twice.yaml"
    rival.write_text(key("twice").replace("creator", "maintainer"))
    told = "! key/twice is declared at "
    until(lambda: told in node.command("diff", "-f", str(other)).stdout, "it is told")
    (warning,) = (
        line for line in node.command("diff", "-f", str(other)).stdout.splitlines() if line.startswith(told)
    )
    assert "(source inbox) and, differently, at twice.yaml" in warning
    rival.unlink()
    until(lambda: told not in node.command("diff", "-f", str(other)).stdout, "until it is so no more")
    assert node.command("delete", "key/twice", "--yes").returncode == 0
