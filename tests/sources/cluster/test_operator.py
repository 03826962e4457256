"""The operator, end to end: a real API server, a real node, real processes."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.node.running import processes, until
from tests.sources.cluster.apiserver import Cluster, Json, custom
from tests.sources.cluster.operators import RunningOperator, running_operator, sleeper

pytestmark = [pytest.mark.needs("etcd", "kube-apiserver", "openssl"), pytest.mark.req("CORE-07", "TST-47")]


def group(namespace: str, *services: str) -> Json:
    """A group of services that sleep; the namespace tells its processes from all others."""
    commands = {name: {"command": sleeper(namespace, name)} for name in services}
    return custom("ServiceGroup", namespace, "web", services=commands)


def names(namespace: str) -> list[str]:
    """The services whose processes run, each as often as it does."""
    return sorted(words[4] for words in processes(namespace).values())


@pytest.mark.req("CORE-09")
def test_custom_resources_become_real_change_and_go(cluster: Cluster, namespace: str) -> None:
    with running_operator(cluster, namespace) as operator:
        key, web = f"{namespace}/keys/release", f"{namespace}/servicegroups/web"
        cluster.apply(
            custom("Key", namespace, "release", role="creator", generate=True), group(namespace, "a", "b")
        )
        until(lambda: cluster.ready(key) and cluster.ready(web), "both are ready")
        assert names(namespace) == ["a", "b"]
        found = cluster.get(key)
        assert found is not None
        assert found["metadata"]["finalizers"] == ["holdfast.dev/removed"]
        assert found["status"]["columns"]["fingerprint"].startswith("ed25519:")
        view = operator.resources()[f"key/{namespace}/release"]
        assert view["origin"]["managed_by"] == "operator"
        refused = operator.command("delete", f"key/{namespace}/release")
        assert refused.returncode != 0, "what the cluster declares, only the cluster takes back"

        before = processes(namespace)
        cluster.apply(group(namespace, "a", "c"))
        until(lambda: cluster.ready(web) and names(namespace) == ["a", "c"], "the change has come true")
        kept = [pid for pid, words in processes(namespace).items() if words[4] == "a"]
        assert kept == [pid for pid, words in before.items() if words[4] == "a"], (
            "what did not change goes on"
        )

        cluster.delete(web)
        until(lambda: cluster.get(web) is None, "it is gone, and its finalizer was lifted")
        assert names(namespace) == []
        cluster.delete(key)
        until(lambda: cluster.get(key) is None, "the key is gone")
        news = {("release", "ResourceReady"), ("web", "ResourceReady"), ("web", "ReconcileApplied")}
        until(lambda: news <= _told(cluster, namespace), "the cluster was told what has happened")


def _told(cluster: Cluster, namespace: str) -> set[tuple[str, str]]:
    events = cluster.http.get(f"/api/v1/namespaces/{namespace}/events").json()["items"]
    return {(one["involvedObject"]["name"], one["reason"]) for one in events}


@pytest.mark.req("OBS-24")
def test_a_secret_reaches_its_service_and_nothing_that_the_cluster_shows(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    planted = "hunter2-" + namespace
    web, value = f"{namespace}/servicegroups/web", tmp_path / "value"
    with running_operator(cluster, namespace) as operator:
        until(operator.answers, "the node is there, with its identity")
        value.write_text(planted)
        manifest = operator.command(
            "secret", "encrypt", str(value), "--name", "db", "--key", "password"
        ).stdout
        reference = {"PASSWORD": {"secret": "db", "key": "password"}}
        services = {"a": {"command": sleeper(namespace, "a"), "env": reference}}
        cluster.apply(custom("ServiceGroup", namespace, "web", services=services))
        until(lambda: _waits(cluster, web), "the group says what it waits for")
        cluster.apply(custom("Secret", namespace, "db", **yaml.safe_load(manifest)["spec"]))
        until(lambda: cluster.ready(f"{namespace}/secrets/db") and cluster.ready(web), "both are ready")
        [pid] = processes(namespace)
        assert f"PASSWORD={planted}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
        shown = [cluster.get(web), cluster.get(f"{namespace}/secrets/db")]
        events = cluster.http.get(f"/api/v1/namespaces/{namespace}/events").text
        assert planted not in json.dumps(shown) + events + operator.log.read_text()


def _waits(cluster: Cluster, ref: str) -> bool:
    condition = cluster.condition(ref, "Ready")
    return condition is not None and condition["status"] == "False" and condition["reason"] != "Pending"


@pytest.mark.req("CORE-09")
def test_what_another_source_declares_differently_says_so_until_that_takes_it_back(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    name, file = f"{namespace}/keys/release", tmp_path / "key.yaml"
    with running_operator(cluster, namespace) as operator:
        until(operator.answers, "the node is there")
        file.write_text(json.dumps(custom("Key", namespace, "release", role="maintainer", generate=True)))
        assert operator.command("apply", "-f", str(file), "--yes", "--wait").returncode == 0
        cluster.apply(custom("Key", namespace, "release", role="creator", generate=True))
        until(lambda: cluster.condition(name, "Stalled") is not None, "it says that it is not in force")
        stalled = cluster.condition(name, "Stalled")
        assert stalled is not None
        assert stalled["reason"] == "Conflict"
        assert "is declared at" in stalled["message"]
        assert operator.command("delete", f"key/{namespace}/release", "--yes").returncode == 0
        until(lambda: cluster.ready(name) and _role(cluster, name) == "creator", "it comes into force")


def _role(cluster: Cluster, name: str) -> str:
    found = cluster.get(name)
    return str(found["status"]["columns"]["role"]) if found is not None else ""


def test_what_is_wrong_is_told_where_it_stands_and_holds_up_nothing_else(
    cluster: Cluster, namespace: str
) -> None:
    good, bad = f"{namespace}/keys/good", f"{namespace}/servicegroups/web"
    with running_operator(cluster, namespace) as operator:
        cluster.apply(group(namespace, "a"))
        until(lambda: cluster.ready(bad), "the group is ready")
        spec = {"services": {"a": {"command": sleeper(namespace, "a"), "needs": {"nobody": "healthy"}}}}
        cluster.patch(bad, {"spec": spec})
        until(lambda: cluster.condition(bad, "Stalled") is not None, "it says that it is wrong")
        stalled = cluster.condition(bad, "Stalled")
        assert stalled is not None
        assert stalled["reason"] == "Invalid"
        assert "nobody" in stalled["message"]
        assert names(namespace) == ["a"], "the last good version stays in force"

        operator.kill()
        operator.start()
        cluster.apply(custom("Key", namespace, "good", role="creator", generate=True))
        until(lambda: cluster.ready(good), "another one comes into force")
        cluster.delete(good)
        until(lambda: cluster.get(good) is None, "and goes")
        assert names(namespace) == ["a"], "also after a restart"

        cluster.patch(bad, {"spec": {"services": {"a": {"needs": None}}}})
        until(lambda: cluster.ready(bad) and not cluster.condition(bad, "Stalled"), "it is put right")


@pytest.mark.random
def test_killed_at_any_moment_it_converges_and_nothing_is_doubled(cluster: Cluster, namespace: str) -> None:
    moments = random.Random(7)
    web = f"{namespace}/servicegroups/web"
    with running_operator(cluster, namespace) as operator:
        for round_ in range(8):
            wanted = sorted(moments.sample("abcdef", moments.randint(1, 5)))
            cluster.apply(group(namespace, *wanted))
            if round_ % 3 == 2:
                cluster.delete(web)
                wanted = []
            until(_nearly(namespace, wanted, moments.randint(0, 5)), "it is under way")
            operator.kill()
            operator.start()
            if wanted:
                until(lambda: cluster.ready(web), "it is ready")
            else:
                until(lambda: cluster.get(web) is None, "it is gone")
            assert names(namespace) == wanted


def _nearly(namespace: str, wanted: list[str], missing: int) -> Callable[[], bool]:
    return lambda: len(set(names(namespace)) ^ set(wanted)) <= missing


def test_one_of_two_acts_and_the_other_takes_over(cluster: Cluster, namespace: str) -> None:
    web = f"{namespace}/servicegroups/web"
    with running_operator(cluster, namespace) as first:
        first.kill()  # only its folder is wanted: these two elect
        words = ("--namespace", namespace)
        one, other = (RunningOperator(first.data, first.kubeconfig, *words) for _ in range(2))
        one.log, other.log = (first.data.parent / name for name in ("one", "other"))
        try:
            one.start()
            until(lambda: one.said("leading"), "the first leads")
            other.start()
            until(lambda: other.said("waiting for the lease"), "the second waits")
            cluster.apply(group(namespace, "a"))
            until(lambda: cluster.ready(web), "the leader acts")
            assert not other.said("leading")
            before = processes(namespace)
            one.kill()
            until(lambda: other.said("leading"), "the second takes over")
            cluster.apply(group(namespace, "a", "b"))
            until(lambda: cluster.ready(web) and names(namespace) == ["a", "b"], "the new leader acts")
            assert before.items() <= processes(namespace).items(), "what ran goes on, and once"
            assert other.stop() == 0
            lease = cluster.http.get(
                "/apis/coordination.k8s.io/v1/namespaces/holdfast-system/leases/holdfast"
            ).json()
            assert not lease["spec"].get("holderIdentity"), "whoever ends in order gives the lease back"
        finally:
            for each in (one, other):
                if not each.ended():
                    each.kill()


def test_who_loses_the_lease_acts_no_more(cluster: Cluster, namespace: str) -> None:
    with running_operator(cluster, namespace) as first:
        first.kill()
        leader = RunningOperator(first.data, first.kubeconfig, "--namespace", namespace)
        leader.start()
        try:
            until(lambda: leader.said("leading"), "it leads")
            path = "/apis/coordination.k8s.io/v1/namespaces/holdfast-system/leases/holdfast"
            cluster.http.patch(
                path,
                json={
                    "spec": {"holderIdentity": "somebody-else", "renewTime": "2030-01-01T00:00:00.000000Z"}
                },
                headers={"Content-Type": "application/merge-patch+json"},
            ).raise_for_status()
            until(leader.ended, "it ends")
            assert leader.said("the lease was lost: somebody-else has it")
            cluster.http.delete(path).raise_for_status()
        finally:
            if not leader.ended():
                leader.kill()


def test_while_the_server_does_not_answer_all_goes_on(cluster: Cluster, namespace: str) -> None:
    web = f"{namespace}/servicegroups/web"
    with running_operator(cluster, namespace) as operator:
        cluster.apply(group(namespace, "a", "b"))
        until(lambda: cluster.ready(web), "it is ready")
        operator.kill()
        kubeconfig, operator.kubeconfig = operator.kubeconfig, cluster.kubeconfig(port=1)
        operator.start()
        until(operator.answers, "the node is up without its cluster")
        [victim] = [pid for pid, words in processes(namespace).items() if words[4] == "b"]
        until(
            lambda: f"servicegroup/{namespace}/web" in operator.resources(), "what was in force is so again"
        )
        os.kill(victim, signal.SIGKILL)
        until(
            lambda: names(namespace) == ["a", "b"] and victim not in processes(namespace), "drift is repaired"
        )
        until(
            lambda: "does not answer" in operator.resources()["source/root"]["status"]["message"],
            "the source says why nothing new comes",
        )
        assert not operator.resources()["source/root"]["status"]["ready"]
        operator.kill()
        operator.kubeconfig = kubeconfig
        operator.start()
        cluster.delete(web)
        until(lambda: cluster.get(web) is None, "it goes on where it was")
        assert names(namespace) == []
