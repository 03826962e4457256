"""What people declare in folders, on a real node: moved, claimed twice, broken, knotted, paused, left be."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.node.committed import NAME, committed, source
from tests.node.running import RunningNode, hurt, key, processes, running_node, service, until
from tests.saving import save

pytestmark = [pytest.mark.req("CORE-01", "TST-47")]


def folders(node: RunningNode, *names: str) -> list[Path]:
    """Further folders that the root names as sources."""
    found = [node.place.parent / name for name in names]
    for folder in found:
        folder.mkdir()
    declared = [source(one.name, directory={"path": str(one)}) for one in found]
    save(node.place / "sources.yaml", "---\n".join(declared))
    return found


def with_meta(text: str, meta: str) -> str:
    """Something more in the metadata of a manifest."""
    return text.replace("metadata: {", f"metadata: {{{meta}, ", 1)


@pytest.mark.req("CORE-02", "CORE-09")
def test_a_service_moves_between_sources_and_its_process_goes_on() -> None:
    marker = f"mark-{uuid4().hex}"
    with running_node() as node:
        one, two = folders(node, "one", "two")
        save(one / "web.yaml", service("web", marker))
        save(two / "other.yaml", key("other"))
        node.start()
        until(lambda: node.converged({"service/web", "key/other"}), "it is up")
        before = set(processes(marker))
        save(two / "web.yaml", service("web", marker))
        until(lambda: node.source("two").get("resources") == 2, "both declare it alike")
        (one / "web.yaml").unlink()
        until(lambda: node.source("one").get("resources") == 0, "only the other declares it")
        until(lambda: _source_of(node, "service/web") == "two", "it is the other's now")
        until(lambda: node.converged({"service/web", "key/other"}), "all is well")
        assert set(processes(marker)) == before

        node.kill()
        node.start()
        until(lambda: node.converged({"service/web", "key/other"}), "and stays so")
        assert set(processes(marker)) == before


def _role(node: RunningNode) -> str:
    return str(node.resources()["key/shared"]["spec"]["role"])


def _sources(node: RunningNode) -> set[str]:
    return {one["name"] for one in node.ask("/sources")["data"]}


def _source_of(node: RunningNode, ref: str) -> str:
    found = node.resources().get(ref)
    return str(found["origin"]["source"]) if found is not None else ""


@pytest.mark.req("CORE-06", "CORE-09")
def test_of_two_sources_that_disagree_the_first_stays_and_both_are_named() -> None:
    with running_node() as node:
        one, two = folders(node, "one", "two")
        save(one / "a.yaml", key("shared"))
        node.start()
        until(lambda: node.converged({"key/shared"}), "the first declares it")
        save(two / "b.yaml", key("shared").replace("creator", "maintainer"))
        until(lambda: bool(node.source("two").get("problems")), "the second disagrees")
        (problem,) = node.source("two")["problems"]
        assert "key/shared is declared at a.yaml:1:1 (source one)" in problem
        assert "differently, at b.yaml:1:1 (source two)" in problem
        assert _role(node) == "creator"
        (one / "a.yaml").unlink()
        until(lambda: _role(node) == "maintainer", "the second one is in force")
        until(lambda: node.converged({"key/shared"}), "nobody disagrees any more")


@pytest.mark.timed
@pytest.mark.req("CORE-06", "CORE-09")
def test_where_nothing_is_in_force_the_first_in_order_counts_however_late_it_is_read() -> None:
    with running_node() as node:
        one, two = folders(node, "one", "two")
        save(two / "b.yaml", key("shared").replace("creator", "maintainer"))
        one.rmdir()
        node.start()
        until(lambda: node.status("key/shared").get("reason") == "WaitsForSource", "the first is not there")
        one.mkdir()
        save(one / "a.yaml", key("shared"))
        assert node.command("reconcile", "source/one").returncode == 0
        until(lambda: node.has({"key/shared"}), "it is")
        assert (_role(node), _source_of(node, "key/shared")) == ("creator", "one")
        (problem,) = node.source("two")["problems"]
        assert "is declared at a.yaml:1:1 (source one) and, differently, at b.yaml:1:1" in problem


def test_a_new_file_that_is_no_yaml_is_told_where_a_person_looks() -> None:
    with running_node() as node:
        save(node.place / "a.yaml", key("a"))
        save(node.place / "new.yaml", "x: ]\n")
        node.start()
        until(lambda: node.converged({"key/a"}), "it stands in nobody's way")
        assert "notice: new.yaml:1:4: " in node.command("source", "show", "root").stdout
        assert "new.yaml:1:4: " in node.command("describe", "source/root").stdout


@pytest.mark.req("CORE-04")
def test_in_a_folder_what_is_broken_stays_as_it_was_and_the_rest_goes_on() -> None:
    with running_node() as node:
        save(node.place / "a.yaml", key("a"))
        save(node.place / "b.yaml", key("b"))
        node.start()
        until(lambda: node.converged({"key/a", "key/b"}), "both")
        save(node.place / "a.yaml", key("a").replace("generate", "generat"))
        save(node.place / "c.yaml", key("c"))
        until(lambda: node.has({"key/a", "key/b", "key/c"}), "the others go on")
        until(lambda: bool(node.source().get("problems")), "and what is broken is told")
        (problem,) = node.source()["problems"]
        assert problem.startswith("a.yaml:4:")
        assert "did you mean 'generate'?" in problem
        before = node.source()["revision"]
        (node.place / "b.yaml").unlink()
        until(lambda: node.source()["revision"] != before, "it is read")
        assert node.has({"key/a", "key/b", "key/c"}), "with errors about, nothing is taken away"

        node.kill()
        node.start()
        until(lambda: node.has({"key/a", "key/b", "key/c"}), "nor by a restart amid it")
        save(node.place / "a.yaml", key("a"))
        until(lambda: node.converged({"key/a", "key/c"}), "mended, and what was to go is gone")


@pytest.mark.req("CORE-06")
def test_needs_in_a_circle_are_named_with_all_their_members() -> None:
    with running_node() as node:
        wishes = [
            key(one).replace("spec: {", f"spec: {{dependsOn: [key/{other}], ")
            for one, other in (("a", "b"), ("b", "c"), ("c", "a"))
        ]
        save(node.place / "all.yaml", "---\n".join([*wishes, key("free")]))
        node.start()
        until(lambda: bool(node.status("key/free").get("ready")), "the others go on")
        members = {"key/a", "key/b", "key/c"}
        until(
            lambda: {node.status(ref).get("reason") for ref in members} == {"DependencyCycle"}, "all say so"
        )
        for ref in members:
            assert all(member in node.status(ref)["message"] for member in members)
        save(node.place / "all.yaml", "---\n".join([key("c"), *wishes[:2], key("free")]))
        until(lambda: node.converged({"key/a", "key/b", "key/c", "key/free"}), "the circle is cut")


@pytest.mark.req("CORE-02")
def test_what_is_suspended_is_left_alone_until_its_time_is_over() -> None:
    marker = f"mark-{uuid4().hex}"
    with running_node() as node:
        save(node.place / "all.yaml", service("web", marker))
        node.start()
        until(lambda: node.converged({"service/web"}), "it runs")
        told = node.command("suspend", "service/web", "--for", "1h", "--reason", "a test")
        assert told.returncode == 0, told.stderr
        until(lambda: node.status("service/web")["reason"] == "Suspended", "it is suspended")
        (pid,) = processes(marker)
        save(node.place / "all.yaml", service("web", marker, env={"TURN": "2"}))
        until(lambda: node.status("service/web")["generation"] == 2, "the change is read")
        node.kill()
        node.start()
        until(lambda: node.status("service/web").get("reason") == "Suspended", "a crash does not end it")
        assert set(processes(marker)) == {pid}
        assert node.command("suspend", "service/web", "--for", "2s").returncode == 0
        node.kill()
        node.start()
        until(lambda: bool(set(processes(marker)) - {pid}), "its time is over, and the change is made")
        until(lambda: node.converged({"service/web"}), "it runs as it is declared")
        assert node.resources()["service/web"]["overrides"] == []
        assert "override.ended" in node.command("events", "--tail", "100").stdout


@pytest.mark.req("CORE-02")
def test_annotations_keep_hands_off() -> None:
    marker = f"mark-{uuid4().hex}"
    hands_off = "annotations: {holdfast.dev/reconcile: disabled}"
    staying = "annotations: {holdfast.dev/prune: disabled}"
    with running_node() as node:
        save(
            node.place / "all.yaml",
            "---\n".join([service("left", marker), with_meta(service("stays", marker), staying), key("k")]),
        )
        node.start()
        until(lambda: node.converged({"service/left", "service/stays", "key/k"}), "they run")
        pids = {words[-2]: pid for pid, words in processes(marker).items()}
        save(
            node.place / "all.yaml",
            "---\n".join([with_meta(service("left", marker, env={"TURN": "2"}), hands_off), key("k")]),
        )
        until(lambda: not node.status("service/stays"), "nobody declares it any more")
        until(lambda: node.status("service/left")["reason"] == "Suspended", "it is left alone")
        assert {words[-2]: pid for pid, words in processes(marker).items()} == pids
        save(
            node.place / "all.yaml",
            "---\n".join([service("left", marker, env={"TURN": "2"}), service("stays", marker), key("k")]),
        )
        until(lambda: bool(node.status("service/stays")), "it is wanted again")
        until(lambda: pids["left"] not in processes(marker), "the change is made")
        os.kill(pids["stays"], signal.SIGTERM)  # released, it is nobody's: a test leaves no process behind


@pytest.mark.req("CORE-04")
def test_a_source_that_names_sources_brings_and_takes_all_of_them() -> None:
    with running_node() as node:
        (above, below) = (node.place.parent / name for name in ("above", "below"))
        above.mkdir()
        below.mkdir()
        named = [source("above", directory={"path": str(above)})]
        save(node.place / "all.yaml", "---\n".join([*named, key("own")]))
        save(above / "all.yaml", "---\n".join([source("below", directory={"path": str(below)}), key("a")]))
        save(below / "all.yaml", "---\n".join(key(f"b{number}") for number in range(8)))
        everything = {"key/own", "key/a", *(f"key/b{number}" for number in range(8))}
        node.start()
        until(lambda: node.converged(everything), "all of them")
        save(node.place / "all.yaml", key("own"))
        until(lambda: node.source().get("held") == "PruneBudget", "so much is asked about")
        (problem,) = node.source()["problems"]
        # The keys, and the sources that brought them, out of all with the inbox and the root.
        assert "it would remove 11 of 14 resources" in problem
        assert node.has(everything)
        assert node.command("reconcile", "source/root", "--allow-prune").returncode == 0
        until(lambda: node.converged({"key/own"}), "all that it brought is gone")
        until(lambda: _sources(node) == {"inbox", "root"}, "and so are the sources themselves")


@pytest.mark.req("CORE-04")
def test_links_and_renames_are_noticed_and_so_is_what_no_watch_tells() -> None:
    with running_node() as node:
        place = node.place
        _swap(place, "1", key("a"))
        (place / "all.yaml").symlink_to("..data/all.yaml")
        node.start()
        until(lambda: node.converged({"key/a"}), "through links, as a ConfigMap lies there")
        _swap(place, "2", key("b"))
        until(lambda: node.converged({"key/b"}), "the link is swapped")
        saved = place / ".all.yaml.swp"
        (place / "all.yaml").unlink()
        saved.write_text(key("c"))
        saved.rename(place / "all.yaml")
        until(lambda: node.converged({"key/c"}), "an editor's rename")

        outside = place.parent / "outside.yaml"  # no watch is on its folder
        outside.write_text(key("d"))
        (place / "all.yaml").unlink()
        (place / "all.yaml").symlink_to(outside)
        until(lambda: node.converged({"key/d"}), "a link that leads out")
        outside.write_text(key("e"))
        until(lambda: node.converged({"key/e"}), "the slow look finds it")


def _swap(place: Path, version: str, text: str) -> None:
    folder = place / f"..{version}"
    folder.mkdir()
    (folder / "all.yaml").write_text(text)
    (place / "..tmp").symlink_to(folder.name)
    (place / "..tmp").rename(place / "..data")


@pytest.mark.req("CORE-02")
def test_drift_is_mended_and_a_second_look_does_nothing() -> None:
    marker = f"mark-{uuid4().hex}"
    with running_node() as node:
        save(node.place / "all.yaml", service("web", marker))
        node.start()
        until(lambda: node.converged({"service/web"}), "it runs")
        (pid,) = processes(marker)
        hurt(pid, signal.SIGKILL)
        until(lambda: bool(processes(marker)) and pid not in processes(marker), "it runs again")
        until(lambda: node.converged({"service/web"}), "and is well")
        until(node.judged, "the sources are judged")
        again = set(processes(marker))
        newest = node.ask("/daemon/stats")["newest_event"]
        asked = time.monotonic()
        assert node.command("reconcile", "service/web").returncode == 0
        until(
            lambda: node.status("service/web")["last_pass_age_s"] < time.monotonic() - asked,
            "it was looked at",
        )
        events = node.ask("/events/history", {"cursor": str(newest), "limit": "100"})["data"]
        assert [one["event"] for one in events] == ["operation.reconcile"]
        assert set(processes(marker)) == again


@pytest.mark.req("CORE-02", "CORE-09")
def test_a_file_moved_from_folder_to_folder_moves_no_process() -> None:
    """One `mv`, to where no watch tells of it: the folder that it leaves is read long before the other."""
    marker = f"mark-{uuid4().hex}"
    with running_node() as node:
        one, two = folders(node, "one", "two")
        hidden = node.place.parent / "hidden"
        hidden.mkdir()
        (two / "link").symlink_to(hidden)
        (one / "web.yaml").write_text(service("web", marker))
        for folder in (one, two):
            (folder / "stays.yaml").write_text(key(f"stays-in-{folder.name}"))
        everything = {"service/web", "key/stays-in-one", "key/stays-in-two"}
        node.start()
        until(lambda: node.converged(everything), "it is up")
        before = set(processes(marker))
        for _ in range(3):
            (one / "web.yaml").rename(hidden / "web.yaml")
            _moves_to(node, "two")
            until(lambda: node.converged(everything), "and all is well")
            assert set(processes(marker)) == before
            (hidden / "web.yaml").rename(one / "web.yaml")
            until(lambda: node.source("one").get("resources") == 2, "it is back")
            node.command("reconcile", "source/two")
            _moves_to(node, "one")
            assert set(processes(marker)) == before


@pytest.mark.needs("git")
@pytest.mark.req("CORE-02", "CORE-09")
def test_what_a_folder_gives_up_is_looked_for_in_a_repository_that_is_rarely_asked() -> None:
    marker = f"mark-{uuid4().hex}"
    with committed({"stays.yaml": key("stays")}) as scene:
        node = scene.node
        (node.place / "web.yaml").write_text(service("web", marker))
        until(lambda: node.converged({"service/web", "key/stays"}), "it is up")
        before = set(processes(marker))
        scene.repository.commit({"web.yaml": service("web", marker)}, "Take it over")
        (node.place / "web.yaml").unlink()
        _moves_to(node, NAME)
        until(lambda: node.converged({"service/web", "key/stays"}), "and all is well")
        assert set(processes(marker)) == before


@pytest.mark.needs("git")
@pytest.mark.req("CORE-02", "CORE-09")
def test_a_repository_that_cannot_be_asked_holds_no_removal_up_for_long() -> None:
    with committed({"stays.yaml": key("stays")}) as scene:
        node = scene.node
        (node.place / "goes.yaml").write_text(key("goes"))
        until(lambda: node.converged({"key/goes", "key/stays"}), "both")
        scene.repository.folder.rename(scene.repository.folder.with_name("away"))
        (node.place / "goes.yaml").unlink()
        until(lambda: node.has({"key/stays"}), "it goes all the same")
        until(lambda: bool(node.source(NAME).get("error")), "and why it took a moment can be told")


def _moves_to(node: RunningNode, source_name: str) -> None:
    until(lambda: _source_of(node, "service/web") == source_name, f"it is declared by {source_name}")
